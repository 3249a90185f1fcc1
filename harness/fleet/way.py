"""The way of frames from one guest to another, with what happens to them on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from harness.faults.streams import Stream
from harness.scenario.cluster.impairment import Impairment

COUNTS = ("sent", "delivered", "cut", "lost", "corrupted", "duplicated", "delayed", "overflow", "nobody")
IN_FLIGHT = 4096  # frames that a delay holds in one direction; more are dropped, and counted
_HEADER = 14  # bytes of an Ethernet header: addresses and type stay as they are


class Way:
    """Frames from one guest to another, in order. `counts` says what became of them."""

    def __init__(self, sender: str, receiver: str, deliver: Callable[[Way, bytes], None]) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self._name = f"{sender}>{receiver}"
        self._deliver = deliver
        self._faults: dict[Impairment, Stream] = {}
        self._made: dict[str, int] = {}
        self._held: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        return self._name

    def impose(self, fault: Impairment, seed: int) -> None:
        """From the next frame on. Its random stream is that of the n-th fault of its kind on this way."""
        number = self._made[fault.what] = self._made.get(fault.what, 0) + 1
        self._faults[fault] = Stream(seed, f"link {fault.what} {self._name} {number}")

    def lift(self, fault: Impairment) -> None:
        """To the last frame. What a delay holds is handed on at once, also where another goes on: nothing overtakes."""
        if self._faults.pop(fault, None) is not None and fault.what == "delay":
            self._release(everything=True)

    def close(self) -> None:
        """Nobody listens any more."""
        if self._timer is not None:
            self._timer.cancel()
        self.counts["nobody"] += len(self._held)
        self._held.clear()

    def take(self, frame: bytes) -> None:
        """A frame begins its way."""
        self.counts["sent"] += 1
        copies, late = 1, 0.0
        for fault, stream in self._faults.items():
            if fault.share < 1 and stream.real(0.0, 1.0) >= fault.share:
                continue
            fault.frames += 1
            match fault.what:
                case "partition" | "noisy-partition" | "unplug":
                    self.counts["cut"] += 1
                    return
                case "loss":
                    self.counts["lost"] += 1
                    return
                case "delay":
                    late += fault.ms / 1000
                case "corrupt":
                    self.counts["corrupted"] += 1
                    frame = _with_one_bit_turned(frame, stream)
                case "duplicate":
                    self.counts["duplicated"] += 1
                    copies += 1
        for _ in range(copies):
            self._pass(frame, late)

    def _pass(self, frame: bytes, late: float) -> None:
        if not late:
            self._deliver(self, frame)
        elif len(self._held) >= IN_FLIGHT:
            self.counts["overflow"] += 1
        else:
            self.counts["delayed"] += 1
            self._held.append((asyncio.get_running_loop().time() + late, frame))
            self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._held:
            self._timer = asyncio.get_running_loop().call_at(self._held[0][0], self._release)

    def _release(self, *, everything: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = asyncio.get_running_loop().time()
        while self._held and (everything or self._held[0][0] <= now):
            self._deliver(self, self._held.popleft()[1])
        self._arm()


def _with_one_bit_turned(frame: bytes, stream: Stream) -> bytes:
    if len(frame) <= _HEADER:
        return frame
    bit = stream.below((len(frame) - _HEADER) * 8)
    changed = bytearray(frame)
    changed[_HEADER + bit // 8] ^= 1 << bit % 8
    return bytes(changed)
