"""Bundles and logs played back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.evidence.journal import Journal
from harness.targets.recording import RecordingTarget


async def play(target: RecordingTarget, journal: Journal) -> bytes:
    await target.start(journal)
    reading = asyncio.create_task(target.console.read())
    await asyncio.sleep(0)
    assert not reading.done()  # nothing passes before `go`
    exiting = asyncio.create_task(target.wait_exit())
    await target.go()
    out = await reading
    while data := await target.console.read():
        out += data
    assert (await exiting).asked
    assert (await target.stop()).asked
    assert (await target.stop()).returncode is None
    return out


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "new.jsonl")


def test_a_log_file_is_played_from_its_first_byte_to_its_last(tmp_path: Path, journal: Journal) -> None:
    log = tmp_path / "serial.log"
    log.write_bytes(b"RAYOS_SOAK:START:1:2\n" + bytes(200_000))
    assert asyncio.run(play(RecordingTarget(log), journal)) == log.read_bytes()


def test_a_bundle_is_played_in_its_chunks(tmp_path: Path, journal: Journal) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "serial.bin").write_bytes(b"abcdef")
    recorded = Journal(bundle / "journal.jsonl")
    recorded.append("serial", offset=0, len=2)
    recorded.append("step.begin", index=0)
    recorded.append("serial", offset=2, len=4)
    recorded.close()
    target = RecordingTarget(bundle)
    assert target.name == "bundle"
    assert asyncio.run(play(target, journal)) == b"abcdef"


def test_a_recording_can_do_nothing_but_play(tmp_path: Path, journal: Journal) -> None:
    log = tmp_path / "serial.log"
    log.write_bytes(b"x")
    target = RecordingTarget(log)

    async def main() -> None:
        assert target.capabilities == frozenset()
        assert (target.control, target.qmp, target.addresses(), await target.postmortem()) == (None, None, {}, {})
        for refused in (target.console.write(b"x"), target.reset(), target.relaunch()):
            with pytest.raises(UsageError):
                await refused

    asyncio.run(main())


def test_stopping_ends_who_reads(tmp_path: Path, journal: Journal) -> None:
    log = tmp_path / "serial.log"
    log.write_bytes(b"x" * 1_000_000)

    async def main() -> None:
        target = RecordingTarget(log)
        await target.start(journal)
        reading = asyncio.create_task(target.console.read())
        await asyncio.sleep(0)
        await target.stop()
        assert await reading == b""
        assert (await target.wait_exit()).asked

    asyncio.run(main())


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no serial\.bin there"):
        RecordingTarget(tmp_path)
    (tmp_path / "serial.bin").touch()
    with pytest.raises(UsageError, match=r"no journal\.jsonl there"):
        RecordingTarget(tmp_path)
    with pytest.raises(UsageError):
        RecordingTarget(tmp_path / "missing.log")
