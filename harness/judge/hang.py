"""What a deadline that passed means: a hang of the guest, a wrong answer, or a host that starved.

The input is what was sampled from outside after the deadline (`harness.targets.postmortem`): registers, CPU time of
the vCPU threads, state of the process, pressure. A halt with interrupts off is the guest's own doing however starved
the host was, and so is a spin that was watched for long enough; everything else under starvation is nobody's verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.verdicts import Verdict

SPIN_WINDOW = 128  # bytes of code: a loop this small with interrupts off leaves only by an interrupt that cannot come
FLOOD = 64 * 1024  # bytes without a line end: as much as a line may have
SPUN = 0.02  # s of its CPU time for which it was seen there: on a starved host a loop that ends may look the same
STARVED_RUN_DELAY = 0.5  # share of the time that the vCPU thread was runnable but not running
STARVED_CPU = 0.1  # share of a core below which a guest that is not halted was not given time
STARVED_STEAL = 0.5  # share of the host's time that its own hypervisor took


@dataclass(frozen=True, slots=True)
class Expiry:
    """What is known when a wait ended unmet."""

    waited_for: str
    limit: str  # "host" or "guest"
    seconds: float
    lines_since: int  # whole lines since the step began
    bytes_since: int
    unfinished: int  # bytes of a line that has no end yet
    last_line: str


def classify(expiry: Expiry, sample: Mapping[str, Any] | None) -> tuple[Verdict, str, str]:
    """Verdict, cause word and sentence for an expired wait."""
    head = f"{expiry.waited_for}; the {expiry.limit} limit of {expiry.seconds:g} s passed"
    if expiry.unfinished > FLOOD:
        return Verdict.HANG, "output-flood", f"{head}: {expiry.unfinished} bytes came without a line end"
    if sample is not None:
        spin, starved = _spin(sample), starvation(sample)
        watched = sample.get("sampled_cpu_s")
        if spin and not (starved and watched is not None and watched < SPUN):
            return Verdict.HANG, "spin-interrupts-off", f"{head}: the CPU spins with interrupts off at {spin}"
        if sample.get("halted") and sample.get("interrupts_enabled") is False:
            return Verdict.HANG, "halt-interrupts-off", f"{head}: the CPU is halted with interrupts off"
        if starved:
            return Verdict.INCONCLUSIVE, "host-starved", f"{head}: {starved}"
    if expiry.lines_since:
        last = f", the last: {expiry.last_line}" if expiry.last_line else ""
        return Verdict.FAIL, "expectation", f"{head}; the guest went on printing ({expiry.lines_since} lines{last})"
    if sample is not None and sample.get("halted"):
        return Verdict.HANG, "silent-idle", f"{head}: no output meanwhile, the CPU idles with interrupts on"
    return Verdict.HANG, "silent", f"{head}: no output meanwhile"


def starvation(sample: Mapping[str, Any]) -> str:
    """Why the host is to blame, or an empty string."""
    if sample.get("was_stopped"):
        return "the QEMU process was stopped by a signal from outside"
    if sample.get("qmp_answered") is False:
        return "QEMU did not answer any more"
    delay = sample.get("run_delay_ratio")
    if delay is not None and delay > STARVED_RUN_DELAY:
        return f"the host kept the virtual CPU waiting for {delay:.0%} of the time"
    if (sample.get("throttled_ratio") or 0.0) > STARVED_RUN_DELAY:
        return f"a cgroup throttled QEMU for {sample['throttled_ratio']:.0%} of the time"
    steal = sample.get("steal_ratio")
    if steal is not None and steal > STARVED_STEAL:
        return f"the host itself lost {steal:.0%} of its time to its hypervisor"
    cpu = sample.get("vcpu_cpu_ratio")
    if cpu is not None and cpu < STARVED_CPU and sample.get("halted") is False:
        return f"the virtual CPU wanted to run and got {cpu:.0%} of a core"
    return ""


def _spin(sample: Mapping[str, Any]) -> str:
    """Where the CPU spins with interrupts off, or an empty string: several samples, time consumed, one small
    window of code.
    """
    rips = sample.get("rip_samples") or []
    if len(rips) < 3 or sample.get("halted") or sample.get("interrupts_enabled") is not False:
        return ""
    addresses = [int(str(r), 16) for r in rips]
    if max(addresses) - min(addresses) >= SPIN_WINDOW:
        return ""
    return f"{min(addresses):#x}"
