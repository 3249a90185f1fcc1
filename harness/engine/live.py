"""A run whose steps are given one by one by a program that waits for each: what a test in Python plays on.

It is a run as any other: the same engine plays the same steps, in a thread with an event loop of its own. The steps
that were given are kept, so the bundle holds a whole scenario, and the verdict is the one that this bundle gives when
it is judged again. The last step is always a mark, "the end": the decision to stop falls there.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.clock import Today, utc_today
from harness.engine.given import judged
from harness.engine.run import RunOutcome, RunRequest, play
from harness.errors import UsageError
from harness.evidence.journal import Event, Journal
from harness.judge.said import Said
from harness.scenario.faulting import Fault
from harness.scenario.given import END
from harness.scenario.model import Scenario
from harness.scenario.steps import Step
from harness.scenario.stored import to_json

if TYPE_CHECKING:
    from harness.engine.context import Context

T = TypeVar("T")


class RunOverError(Exception):
    """The run has come to its end, and no step can be given any more; `LiveRun.conclude` says how it ended."""


class LiveRun:
    """One run.

    :param request: its scenario has no steps but the first ones; `conductor` and `on_start` are ours.
    :raises UsageError: from `start`, if it cannot be run as asked.
    """

    def __init__(self, request: RunRequest, today: Today = utc_today) -> None:
        self._today = today
        scenario = request.scenario
        self._steps: list[Step] = [*scenario.steps, END]
        self._faults: list[Fault] = list(scenario.faults.fault) if scenario.faults is not None else []
        faults = None if scenario.faults is None else replace(scenario.faults, fault=cast(Any, self._faults))
        self.scenario = replace(scenario, steps=cast(Any, self._steps), faults=faults)  # both grow
        self._request = replace(request, scenario=self.scenario, conductor=self, on_start=self._started)
        self._ended: dict[int, Future[str]] = {}  # by step
        self._over = False  # nothing more will be given
        self._running: Future[RunOutcome] = Future()
        self._outcome: RunOutcome | None = None
        self._thread = threading.Thread(target=self._run, name="harness-run", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._news: asyncio.Event
        self._there = threading.Event()  # the loop, the news
        self._ctx: Context | None = None
        self._journal: Journal | None = None
        self.said = Said()
        self.pictures: dict[str, str] = {}  # files of remembered ones, in the bundle, by name

    # ---- for the program that plays --------------------------------------------------------------------------------

    @property
    def bundle(self) -> Path:
        """Folder of the evidence.

        :raises RunOverError: if the run could not be begun.
        """
        if self._ctx is None:
            raise RunOverError
        return self._ctx.bundle.path

    @property
    def context(self) -> Context:
        """The live parts, to be looked at within `call`.

        :raises RunOverError: if the guest is not up.
        """
        if self._ctx is None or self._running.done():
            raise RunOverError
        return self._ctx

    def start(self) -> None:
        """Start it, and return once its first steps are done.

        :raises RunOverError: if it is over by then.
        :raises UsageError: if it cannot be run as asked.
        """
        last = len(self._steps) - 2
        self._ended[last] = Future()
        self._thread.start()
        self._there.wait()
        self._await(self._ended[last])

    def give(self, *steps: Step, fault: Fault | None = None) -> int:
        """Play *steps*, and return once they are done: the index of the last. *fault* is due at the first of them.

        :raises RunOverError: if the run ended with them, or had before.
        :raises UsageError: if they make no sense, or the target cannot do them. The run goes on.
        """
        index = self.call(lambda: self._insert(steps, fault))
        self._await(self._ended[index])
        return index

    def call(self, work: Callable[[], T]) -> T:
        """The result of *work*, done in the run's own thread.

        :raises RunOverError: if the run is over.
        """

        async def do() -> T:
            if self._running.done() or self._ctx is None or self._ctx.evaluator.fatal is not None:
                raise RunOverError
            return work()

        return self._submit(do())

    def finish(self, *, failed: str = "", blame: str = "product") -> RunOutcome:
        """Come to the end, and return what `conclude` does.

        :param failed: what the program itself says is wrong, by its own assertions; with *blame* "test" it says that
            it broke itself.
        """
        if not self._running.done():
            self._later(lambda: self._finish(failed, blame))
        return self.conclude()

    def interrupt(self, name: str) -> None:
        """End it at once, as a signal would."""
        if not self._running.done():
            self._later(lambda: self._note("run.interrupted", signal=name))

    def conclude(self) -> RunOutcome:
        """Wait for the end; the run with the verdict on its bundle.

        :raises HarnessError: as `harness.engine.run.play`.
        """
        if self._outcome is None:
            outcome = self._running.result()
            self._thread.join()
            faults = self.scenario.faults and replace(self.scenario.faults, fault=tuple(self._faults))
            self._outcome = judged(
                outcome, replace(self.scenario, steps=tuple(self._steps), faults=faults), self._request
            )
        return self._outcome

    # ---- for the engine; in its thread -----------------------------------------------------------------------------

    def began(self, journal: Journal) -> None:
        self._journal = journal
        journal.listen(self._event)

    async def turn(self, index: int) -> bool:
        while index >= len(self._steps) - 1 and not self._over:
            self._news.clear()
            if self._ctx is not None:
                self._ctx.evaluator.waiting = True
            await self._news.wait()
        return True

    def _started(self, ctx: Context) -> None:
        self._ctx = ctx
        ctx.evaluator.checks.said = self.said

    def _event(self, event: Event) -> None:
        if event.kind == "remembered":
            self.pictures[str(event.data["name"])] = str(event.data["file"])
        if event.kind == "step.end":
            ended = self._ended.get(int(event.data["index"]))
            if ended is not None:
                # Not before the engine has gone on from here: it may find that the run is over.
                asyncio.get_running_loop().call_soon(self._tell, ended, str(event.data["status"]))

    @staticmethod
    def _tell(ended: Future[str], status: str) -> None:
        if not ended.done():
            ended.set_result(status)

    def _insert(self, steps: Sequence[Step], fault: Fault | None) -> int:
        """Put *steps* before the end; the index of the last."""
        ctx = self.context
        self._check(ctx, steps, fault)
        first = len(self._steps) - 1
        for step in steps:
            self._note("step.given", index=len(self._steps) - 1, step=_plain(step))
            self._steps.insert(len(self._steps) - 1, step)
        try:
            ctx.evaluator.given(range(first, first + len(steps)))
        except UsageError:
            del self._steps[first:-1]
            raise
        if fault is not None and ctx.injector is not None:
            self._note("fault.given", fault=_plain(fault))
            self._faults.append(fault)
            ctx.evaluator.given_fault(fault)
            ctx.injector.add(fault)
        self._ended[first + len(steps) - 1] = Future()
        self._news.set()
        return first + len(steps) - 1

    def _check(self, ctx: Context, steps: Sequence[Step], fault: Fault | None) -> None:
        from harness.engine.needs import check_masks, refuse_what_cannot_be_done
        from harness.scenario.given import refuse_wrong_fault, refuse_wrong_steps

        refuse_wrong_steps(self._steps[:-1], steps)
        asked = replace(self.scenario, steps=tuple(steps), proof=None)
        refuse_what_cannot_be_done(asked, ctx.target)
        if any(step.do == "check-frame" for step in steps):
            from harness.judge.frames import LiveFrames

            if not isinstance(ctx.evaluator.frames, LiveFrames):
                raise UsageError("pictures are not followed in this run", "ask for the fixture `screen` in the test")
            check_masks(asked, ctx.profile, self._today())
            ctx.evaluator.frames.keep_inputs(asked)
        if fault is not None:
            if ctx.injector is None:
                raise UsageError("faults are not followed in this run", "ask for the fixture `faults` in the test")
            refuse_wrong_fault(self._faults, fault, ctx.target)

    def _finish(self, failed: str, blame: str) -> None:
        if self._ctx is None or self._running.done():
            return
        self._ctx.evaluator.given(range(0))
        if failed:
            self._note("test.failed", what=failed, blame=blame)
        self._over = True
        self._news.set()

    def _note(self, kind: str, **data: Any) -> None:
        if self._journal is not None and not self._running.done():
            self._journal.append(kind, **data)

    # ---- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        async def main() -> RunOutcome:
            self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
            self._there.set()
            return await play(self._request)

        try:
            with asyncio.Runner() as runner:
                outcome = runner.run(main(), context=contextvars.Context())
        except BaseException as error:  # it is the waiting thread's to tell
            self._running.set_exception(error)
        else:
            self._running.set_result(outcome)

    def _await(self, ended: Future[str]) -> None:
        """Return once *ended* is set and the run goes on.

        :raises RunOverError: if it does not.
        """
        either = threading.Event()
        for future in (ended, self._running):
            future.add_done_callback(lambda _: either.set())
        either.wait()
        if ended.done() and ended.result() in {"done", "elapsed"}:
            try:
                self.call(lambda: None)
            except RunOverError:
                pass
            else:
                return
        error = self._running.exception()  # waits for the end, which is near
        if isinstance(error, UsageError):
            raise error
        raise RunOverError

    def _submit(self, work: Coroutine[Any, Any, T]) -> T:
        if self._running.done():
            work.close()
            raise RunOverError
        try:
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop has just been closed
            work.close()
            raise RunOverError from None
        either = threading.Event()
        for future in (answer, self._running):
            cast("Future[Any]", future).add_done_callback(lambda _: either.set())
        either.wait()
        if not answer.done() or answer.cancelled():
            raise RunOverError
        return answer.result()

    def _later(self, work: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:
            return  # it has ended by itself


def _plain(what: Step | Fault) -> dict[str, Any]:
    """As JSON, the way a bundle keeps it."""
    if isinstance(what, Fault):
        return asdict(what)
    (step,) = to_json(Scenario(name="", steps=(what,)))["steps"]
    return cast("dict[str, Any]", step)
