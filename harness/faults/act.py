"""What a fault is made with: the world that it acts on, and the table from kinds to what does them."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import LabError
from harness.faults.streams import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from harness.console.pump import Console
    from harness.evidence.journal import Journal
    from harness.qmp.session import QmpSession
    from harness.targets.base import Target
    from harness.targets.profile import Profile

Done = dict[str, Any]
"""What was done, as the journal keeps it: JSON-able, the same in each reproducible run. `ids` are its victims."""


class World(Protocol):
    """What a fault may touch."""

    @property
    def target(self) -> Target: ...

    @property
    def profile(self) -> Profile: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def console(self) -> Console:
        """Where the bytes of the serial line come in."""
        ...

    @property
    def folder(self) -> Path:
        """The evidence of this run."""
        ...

    @property
    def qmp(self) -> QmpSession:
        """:raises LabError: where the target has none."""
        ...

    @property
    def alive(self) -> Sequence[int]:
        """The clients that live, ascending, by the guest's markers."""
        ...

    async def command(self, payload: str) -> str:
        """Send a control command; returns the words of the reply once the guest waits again.

        :raises LabError: if the guest refuses it.
        """
        ...

    async def cut_power(self, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Kill QEMU, do what is to be done *between*, start one on the same disks and wait until its guest is ready."""
        ...

    async def reset(self) -> None:
        """Reset the machine and wait until the guest is ready."""
        ...


class Act(Protocol):
    """How a kind of fault is done, and undone. Both raise LabError for what the host or the target lacks."""

    async def inject(self, world: World, what: Any, stream: Stream) -> Done: ...

    async def undo(self, world: World, what: Any, done: Mapping[str, Any]) -> None:
        """Called only of lasting kinds."""
        ...


@dataclass(frozen=True, slots=True)
class Momentary:
    """An act that is over once it was done."""

    do: Callable[[World, Any, Stream], Awaitable[Done]]

    async def inject(self, world: World, what: Any, stream: Stream) -> Done:
        return await self.do(world, what, stream)

    async def undo(self, world: World, what: Any, done: Mapping[str, Any]) -> None:
        return


@dataclass(frozen=True, slots=True)
class Lasting:
    """An act that has to be undone."""

    do: Callable[[World, Any, Stream], Awaitable[Done]]
    take_back: Callable[[World, Any, Mapping[str, Any]], Awaitable[None]]

    async def inject(self, world: World, what: Any, stream: Stream) -> Done:
        return await self.do(world, what, stream)

    async def undo(self, world: World, what: Any, done: Mapping[str, Any]) -> None:
        await self.take_back(world, what, done)


_FAMILIES = ("clients", "memory", "disks", "machine", "line", "processes", "network")


def act_of(kind: str) -> Act:
    """What does the faults of *kind*; families are imported when the first of theirs is wanted.

    :raises LabError: if there is none.
    """
    for family in _FAMILIES:
        acts: Mapping[str, Act] = importlib.import_module(f"harness.faults.{family}").ACTS
        if kind in acts:
            return acts[kind]
    raise LabError(f"nothing does faults of the kind {kind}")
