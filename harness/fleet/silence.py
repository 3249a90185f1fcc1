"""When a guest that sends all the time has sent nothing for a while: what the host kept from it meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import LabError
from harness.targets.host import HostSample, ThreadTime, thread_time

LONG = 0.25  # seconds without a frame that are told; a heartbeat comes 60 times a second
_EVERY = 0.1  # seconds between looks at the host while frames come: each takes 0.1 ms


@dataclass(slots=True)
class _Look:
    at: float
    host: HostSample
    threads: dict[str, ThreadTime | None]


class Silence:
    """Hears of every frame. *tell* gets the length of a silence in seconds, and the shares of it (0 to 1) for which the
    guest's CPUs or QEMU's main loop (which runs the guest's timers) waited for a CPU of the host, and for which the
    harness did, or was busy with something else than the link (`harness_busy_ratio`).
    """

    def __init__(
        self, sample: Callable[[], HostSample], qemu: Callable[[], int | None], tell: Callable[..., None]
    ) -> None:
        """*qemu* gives the process id of the guest's QEMU."""
        self._sample = sample
        self._qemu = qemu
        self._tell = tell
        self._look: _Look | None = None
        self._last = 0.0

    def heard(self) -> None:
        """A frame came."""
        now = time.monotonic()
        if self._look is not None and now - self._last >= LONG:
            self._judge(now, self._look)
        self._last = now
        if self._look is None or now - self._look.at >= _EVERY:
            self._look = self._take(now)

    def _judge(self, now: float, before: _Look) -> None:
        after = self._take(now)
        if after is None:
            return
        ratios = after.host.ratios(before.host)
        for name, thread in after.threads.items():
            earlier = before.threads[name]
            if thread is not None and earlier is not None:
                away = thread.delay_ns - earlier.delay_ns
                if name == "harness_busy":
                    away += thread.cpu_ns - earlier.cpu_ns
                ratios[f"{name}_ratio"] = round(min(max(away / 1e9 / max(now - before.at, 1e-9), 0.0), 1.0), 4)
        self._tell(seconds=round(now - self._last, 3), **{k: v for k, v in ratios.items() if v is not None})

    def _take(self, now: float) -> _Look | None:
        try:
            pid = self._qemu()
            threads = {
                "harness_busy": thread_time(os.getpid(), threading.get_native_id()),
                "qemu_delay": None if pid is None else thread_time(pid, pid),
            }
            return _Look(now, self._sample(), threads)
        except LabError:  # it is gone
            return None
