"""Waiting for what the evaluator sees: a condition, a fatal finding or a deadline, whichever comes first. Nothing
here polls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.judge.evaluator import Evaluator
from harness.timeouts import host

T = TypeVar("T")


class StepTimeoutError(Exception):
    """The deadline of a step passed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:g} s passed")
        self.seconds = seconds


class NothingMoreError(Exception):
    """A recording is over: what has not come by now never will."""


class FatalFindingError(Exception):
    """The evaluator found something after which waiting is pointless."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant, handed down instead of a timeout per try. `seconds` is the length that was asked for."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float, *, not_after: Deadline | None = None) -> Deadline:
        at = time.monotonic() + host(seconds)
        if not_after is not None and not_after.at < at:
            return not_after
        return cls(at, seconds)

    @property
    def left(self) -> float:
        return max(0.0, self.at - time.monotonic())


class Waits:
    """Conditions on the evaluator's state; each is asked again whenever the evaluator took something in."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._pending: dict[asyncio.Future[None], Callable[[], bool]] = {}
        evaluator.on_change.append(self._changed)

    def check_fatal(self) -> None:
        """:raises FatalFindingError: if there is a finding."""
        if self._evaluator.fatal is not None:
            raise FatalFindingError

    async def until(self, condition: Callable[[], bool], deadline: Deadline) -> None:
        """Return once *condition* holds.

        :raises FatalFindingError: on the first finding, unless the condition holds by then.
        :raises StepTimeoutError: at the deadline.
        """
        if condition():
            return
        self.check_fatal()
        if self._evaluator.over:
            raise NothingMoreError
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[future] = condition
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline.left):
                await future
        except TimeoutError:
            raise StepTimeoutError(deadline.seconds) from None
        finally:
            del self._pending[future]

    async def guard(self, work: Awaitable[T], deadline: Deadline | None = None) -> T:
        """The result of *work*, unless a finding or the deadline comes first: then it is cancelled.

        :raises FatalFindingError: on the first finding.
        :raises StepTimeoutError: at the deadline.
        """
        task = asyncio.ensure_future(work)
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[alarm] = lambda: False
        try:
            self._changed()
            both: set[asyncio.Future[Any]] = {task, alarm}
            left = None if deadline is None else deadline.left
            await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if alarm.done():
                alarm.result()
            raise StepTimeoutError(0.0 if deadline is None else deadline.seconds)
        finally:
            del self._pending[alarm]
            if alarm.done() and not alarm.cancelled():
                alarm.exception()  # it was seen above; asyncio would complain otherwise
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _changed(self) -> None:
        fatal = self._evaluator.fatal is not None
        for future, condition in list(self._pending.items()):
            if future.done():
                continue
            if condition():
                future.set_result(None)
            elif fatal:
                future.set_exception(FatalFindingError())
            elif self._evaluator.over:
                future.set_exception(NothingMoreError())
