"""pytest as a process of its own, with the plugin and nothing of this suite: what it says, and its JUnit file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 300  # s; the slowest takes 10


@dataclass(frozen=True)
class Case:
    """A test as the JUnit file tells it: `kind` is passed, failure, error or skipped."""

    kind: str
    text: str
    properties: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """What a pytest ended with."""

    code: int
    text: str
    cases: Mapping[str, Case]


Pytest = Callable[..., Said]


def environment(**more: str) -> dict[str, str]:
    """Of a user who has the harness installed, and no other plugins but those that are named."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "HARNESS_RUNS"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200", **more}


def run_pytest(folder: Path, *arguments: str) -> Said:
    """`pytest ARGUMENTS` in *folder*."""
    words = ["-p", "harness.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *words, "--junitxml", str(folder / "junit.xml"), *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Said(done.returncode, done.stdout + done.stderr, _cases(folder / "junit.xml"))


def _cases(file: Path) -> Mapping[str, Case]:
    if not file.exists():
        return {}
    found = {}
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        result: Any = next((child for child in case if child.tag in {"failure", "error", "skipped"}), None)
        properties = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        kind = "passed" if result is None else result.tag
        text = "" if result is None else f"{result.get('message')}\n{result.text}"
        found[case.get("name", "")] = Case(kind, text, properties)
    return found


@pytest.fixture
def in_pytest(tmp_path: Path) -> Pytest:
    """`in_pytest("test_x.py", …)` in the test's own folder, or in *folder*."""
    return lambda *arguments, folder=tmp_path: run_pytest(folder, *arguments)
