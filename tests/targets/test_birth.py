"""A machine that was started before anybody can talk to it: taken over whole, or gone without a trace."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.evidence.journal import Journal
from harness.targets.argv import Launch
from harness.targets.birth import HeadStart
from harness.targets.implied import implied_profile
from harness.targets.process import proc_state
from harness.targets.profile import Guest, Profile
from harness.targets.qemu import QemuTarget

pytestmark = pytest.mark.system


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A boot sector that halts, with a control channel."""
    sector = tmp_path / "halt.img"
    sector.write_bytes(bytes.fromhex("f4ebfd").ljust(510, b"\0") + b"\x55\xaa")
    return replace(implied_profile(disk=sector), guest=Guest(control="com2"))


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_what_nobody_took_over_is_gone(profile: Profile, clock: str) -> None:
    with HeadStart(profile, Launch(clock=clock)) as started:  # type: ignore[arg-type]
        pid, directory = started.birth.process.popen.pid, started.directory.path
        assert directory.exists()
        assert proc_state(pid)
    assert not directory.exists()
    assert proc_state(pid) == ""
    assert started.birth.qmp.fileno() == -1


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_target_goes_on_with_it(profile: Profile, tmp_path: Path, clock: str) -> None:
    async def main(started: HeadStart) -> None:
        target = QemuTarget(profile, started.launch, started)
        journal = Journal(tmp_path / "journal.jsonl")
        await target.start(journal)
        assert target.pid == started.birth.process.popen.pid
        await target.go()
        assert target.qmp is not None
        assert (await target.qmp.execute("query-status"))["status"] == "running"
        await target.relaunch()
        assert target.pid != started.birth.process.popen.pid
        await target.stop()
        journal.close()

    with HeadStart(profile, Launch(clock=clock)) as started:  # type: ignore[arg-type]
        asyncio.run(main(started))
        assert not started.directory.path.exists()


def test_an_image_that_is_not_there_starts_nothing(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "halt.img").unlink()
    with pytest.raises(UsageError, match=r"halt\.img"):
        HeadStart(profile, Launch())
