"""Ctrl-C in a pytest with a guest: the evidence says so, and no QEMU stays."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.evidence.bundle import Bundle
from harness.evidence.journal import read_events
from harness.judge.rejudge import recorded, rejudge

from .conftest import environment

pytestmark = [pytest.mark.system, pytest.mark.long]
PATIENCE = 60.0  # s; the promise is 5
TEST = """
import pytest

@pytest.mark.harness(image="reference")
def test_endless(guest, console):
    guest.boot()
    {wait}
"""
SCENARIO = """version = 1
name = "endless"
image = "reference"
step = [{ do = "boot" }, { do = "expect", all = ["RAYOS_NEVER:COMES"], timeout = 300 }]
"""
WAITS = {
    "in a step": TEST.format(wait='console.expect("RAYOS_NEVER:COMES", timeout=300)'),
    "in the test itself": TEST.format(wait='guest.mark("here")\n    __import__("time").sleep(300)'),
    "in a scenario": "",
}


@pytest.mark.parametrize("where", WAITS)
def test_ctrl_c_ends_the_guest_and_keeps_the_evidence(tmp_path: Path, where: str) -> None:
    if WAITS[where]:
        (tmp_path / "test_endless.py").write_text(WAITS[where])
    else:
        (tmp_path / "endless.toml").write_text(SCENARIO)
    name = "test_endless.py" if WAITS[where] else "endless.toml"
    live = subprocess.Popen(
        [sys.executable, "-P", "-m", "pytest", "-p", "harness.pytest_plugin", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        bundle = _waiting(tmp_path / "runs", live)
        live.send_signal(signal.SIGINT)
        said, _ = live.communicate(timeout=PATIENCE)
    finally:
        live.kill()
    assert live.returncode == 2, said
    assert "KeyboardInterrupt" in said
    pid = next(e.data["pid"] for e in read_events(bundle.journal) if e.kind == "target.start")
    assert not _lives(pid)
    verdict = rejudge(bundle, recorded(bundle)[0])
    assert (str(verdict.verdict), verdict.interrupted) == ("INCONCLUSIVE", True)
    assert verdict.to_json() == json.loads((bundle.path / "verdict.json").read_text())


def _waiting(runs: Path, live: subprocess.Popen[str]) -> Bundle:
    """The bundle, once its run is in the step after the boot."""
    from asyncinotify import Inotify, Mask

    end = time.monotonic() + PATIENCE
    runs.mkdir(exist_ok=True)
    with Inotify() as inotify:
        os.set_blocking(inotify.fd, False)
        inotify.add_watch(runs, Mask.CREATE)
        watched: set[Path] = set()
        while True:
            for path in set(runs.iterdir()) - watched:
                watched.add(path)
                inotify.add_watch(path, Mask.CREATE | Mask.MODIFY)
            for path in watched:
                if (path / "journal.jsonl").exists() and any(
                    e.kind == "step.begin" and e.data["index"] == 1 for e in read_events(path / "journal.jsonl")
                ):
                    return Bundle.open(path)
            assert live.poll() is None, live.communicate()
            assert time.monotonic() < end
            select.select([inotify.fd], [], [], end - time.monotonic())
            try:
                os.read(inotify.fd, 1 << 16)
            except BlockingIOError:
                continue


def _lives(pid: int) -> bool:
    try:
        return b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
