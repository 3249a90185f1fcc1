"""Machines with guests of 512 bytes, for the tests of the QEMU target."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from harness.evidence.journal import Event, Journal
from harness.targets.argv import Launch
from harness.targets.process import proc_state
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget

from .sectors import (
    image,
    profile,
    sector,
)

ROOT = str(Path(__file__).parents[2])


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main

    asyncio.run(bounded())


class Started:
    """A started target and what its journal says."""

    def __init__(self, target: QemuTarget, events: list[Event]) -> None:
        self.target = target
        self.events = events

    @property
    def qmp(self) -> Any:
        assert self.target.qmp is not None
        return self.target.qmp

    async def until(self, text: bytes) -> bytes:
        """Read the console up to *text*."""
        seen = b""
        while not seen.endswith(text):
            data = await self.target.console.read()
            assert data, f"the console ended after {seen!r}"
            seen += data
        return seen

    async def rest(self) -> bytes:
        out = b""
        while data := await self.target.console.read():
            out += data
        return out

    def qmp_events(self, name: str) -> list[Any]:
        return [event.data["data"] for event in self.events if event.data.get("name") == name]


Start = Callable[..., Any]


@asynccontextmanager
async def started(folder: Path, what: Profile | str, **launch: Any) -> AsyncIterator[Started]:
    """A paused machine, ended and looked for traces after; *what* is a profile or the assembly of a boot sector."""
    guest = what if isinstance(what, Profile) else profile(image(folder, sector(what)))
    journal = Journal(folder / f"journal-{os.urandom(4).hex()}.jsonl")
    events: list[Event] = []
    journal.listen(events.append)
    target = QemuTarget(guest, Launch(**launch))
    await target.start(journal)
    directory, pid = target._directory, target.pid
    assert directory is not None
    assert pid is not None
    try:
        yield Started(target, events)
    finally:
        await target.stop()
        journal.close()
    assert not directory.path.exists()
    assert target.pid is not None
    assert proc_state(pid) == proc_state(target.pid) == ""
