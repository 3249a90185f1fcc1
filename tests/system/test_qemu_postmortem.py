"""What a real machine looks like from outside after a deadline. Guests of 512 bytes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from harness.targets.process import proc_state
from harness.targets.profile import Machine

from .machines import Start, run
from .sectors import (
    BUSY,
    CLI_HALT,
    CLI_LOOP,
    IDLE,
    LEAVE,
    image,
    profile,
    sector,
)

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("body", "halted", "interrupts", "busy", "still"),
    [
        (CLI_LOOP, False, False, True, True),
        (CLI_HALT, True, False, False, True),
        (BUSY, False, True, True, False),
        (IDLE, True, True, False, True),
    ],
)
def test_what_the_machine_does_is_seen_from_outside(
    start: Start, body: str, halted: bool, interrupts: bool, busy: bool, still: bool
) -> None:
    async def main() -> None:
        async with start(body) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            machine.target.mark()
            await asyncio.sleep(0.3)  # the time that the ratios are about
            seen = await machine.target.postmortem()
            assert (seen["halted"], seen["interrupts_enabled"]) == (halted, interrupts)
            if still:
                assert seen["registers_identical"]
            elif not seen["rip_samples"] or busy:
                assert not seen["registers_identical"]
            assert seen["qmp_answered"]
            assert seen["qmp_status"] == "running"
            assert seen["process_state"] in {"R", "S"}
            assert not seen["was_stopped"]
            assert len(seen["rip_samples"]) >= 5  # more on a host that gives it little time
            ran_or_wanted = seen["vcpu_cpu_ratio"] + seen["run_delay_ratio"]
            assert ran_or_wanted > 0.5 if busy else ran_or_wanted < 0.5

    run(main())


def test_a_machine_stopped_by_a_signal_is_made_to_go_on_and_looked_at(start: Start) -> None:
    async def main() -> None:
        async with start(CLI_LOOP) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            os.kill(machine.target.pid, signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, machine.target.pid, os.WSTOPPED)
            seen = await machine.target.postmortem()
            assert (seen["process_state"], seen["was_stopped"]) == ("T", True)
            assert (seen["qmp_answered"], seen["halted"], seen["interrupts_enabled"]) == (True, False, False)
            assert proc_state(machine.target.pid) in {"R", "S"}

    run(main())


def test_a_machine_that_is_gone_leaves_little_to_see(start: Start) -> None:
    async def main() -> None:
        async with start(LEAVE) as machine:
            await machine.target.go()
            await machine.rest()
            await machine.target.wait_exit()
            seen = await machine.target.postmortem()
            assert (seen["process_state"], seen["qmp_answered"], seen["rip_samples"]) == ("", False, [])
            assert seen["triple_fault"] is False

    run(main())


def test_of_two_cpus_the_one_that_works_is_sampled(tmp_path: Path, start: Start) -> None:
    guest = profile(image(tmp_path, sector(BUSY)), machine=Machine(memory_mb=32, cpus=2))

    async def main() -> None:
        async with start(guest) as machine:
            await machine.target.go()
            assert len(set(machine.target.vcpu_threads())) == 2
            await machine.until(b"hello\r\n")
            assert len(await machine.target.registers()) == 2
            assert (await machine.target.postmortem())["cpu"] == 0

    run(main())


def test_a_step_of_the_run_begins_a_new_window(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            first = machine.target._baseline
            machine.qmp.journal.append("step.end")
            assert machine.target._baseline is first
            machine.qmp.journal.append("step.begin", index=1)
            assert machine.target._baseline is not first

    run(main())
