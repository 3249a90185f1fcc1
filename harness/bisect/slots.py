"""Several images at once: what will probably be asked for is built and run ahead, a thread for each slot.

The search asks for the same images in the same order as without; a run that was made ahead lies ready when its image is
asked for, and one that never is has cost only what would have been idle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

from harness.bisect.evidence import Ran
from harness.bisect.source import Image
from harness.errors import HarnessError


@dataclass(frozen=True, slots=True)
class Made:
    """An image, and its run if it can be booted; `error` is what hindered the run."""

    image: Image
    ran: Ran | None = None
    error: HarnessError | None = None


class Maker(Protocol):
    """Builds and plays one image at a time. Its `__call__` and `close` come from one thread."""

    def __call__(self, number: int) -> Made: ...

    def stop(self) -> None:
        """End what is under way in order; from any thread."""

    def close(self) -> None: ...


class Slots:
    """Makes runs ahead, one a maker at once."""

    def __init__(self, makers: Sequence[Maker]) -> None:
        self._makers = makers
        # A thread each, for as long as the slot lives: what it starts dies with the thread that started it.
        self._threads = [ThreadPoolExecutor(1, thread_name_prefix="bisect") for _ in makers]
        self._flying: dict[Future[Made], tuple[int, int]] = {}  # (slot, image)

    def __len__(self) -> int:
        return len(self._makers)

    def fill(self, wanted: Iterable[int]) -> None:
        """Begin what of *wanted* is not under way, first come first served, as far as slots are free."""
        flying = Counter(number for _, number in self._flying.values())
        free = [slot for slot in range(len(self)) if slot not in {busy for busy, _ in self._flying.values()}]
        for number in wanted:
            if flying[number]:
                flying[number] -= 1
            elif free:
                slot = free.pop(0)
                self._flying[self._threads[slot].submit(self._makers[slot], number)] = slot, number

    def collect(self) -> list[tuple[int, Made]]:
        """Wait until something is made: all that is, with its image's number.

        :raises HarnessError: what stopped one of them.
        """
        done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
        return [(self._flying.pop(future)[1], future.result()) for future in done]

    def close(self) -> None:
        """End what is under way, and every thread."""
        for maker in self._makers:
            maker.stop()
        for maker, thread in zip(self._makers, self._threads, strict=True):
            thread.submit(maker.close)
            thread.shutdown()
        self._flying.clear()
