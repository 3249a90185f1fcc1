"""The private directory of a run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import LabError
from harness.targets.runtime import RunDirectory

ROOT = str(Path(__file__).parents[2])


def test_it_is_private_and_gone_after_removal(tmp_path: Path) -> None:
    base = tmp_path / "base"
    run = RunDirectory(base)
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    (run.path / "deep").mkdir()
    (run.path / "deep" / "file").write_text("x")
    run.remove()
    run.remove()
    assert not list(base.iterdir())


def test_it_lies_in_memory_where_that_can_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    run = RunDirectory()
    assert run.path.is_relative_to(tmp_path)
    run.remove()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    run = RunDirectory()
    assert run.path.is_relative_to("/dev/shm")
    run.remove()


HOLDER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from harness.targets.runtime import RunDirectory
run = RunDirectory(Path({base!r}))
(run.path / "file").write_text("x")
print(run.path, flush=True)
{end}
"""


def hold(base: Path, end: str) -> tuple[subprocess.Popen[str], Path]:
    code = HOLDER.format(root=ROOT, base=str(base), end=end)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_run_left_goes_with_the_next_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    base = tmp_path / "base"
    dead, left = hold(base, "sys.stdin.read()")
    living, kept = hold(base, "sys.stdin.read()")
    dead.kill()
    dead.communicate()
    assert left.exists()
    mine = RunDirectory(base)
    assert not left.exists()
    assert (kept / "file").exists()
    mine.remove()
    living.communicate()
    assert not list(base.iterdir())


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError"])
def test_it_goes_at_the_latest_with_the_interpreter(tmp_path: Path, end: str) -> None:
    process, path = hold(tmp_path / "base", end)
    process.communicate()
    assert not path.exists()


def test_it_goes_on_sigterm_where_the_run_unwinds(tmp_path: Path) -> None:
    handler = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))"
    process, path = hold(tmp_path / "base", f"{handler}; import os; os.kill(os.getpid(), signal.SIGTERM)")
    process.communicate()
    assert process.returncode == 143
    assert not path.exists()


def test_a_parent_that_others_could_have_made_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(LabError, match="not a private directory"):
        RunDirectory(open_to_all)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(LabError, match="not a private directory"):
        RunDirectory(link)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory of another's")
def test_a_parent_of_somebody_else_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 12345, 12345)
    with pytest.raises(LabError, match="not a private directory"):
        RunDirectory(theirs)


def test_a_place_that_cannot_be_written_is_a_lab_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot make a run directory"):
        RunDirectory(tmp_path / "missing" / "base")
