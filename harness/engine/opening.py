"""The beginning of a run: the machine comes up, its console is read and the guest let go before there is a judge.

What happens meanwhile goes into the journal and the raw log as always, and is kept to be told to the judge in the same
order. So importing the judge costs no time: the guest boots while it is done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.console.pump import Console
from harness.console.types import Chunk
from harness.evidence.journal import Event, Journal
from harness.scenario.looking import Boot
from harness.scenario.model import Scenario
from harness.targets.base import Target

if TYPE_CHECKING:
    from harness.judge.evaluator import Evaluator


_MOMENT = (
    0.05  # s for the machine to go before the judge is imported: QMP takes 1 ms, a board's power switch may take long
)


class Opening:
    """Keeps events and console bytes for a judge to come, and hands them on once it is there."""

    def __init__(self, journal: Journal) -> None:
        self.interrupted = asyncio.Event()
        self._journal = journal
        self._kept: deque[Event | Chunk] = deque()
        self._hear: Callable[[Event | Chunk], None] = self._kept.append
        self._console: Console | None = None
        self._pump: asyncio.Task[None] | None = None
        self._going: asyncio.Task[None] | None = None
        journal.listen(self._event)

    @property
    def console(self) -> Console:
        """:raises RuntimeError: before `let_go`."""
        if self._console is None:
            raise RuntimeError("the console is not read yet")
        return self._console

    @property
    def pump(self) -> asyncio.Task[None]:
        """The task that reads the console.

        :raises RuntimeError: before `let_go`.
        """
        if self._pump is None:
            raise RuntimeError("the console is not read yet")
        return self._pump

    @property
    def begun(self) -> bool:
        """Whether the first step is under way already: its `step.begin` is written, its `power_on` to be awaited."""
        return self._going is not None

    async def up(self, starting: asyncio.Task[None]) -> bool:
        """Wait until the target is started; False if the run was interrupted before.

        :raises HarnessError: if it could not be started.
        """
        alarm = asyncio.create_task(self.interrupted.wait())
        try:
            await asyncio.wait({starting, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        if self.interrupted.is_set():
            starting.cancel()
            return False
        starting.result()
        return True

    async def let_go(self, target: Target, scenario: Scenario, serial: Path) -> None:
        """Read the console, begin the first step and power on, where that is what the first step does.

        A failure to do so is kept for `power_on`.
        """
        self._console = Console(target.console, self._journal, serial)
        self._console.on_chunk.append(lambda chunk: self._hear(chunk))  # noqa: PLW0108 - it is another one later
        self._pump = asyncio.create_task(self._console.run(), name="console")
        first = scenario.steps[0] if scenario.steps else None
        if isinstance(first, Boot):
            self._journal.append("step.begin", index=0, do=first.do, what=str(first))
            self._going = asyncio.create_task(target.go(), name="go")
            await asyncio.wait({self._going}, timeout=_MOMENT)

    def tell(self, evaluator: Evaluator) -> None:
        """Tell *evaluator* all that was kept, and from now on everything as it happens."""

        def hear(item: Event | Chunk) -> None:
            if isinstance(item, Event):
                evaluator.on_event(item)
            else:
                evaluator.on_chunk(item)

        while self._kept:  # what the evaluator's listeners write meanwhile comes last
            hear(self._kept.popleft())
        self._hear = hear

    async def power_on(self) -> None:
        """Return once the guest runs.

        :raises HarnessError: if it cannot be let go.
        """
        if self._going is not None:
            await asyncio.shield(self._going)

    async def close(self) -> None:
        """End what is still under way: letting go, and the reading of the console if nobody took it over."""
        for task in (self._going, self._pump):
            if task is not None and not task.done():
                task.cancel()
        await asyncio.gather(*filter(None, (self._going, self._pump)), return_exceptions=True)
        if self._console is not None:
            self._console.close()

    def _event(self, event: Event) -> None:
        self._hear(event)
        if event.kind == "run.interrupted":
            self.interrupted.set()
