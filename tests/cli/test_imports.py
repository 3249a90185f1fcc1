"""What a quick boot does not load: each of these libraries would cost it tens of milliseconds."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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


def test_a_machine_is_started_before_the_event_loop_and_the_judge_are_imported() -> None:
    """QEMU comes up on another core meanwhile: what is imported before it is started is waited for."""
    script = "import sys, harness.cli.boot, harness.targets.implied, harness.targets.birth; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    late = ("asyncio", "qemu", "harness.judge", "harness.engine", "harness.markers", "harness.report", *HEAVY)
    assert [name for name in done.stdout.split() if name.startswith(late)] == []


@pytest.mark.system
def test_the_guest_runs_before_the_judge_is_imported(tmp_path: Path) -> None:
    script = """
import sys
from harness.targets.qemu import QemuTarget
go = QemuTarget.go
async def told(target):
    print(sorted(n for n in sys.modules if n.startswith(("harness.judge", "harness.markers.parser"))))
    await go(target)
QemuTarget.go = told
from harness.cli.main import main
main()
"""
    kernel = str(ROOT / "images/reference/build/reference.elf")
    options = ["boot", "--kernel", kernel, "--expect", "RAYOS_KIT:DESKTOP", "--runs-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout) == ["harness.judge", "harness.judge.facts"]
