"""What a quick boot does not load: each of these libraries would cost it tens of milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from .conftest import ROOT

HEAVY = ["numpy", "wand", "PIL", "pydantic", "rich", "jinja2", "junitparser"]
SCRIPT = """
import json, sys
from harness.cli.main import main
sys.argv = ["harness", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print(json.dumps({"code": ended.code, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def loaded(environment: Mapping[str, str], *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return [name for name in HEAVY if name in found["modules"]]


@pytest.mark.system
def test_a_boot_of_a_kernel_without_a_frame_loads_nothing_heavy(environment: Mapping[str, str]) -> None:
    kernel = str(ROOT / "images/reference/build/reference.elf")
    assert loaded(environment, "boot", "--kernel", kernel, "--expect", "RAYOS_KIT:DESKTOP") == []


def test_reading_a_log_loads_nothing_heavy(environment: Mapping[str, str]) -> None:
    assert loaded(environment, "markers", "/dev/null", "--json") == []


@pytest.mark.system
def test_the_measure_sees_what_a_frame_check_loads(environment: Mapping[str, str]) -> None:
    found = loaded(environment, "boot", "reference", "--screen", "not-blank")
    assert "numpy" in found
