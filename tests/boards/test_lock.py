"""One owner of a port: taken once, named, given back, and free again when its holder dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.boards import lock
from harness.boards.lock import PortLock, holder_of, lock_file
from harness.boards.model import Board
from harness.boards.target import SerialTarget
from harness.errors import LabError
from harness.evidence.journal import Journal
from harness.targets.profile import Profile


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(lock, "_UUCP", tmp_path / "uucp")


@pytest.fixture
def tty_path() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[2]
from harness.boards.lock import PortLock
held = PortLock.take(sys.argv[1], "harness run soak.toml")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_owner_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    first = PortLock.take("rfc2217://lab:4001", "harness run a.toml")
    with pytest.raises(LabError, match=rf"in use by process {os.getpid()} \(harness run a.toml\) since 20"):
        PortLock.take("rfc2217://lab:4001", "another")
    PortLock.take("rfc2217://lab:4002", "another").release()
    first.release()
    first.release()
    again = PortLock.take("rfc2217://lab:4001", "another")
    assert again.stale is None
    again.release()


def test_a_device_that_took_over_the_name_of_one_that_was_unplugged_is_free(tmp_path: Path, tty_path: str) -> None:
    """After a hub was reset /dev/ttyUSB0 may be another board, while the run on the first waits for it to come back."""
    first, second = tmp_path / "by-id-first", tmp_path / "by-id-second"
    first.symlink_to(tty_path)
    held = PortLock.take(str(first), "me")
    first.unlink()
    second.symlink_to(tty_path)
    PortLock.take(str(second), "another").release()
    with pytest.raises(LabError, match="in use by"):
        PortLock.take(str(first), "another")
    held.release()


def test_two_names_of_one_device_have_one_owner(tmp_path: Path, tty_path: str) -> None:
    link = tmp_path / "by-id"
    link.symlink_to(tty_path)

    async def both() -> None:
        journal = Journal(tmp_path / "journal.jsonl")
        first, second = (SerialTarget(Board(name="b", url=url), Profile(name="p")) for url in (str(link), tty_path))
        await first.start(journal)
        try:
            with pytest.raises(LabError, match=rf"the port {tty_path} is in use by process {os.getpid()} "):
                await second.start(journal)
        finally:
            await first.stop()
        await second.start(journal)
        await second.stop()
        journal.close()

    asyncio.run(asyncio.wait_for(both(), 60))


def test_a_lock_can_be_taken_by_whoever_shares_the_host(tmp_path: Path) -> None:
    PortLock.take("socket://lab:2", "me").release()
    file = lock_file("socket://lab:2")
    assert file.stat().st_mode & 0o777 == 0o666
    assert file.parent.stat().st_mode & 0o7777 == 0o1777


def test_the_lock_of_a_holder_that_was_killed_is_stale_and_named(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, "socket://lab:1", str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LabError, match=rf"in use by process {process.pid} \(harness run soak.toml\)"):
            PortLock.take("socket://lab:1", "me")
        holder = holder_of("socket://lab:1")
        assert holder is not None
        assert holder.pid == process.pid
        process.kill()
    assert holder_of("socket://lab:1") is None
    mine = PortLock.take("socket://lab:1", "me")
    assert mine.stale is not None
    assert mine.stale.pid == process.pid
    mine.release()


def test_the_lock_files_of_minicom_and_its_like_count_while_their_process_lives(tmp_path: Path, tty_path: str) -> None:
    folder = tmp_path / "uucp"
    folder.mkdir()
    file = folder / f"LCK..{Path(tty_path).name}"
    with subprocess.Popen(["sleep", "60"]) as process:
        file.write_text(f"{process.pid:>10}\n")
        with pytest.raises(LabError, match=rf"in use by process {process.pid} \(sleep 60\)"):
            PortLock.take(tty_path, "me")
        process.kill()
    PortLock.take(tty_path, "me").release()


def test_whoever_looks_at_a_lock_does_not_keep_others_from_taking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    PortLock.take("rfc2217://lab:4001", "first").release()
    taken: list[PortLock] = []
    close = os.close

    def meanwhile(descriptor: int) -> None:
        monkeypatch.setattr("os.close", close)
        taken.append(PortLock.take("rfc2217://lab:4001", "meanwhile"))
        close(descriptor)

    monkeypatch.setattr("os.close", meanwhile)
    assert holder_of("rfc2217://lab:4001") is None
    assert str(holder_of("rfc2217://lab:4001")).startswith(f"process {os.getpid()} (meanwhile)")
    taken[0].release()
