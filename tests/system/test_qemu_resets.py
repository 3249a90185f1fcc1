"""Resets that were wanted and others, and machines started again on their disks. Guests of 512 bytes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets import reset as reset_module
from harness.targets.profile import Guest

from .machines import Start, run
from .sectors import (
    COUNT_BOOTS,
    IDLE,
    KEYBOARD_RESET,
    TRIPLE_FAULT,
    image,
    profile,
    sector,
)

pytestmark = pytest.mark.system


def test_an_expected_reset_starts_the_guest_again_and_is_no_shutdown(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            for _ in range(2):
                await machine.target.reset()
                await machine.until(b"hello\r\n")
            asked = [event for event in machine.qmp_events("RESET") if not event["guest"]]
            assert len(asked) == 2  # SeaBIOS does more of its own
            assert machine.qmp_events("SHUTDOWN") == []

    run(main())


@pytest.mark.parametrize(("body", "triple"), [(TRIPLE_FAULT, True), (KEYBOARD_RESET, False)])
def test_an_unexpected_reset_stops_the_machine_for_the_post_mortem(start: Start, body: str, triple: bool) -> None:
    async def main() -> None:
        async with start(body) as machine:
            seen = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await machine.until(b"hello\r\n")
            assert (await seen).data == {"guest": True, "reason": "guest-reset"}
            sample = await machine.target.postmortem()
            assert sample["triple_fault"] is triple
            assert sample["qmp_status"] == "shutdown"
            assert len(sample["rip_samples"]) == 5
            await machine.target.reset()  # and it can be started again
            await machine.until(b"hello\r\n")

    run(main())


def test_a_guest_that_resets_for_ever_after_a_bracketed_reset_is_stopped(start: Start) -> None:
    async def main() -> None:
        async with start(KEYBOARD_RESET) as machine:
            first = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await machine.until(b"hello\r\n")
            await first
            seen = machine.qmp.next_event("SHUTDOWN")
            pump = asyncio.create_task(machine.rest())
            await machine.target.reset()
            assert (await seen).data["reason"] == "guest-reset"
            await machine.target.stop()
            assert b"hello" in await pump

    run(main())


def test_a_guest_that_resets_for_ever_without_a_word_is_stopped(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reset_module, "_FIRMWARE_RESETS", 5)
    silent = profile(image(tmp_path, sector(KEYBOARD_RESET, banner="")))

    async def main() -> None:
        async with start(silent) as machine:
            first = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await first
            second = machine.qmp.next_event("SHUTDOWN")
            await machine.target.reset()
            assert (await second).data["reason"] == "guest-reset"

    run(main())


def test_a_reset_after_bracketed_ones_is_unexpected_again(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            await machine.target.reset()
            await machine.until(b"hello\r\n")
            await machine.target._resetter.settle()
            seen = machine.qmp.next_event("SHUTDOWN")
            await machine.qmp.execute("system_reset")
            assert (await seen).data["reason"] == "host-qmp-system-reset"

    run(main())


@pytest.mark.parametrize(("persist", "counts"), [(True, b"ABC"), (False, b"AAA")])
def test_a_relaunch_keeps_what_persists_and_forgets_the_rest(
    tmp_path: Path, start: Start, persist: bool, counts: bytes
) -> None:
    disk = image(tmp_path, sector(COUNT_BOOTS, banner=""))
    before = disk.read_bytes()

    async def main() -> None:
        stay = replace(profile(disk, persist=persist), guest=Guest(display=False))  # without the exit device it stays
        async with start(stay) as machine:
            pump = asyncio.create_task(machine.rest())
            session, pids = machine.qmp, set()
            counter = {"bytes": 0}
            grown = asyncio.Event()

            def count(data: bytes) -> None:
                counter["bytes"] += len(data)
                grown.set()

            machine.target.console.tap(count)

            async def one_more() -> None:
                goal = len(pids) + 1
                pids.add(machine.target.pid)
                while counter["bytes"] < goal:
                    grown.clear()
                    await grown.wait()

            await machine.target.go()
            await one_more()
            for _ in range(2):
                await machine.target.relaunch()
                await one_more()
            assert len(pids) == 3
            assert machine.target.qmp is session
            waiting = asyncio.create_task(machine.target.wait_exit())
            await asyncio.sleep(0)
            assert not waiting.done()  # a relaunch is no end
            await machine.target.stop()
            assert await pump == counts
            assert [event.data["life"] for event in machine.events if event.kind == "target.start"] == [1, 2, 3]

    run(main())
    assert (disk.read_bytes() != before) is persist


def test_a_relaunch_that_cannot_start_ends_the_run_cleanly(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(IDLE))

    async def main() -> None:
        async with start(profile(disk)) as machine:
            pump = asyncio.create_task(machine.rest())
            await machine.target.go()
            disk.unlink()
            with pytest.raises(UsageError):
                await machine.target.relaunch()
            assert (await machine.target.wait_exit()).returncode == 0
            await pump

    run(main())
