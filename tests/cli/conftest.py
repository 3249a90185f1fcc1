"""Calls of the command line as a user makes them: another process, with its exit code, its stdout and its stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; there may be nothing else, before or after it."""
        return json.loads(self.stdout)


Call = Callable[..., Said]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """An environment in which bundles go to the test's own folder and nothing depends on the caller's terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM", "HARNESS_SLOWDOWN"}}
    return {**kept, "HARNESS_RUNS_DIR": str(tmp_path / "runs"), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}


@pytest.fixture
def call(tmp_path: Path, environment: Mapping[str, str]) -> Call:
    """`call("boot", "reference", "--json")` in the test's own folder."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Said:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "harness.cli.main", *map(str, arguments)],
            cwd=tmp_path,
            env=dict(environment),
            input=stdin,
            capture_output=True,
            timeout=90,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def scenario(folder: Path, name: str, steps: str, head: str = "") -> Path:
    """A scenario file for the reference guest."""
    file = folder / f"{name}.toml"
    file.write_text(
        f'version = 1\nname = "{name}"\nimage = "reference"\n{head}\nstep = [\n{{ do = "boot" }},\n{steps}\n]\n'
    )
    return file


@pytest.fixture
def write_scenario(tmp_path: Path) -> Callable[..., Path]:
    """`write_scenario(name, steps, head)`: a scenario file in the test's own folder."""
    return lambda name, steps, head="": scenario(tmp_path, name, steps, head)
