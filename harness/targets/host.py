"""What the host says of a QEMU process: how much CPU time its virtual CPUs got, and what kept it from them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from harness.targets.process import proc_state


@dataclass(frozen=True, slots=True)
class ThreadTime:
    """CPU time of one thread, and the time it was runnable but had to wait for a CPU; ns since the thread began."""

    cpu_ns: int
    delay_ns: int


@dataclass(frozen=True, slots=True)
class HostSample:
    """One look at the host; two of them make the ratios that tell starvation from a hang. Unknown is None."""

    host_ns: int
    process_state: str  # letter of /proc/PID/stat, `T` is stopped by a signal; empty: gone
    threads: dict[int, ThreadTime] = field(default_factory=dict)  # of the virtual CPUs, by thread id
    steal_ticks: int | None = None
    total_ticks: int | None = None
    pressure_us: int | None = None  # time in which some task of the host waited for a CPU
    throttled_us: int | None = None  # time for which a cgroup of the process was out of its quota

    def ratios(self, since: HostSample) -> dict[str, float | None]:
        """Shares of the time between *since* and this sample, 0 to 1; those of virtual CPUs are the busiest one's.

        `vcpu_cpu_ratio` ran, `run_delay_ratio` waited for a CPU, `throttled_ratio` was throttled, `steal_ratio` of the
        host's time went to its hypervisor, `pressure_ratio` had somebody waiting for a CPU.
        """
        length = max(self.host_ns - since.host_ns, 1)
        zero = ThreadTime(0, 0)
        spans = [
            (now.cpu_ns - before.cpu_ns, now.delay_ns - before.delay_ns)
            for thread, now in self.threads.items()
            for before in (since.threads.get(thread, zero),)
        ]
        cpu, delay = max(spans, key=sum) if spans else (None, None)
        ticks = _difference(self.total_ticks, since.total_ticks)
        return {
            "vcpu_cpu_ratio": _share(cpu, length),
            "run_delay_ratio": _share(delay, length),
            "throttled_ratio": _share(_difference(self.throttled_us, since.throttled_us), length / 1000),
            "steal_ratio": _share(_difference(self.steal_ticks, since.steal_ticks), ticks) if ticks else None,
            "pressure_ratio": _share(_difference(self.pressure_us, since.pressure_us), length / 1000),
        }


def host_sample(pid: int, threads: Sequence[int]) -> HostSample:
    """Look now. Reads a handful of small files in /proc: 0.1 ms.

    :param threads: thread ids of the virtual CPUs.
    """
    times = {thread: found for thread in threads if (found := thread_time(pid, thread)) is not None}
    steal, total = _ticks()
    return HostSample(time.monotonic_ns(), proc_state(pid), times, steal, total, _pressure_us(), _throttled_us(pid))


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


def _share(part: float | None, whole: float) -> float | None:
    return None if part is None else round(min(max(part / whole, 0.0), 1.0), 4)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # an old kernel without this file, or the process is gone
        return ""


def thread_time(pid: int, thread: int) -> ThreadTime | None:
    """Times of one thread; None if it is gone or the kernel does not keep them."""
    words = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
    return ThreadTime(int(words[0]), int(words[1])) if len(words) >= 2 else None


def _ticks() -> tuple[int | None, int | None]:
    """Stolen and all CPU time of the host, in clock ticks over all CPUs (the guest columns are part of user's)."""
    words = _read("/proc/stat").partition("\n")[0].split()[1:9]
    return (int(words[7]), sum(map(int, words))) if len(words) == 8 else (None, None)


def _pressure_us() -> int | None:
    head = _read("/proc/pressure/cpu").partition("\n")[0]
    return int(head.rpartition("total=")[2]) if "total=" in head else None


def _throttled_us(pid: int) -> int | None:
    """Throttled time of the process's cgroup and those around it, the largest: any of them can hold it up."""
    found: list[int] = []
    for line in _read(f"/proc/{pid}/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        for mount in _cgroup_mounts(number == "0"):
            at = f"{mount}{path}".rstrip("/")
            while at.startswith(mount):
                stat = dict(word.split()[:2] for word in _read(f"{at}/cpu.stat").splitlines())
                if "throttled_usec" in stat:  # version 2
                    found.append(int(stat["throttled_usec"]))
                elif "throttled_time" in stat:  # version 1, ns
                    found.append(int(stat["throttled_time"]) // 1000)
                at = at.rpartition("/")[0]
    return max(found, default=None)


@cache
def _cgroup_mounts(second: bool) -> tuple[str, ...]:
    """Where cgroup version 2 (or version 1's cpu controller) is mounted."""
    mounts = [line.split() for line in _read("/proc/self/mounts").splitlines()]
    return tuple(
        words[1]
        for words in mounts
        if (second and words[2] == "cgroup2") or (not second and words[2] == "cgroup" and "cpu" in words[3].split(","))
    )
