"""Looking at a machine after a deadline or a death: what it does, and whether the host let it. The judge concludes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from harness.errors import LabError
from harness.qmp.session import QmpSession
from harness.targets.host import HostSample, ThreadTime, host_sample, thread_time
from harness.targets.process import ChildProcess
from harness.targets.registers import Registers, read_registers
from harness.timeouts import TIMEOUTS, host

_SAMPLES = 5  # of the registers; three tell a loop from a coincidence
_PACE = 0.01  # s between two of them: a kernel that works is elsewhere by then
_SPUN = 0.02  # s of CPU time that a loop with interrupts off is watched for: clearing a kernel's 1 MiB takes 0.01 s
_BUDGET = 0.8  # share of TIMEOUTS.postmortem that is used: the verdict must stand soon after


async def sample_machine(
    child: ChildProcess, session: QmpSession, vcpus: Sequence[int], since: HostSample
) -> dict[str, Any]:
    """What can be seen from outside, JSON-able. Never fails, and takes at most `TIMEOUTS.postmortem`.

    A process that somebody stopped by a signal is made to go on first, so that it can be looked at. Of several CPUs the
    registers are those of the busiest that is not halted.

    :param vcpus: thread ids of the virtual CPUs, in order of the CPUs.
    :param since: the beginning of the time that the ratios are about.
    """
    now = host_sample(child.pid, vcpus)
    seen: dict[str, Any] = {
        "process_state": now.process_state if child.returncode is None else "",
        "was_stopped": now.process_state in {"T", "t"},
        "window_s": round((now.host_ns - since.host_ns) / 1e9, 3),
        **now.ratios(since),
        "qmp_answered": False,
        "qmp_status": None,
        "cpu": None,
        "halted": None,
        "interrupts_enabled": None,
        "rip_samples": [],
        "sampled_cpu_s": None,
        "registers_identical": None,
        "registers": "",
    }
    if child.returncode is not None:
        return seen
    if seen["was_stopped"]:
        child.signal(signal.SIGCONT)
    # What was seen until the time is up, or the process gone, is what there is.
    with suppress(LabError, TimeoutError):
        async with asyncio.timeout(host(TIMEOUTS.postmortem) * _BUDGET):
            seen["qmp_status"] = (await session.execute("query-status"))["status"]
            seen["qmp_answered"] = True
            await _registers(seen, child.pid, session, vcpus, _busy(vcpus, since, now))
    return seen


def _busy(vcpus: Sequence[int], since: HostSample, now: HostSample) -> list[int]:
    """CPU numbers, the busiest first."""
    zero = ThreadTime(0, 0)

    def spent(cpu: int) -> int:
        thread = vcpus[cpu]
        return now.threads.get(thread, zero).cpu_ns - since.threads.get(thread, zero).cpu_ns

    return sorted(range(len(vcpus)), key=spent, reverse=True)


async def _registers(
    seen: dict[str, Any], pid: int, session: QmpSession, vcpus: Sequence[int], order: Sequence[int]
) -> None:
    samples: list[Registers] = []
    cpu = 0
    began: ThreadTime | None = None
    while len(samples) < _SAMPLES or _may_spin(seen):
        found = {r.cpu: r for r in await read_registers(session)}
        if not samples:
            cpu = next((n for n in order if n in found and not found[n].halted), min(found))
        if cpu not in found:  # unplugged meanwhile
            return
        samples.append(found[cpu])
        spent = thread_time(pid, vcpus[cpu]) if cpu < len(vcpus) else None
        began = began or spent
        if spent is not None and began is not None:
            seen["sampled_cpu_s"] = round((spent.cpu_ns - began.cpu_ns) / 1e9, 4)
        seen["cpu"] = cpu
        seen["halted"] = None if samples[0].halted is None else all(s.halted for s in samples)
        seen["interrupts_enabled"] = any(s.interrupts_enabled for s in samples)
        seen["rip_samples"] = [f"{s.pc:#x}" for s in samples]
        seen["registers_identical"] = all(s.text == samples[0].text for s in samples)
        seen["registers"] = samples[0].text
        running = seen["qmp_status"] == "running" and not samples[-1].halted
        await _let_run(pid, vcpus[cpu] if running and cpu < len(vcpus) else None)


def _may_spin(seen: dict[str, Any]) -> bool:
    """Whether it looks like a loop without interrupts, and has not had the CPU time to come out of one that ends."""
    spent = seen["sampled_cpu_s"]
    still = seen["qmp_status"] == "running" and seen["halted"] is False and seen["interrupts_enabled"] is False
    return still and spent is not None and spent < _SPUN


async def _let_run(pid: int, thread: int | None) -> None:
    """Wait until the next sample is worth taking: a moment, and longer if *thread* got no CPU time in it."""
    before = thread_time(pid, thread) if thread is not None else None
    while True:
        await asyncio.sleep(_PACE)
        after = thread_time(pid, thread) if thread is not None else None
        if before is None or after is None or after.cpu_ns > before.cpu_ns:
            return
