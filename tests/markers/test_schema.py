"""Schemas: built in, from TOML, and what they make of tokens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.console.types import Line
from harness.errors import UsageError
from harness.markers.parser import MarkerParser
from harness.markers.schema import PLAN, Schema, load_schema
from harness.markers.types import Marker

ROOT = Path(__file__).parents[2]


def marker(text: str, schema: Schema = PLAN) -> Marker:
    return MarkerParser(schema).feed(Line(1, 0, 0, text.encode(), text, 0))[0]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "markers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_plan_has_exactly_its_five_families() -> None:
    shape = {
        name: {event: [field.name for field in fields] for event, fields in family.events.items()}
        for name, family in PLAN.families.items()
    }
    assert shape == {
        "SOAK": {
            "START": ["clients", "duration_sec"],
            "CLIENT_CREATED": ["id"],
            "CLIENT_DESTROYED": ["id"],
            "METRICS_SNAPSHOT": ["cpu_percent", "mem_kb", "latency_us", "fps"],
            "COMPLETE": ["result"],
        },
        "STRESS": {
            "START": ["test_type", "target_level"],
            "LOAD_APPLIED": ["level", "cpu_percent", "mem_percent"],
            "LATENCY_SAMPLE": ["latency_us"],
            "DEGRADATION": ["level", "latency_ratio"],
            "COMPLETE": ["result"],
        },
        "FAILURE": {
            "INJECT": ["scenario", "target_id"],
            "DETECTED": ["failure_type", "id"],
            "RECOVERY_START": ["id"],
            "RECOVERY_COMPLETE": ["id", "outcome"],
            "TEST_COMPLETE": ["result"],
        },
        "PERF": {
            "PROFILE_START": ["operation"],
            "SAMPLE": ["operation", "latency_us", "percentile"],
            "THROUGHPUT": ["operation", "ops_per_sec"],
            "MEMORY": ["allocated_kb", "peak_kb", "fragmentation_percent"],
            "REPORT": ["metric", "value", "unit"],
        },
        "INTEGRATION": {
            "SCENARIO_START": ["name"],
            "MILESTONE": ["description"],
            "VERIFY": ["check", "result"],
            "SCENARIO_COMPLETE": ["name", "result"],
        },
    }


def test_the_built_in_schema_needs_no_validation_library() -> None:
    code = "import sys, harness.markers.scan, harness.markers.match, harness.markers.typos, harness.console.pump; "
    code += "sys.exit(bool({'pydantic', 'numpy', 'tomllib', 'serial', 'pexpect', 'asyncinotify'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_sixteen_digits_are_hexadecimal_without_being_told_and_a_size_by_schema(tmp_path: Path) -> None:
    schema = load_schema(
        write(tmp_path, 'version = 1\n[families.SCREEN.events]\nok = [{ name = "size", type = "size" }]\n')
    )
    shown = marker("RAYOS_SCREEN:ok:0000000000000140x00000000000000C8", schema)
    assert shown.values == {"size_w": 320, "size_h": 200}


def test_a_path_is_an_event_where_a_schema_says_so(tmp_path: Path) -> None:
    schema = load_schema(
        write(
            tmp_path,
            "version = 1\n[families.VMM.events]\nVIRTIO_BLK = []\n"
            '"VIRTIO_BLK:READ" = [{ name = "sector", type = "hex" }]\n',
        )
    )
    assert marker("RAYOS_VMM:VIRTIO_BLK:READ:1f", schema).event == "VIRTIO_BLK:READ"
    assert marker("RAYOS_VMM:VIRTIO_BLK:READ:1f", schema).values == {"sector": 31}
    assert marker("RAYOS_VMM:VIRTIO_BLK:FLUSH", schema).event == "VIRTIO_BLK"
    assert marker("RAYOS_VMM:VIRTIO_BLK:READ#3 sector=1f", schema).values == {"instance": 3, "sector": 31}


def test_the_reference_guests_schema_loads_and_knows_its_markers() -> None:
    schema = load_schema(ROOT / "images/reference/markers.toml")
    assert marker("RAYOS_CONTROL:READY:3:1500", schema).values == {"seq": 3, "guest_us": 1500}
    assert marker("RAYOS_INPUT:KEY:1:down:e04d:2", schema).values["scancode"] == 0xE04D
    assert marker("RAYOS_FRAME:IDENT:12:00ff00ff", schema).values == {"number": 12, "crc": 0xFF00FF}
    assert marker("RAYOS_KIT:BOOT:0.1:zoo", schema).event == "BOOT"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "version = 1\n[familes.X.events]\n",
            "markers.toml:2: unknown key 'familes' at the top level (did you mean 'families'?)",
        ),
        ('version = 1\n[families.X.events]\nA = [{ name = "x", typ = "int" }]\n', "(did you mean 'type'?)"),
        ('version = 1\n[families.X.events]\nA = [{ name = "x", type = "itn" }]\n', "(did you mean 'int'?)"),
        (
            'version = 1\n[families.X.events]\nA = [{ name = "x", type = "enum" }]\n',
            "markers.toml:3: A.x: an enum needs `values`",
        ),
        (
            'version = 1\n[families.X.events]\nA = [{ name = "x", type = "text" }, { name = "y" }]\n',
            "must be the last field",
        ),
        (
            'version = 1\n[families.SOAK]\n[[families.SOAK.rules]]\nrule = "order"\nfirst = "STRAT"\n',
            "markers.toml:5: SOAK has no event 'STRAT' (did you mean 'START'?)",
        ),
        (
            'version = 1\n[families.W.events]\nOPEN = [{ name = "window" }]\nSHUT = [{ name = "window" }]\n'
            '[[families.W.rules]]\nrule = "pair"\nopen = "OPEN"\nclose = "SHUT"\nkey = ["windw"]\n',
            "markers.toml:9: no event of the rule has a field 'windw' (did you mean 'window'?)",
        ),
        (
            'version = 1\n[families.W.events]\nOPEN = [{ name = "window" }]\nSHUT = [{ name = "id" }]\n'
            '[[families.W.rules]]\nrule = "pair"\nopen = "OPEN"\nclose = "SHUT"\nkey = ["window"]\n',
            "markers.toml:9: SHUT has none of the fields window",
        ),
        (
            'version = 1\n[families.W.events]\nBEGIN = [{ name = "number" }]\nA = []\n'
            '[[families.W.rules]]\nrule = "order"\nfirst = "BEGIN"\n'
            '[[families.W.rules]]\nrule = "count"\nevent = "A"\nequals = "num"\n',
            "BEGIN has no field 'num' (did you mean 'number'?)",
        ),
        (
            "version = 1\n[families.W.events]\nA = []\n"
            '[[families.W.rules]]\nrule = "count"\nevent = "A"\nequals = "num"\n',
            "the family has no rule `order`",
        ),
        ('version = 1\nprefixes = [""]\n', "a prefix must have at least one character"),
        ('[[families.X.rules]]\nrule = "pear"\n', "(did you mean 'pair'?)"),
    ],
)
def test_a_mistake_in_a_schema_file_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_schema(write(tmp_path, text))
    assert problem in caught.value.what


def test_other_prefixes_find_other_systems_markers() -> None:
    parser = MarkerParser(prefixes=["ZOS.", "RAYOS_"])
    found = parser.feed(Line(1, 0, 0, b"", "ZOS.BOOT:OK RAYOS_A:B", 0))
    assert [(m.family, m.event) for m in found] == [("BOOT", "OK"), ("A", "B")]
