"""Which run is next, where several are played at once: a guest in real time has a core for each of its processors.

A virtual run is the same however late it gets its processor, so it takes none. A guest in real time that shares its
core with another misses deadlines that are no fault of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cores import cores

if TYPE_CHECKING:
    from harness.engine.options import Planned
    from harness.evidence.campaign import Unit

__all__ = ["Slots", "cores", "weight"]


def weight(item: Planned, most: int) -> int:
    """The cores that a run of *item* has to itself, out of *most*."""
    if item.clock != "wall":
        return 0
    guests = len(getattr(item.scenario, "names", ())) or 1  # of a cluster
    return min(most, guests * item.profile.machine.cpus)


class Slots:
    """The runs that are still to be begun, in their order; one that fits is taken before one that does not.

    :param weights: cores of each scenario.
    """

    def __init__(self, units: Sequence[Unit], weights: Sequence[int], most: int) -> None:
        self._left = list(units)
        self._weights = weights
        self._free = most
        self._waiting: list[asyncio.Future[None]] = []

    async def take(self) -> Unit | None:
        """The next run, once it has its cores; None if there is none. Give them back with `free`."""
        while self._left:
            for unit in self._left:
                if self._weights[unit.item] <= self._free:
                    self._left.remove(unit)
                    self._free -= self._weights[unit.item]
                    return unit
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting
        return None

    def free(self, unit: Unit) -> None:
        """The run is over."""
        self._free += self._weights[unit.item]
        self._wake()

    def close(self) -> None:
        """None of what is left is to be begun."""
        self._left.clear()
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
