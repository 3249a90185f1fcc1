"""One run in progress: the target is up, the console is read, the steps are played, the evidence is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.console.types import Line
from harness.engine.actions import HANDLERS, WatchElapsed
from harness.engine.context import Context, StepFailedError
from harness.engine.opening import Opening
from harness.engine.responders import Responders
from harness.engine.waits import Deadline, FatalFindingError, NothingMoreError, StepTimeoutError, Waits
from harness.errors import HarnessError, LabError, TargetLost
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Journal
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.judge.frame_judge import FrameJudge
from harness.markers.schema import PLAN, load_schema
from harness.qmp.session import QmpTimeoutError
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame, describe
from harness.targets.base import Target
from harness.timeouts import TIMEOUTS, host
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.clients.control import ControlLink
    from harness.console.pump import Console
    from harness.engine.run import RunRequest


def make_evaluator(scenario: Scenario, facts: GuestFacts, bundle: Bundle, *, looks: bool = False) -> Evaluator:
    """The live judge of a run; goldens and masks that it rests on are copied into the bundle.

    :param looks: pictures may be judged that no step speaks of yet.
    :raises UsageError: for a wrong schema.
    """
    frames: FrameJudge | None = None
    if looks or scenario.proof is not None or any(isinstance(step, CheckFrame) for step in scenario.steps):
        from harness.judge.frames import LiveFrames

        live = LiveFrames(facts, bundle, scenario.proof)
        live.keep_inputs(scenario)
        frames = live
    schema_file = facts.schema_path(bundle.path)
    return Evaluator(scenario, facts, load_schema(schema_file) if schema_file else PLAN, frames)


class Session:
    """Everything between the start of a target and its end."""

    def __init__(
        self,
        request: RunRequest,
        bundle: Bundle,
        journal: Journal,
        evaluator: Evaluator,
        target: Target,
        opening: Opening,
    ) -> None:
        self.request = request
        self.journal = journal
        self.evaluator = evaluator
        self.target = target
        self.bundle = bundle
        self._opening = opening
        self._exit_told = asyncio.Event()  # `target.exit` is written
        self._over = opening.interrupted  # nothing that a step may still wait for counts any more

    async def play(self) -> list[str]:
        """Play the steps on the started target and end it; returns the goldens that were written."""
        target, journal = self.target, self.journal
        console, pump = self._opening.console, self._opening.pump
        ctx = Context(
            scenario=self.request.scenario,
            profile=self.request.profile,
            clock=self.request.clock,
            target=target,
            bundle=self.bundle,
            journal=journal,
            evaluator=self.evaluator,
            waits=Waits(self.evaluator),
            run_deadline=Deadline.after(self.request.scenario.timeout or TIMEOUTS.run),
            console=console,
            opening=self._opening,
            update_goldens=self.request.update_goldens,
            add_goldens=self.request.add_goldens,
        )
        ctx.link = _control_link(ctx)
        responders = Responders(ctx)
        pump.add_done_callback(self._pump_ended)
        tasks = [pump]
        if ctx.link is not None:
            tasks.append(asyncio.create_task(ctx.link.run(), name="control"))
        if ctx.scenario.proof is not None:
            from harness.engine.prover import Prover

            ctx.prover = Prover(ctx)
            tasks.append(asyncio.create_task(ctx.prover.run(), name="prover"))
        if ctx.scenario.faults is not None:
            from harness.engine.injector import Injector

            ctx.injector = Injector(ctx)
        watcher = asyncio.create_task(self._watch_exit(pump), name="exit")
        tasks += [watcher, asyncio.create_task(self._watch_leaving(console), name="leaving")]
        if self.request.on_start is not None:
            self.request.on_start(ctx)
        try:
            await self._steps(ctx)
            if self.evaluator.fatal is not None and self.request.on_fail is not None and not self._over.is_set():
                await self.request.on_fail(ctx, self.evaluator.result())
        finally:
            await responders.close()
            if ctx.injector is not None:
                await ctx.injector.close(steps_done=False)
            await target.stop()
            with suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(host(TIMEOUTS.drain)):
                    await asyncio.wait({watcher})
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, LabError) and self.evaluator.fatal is None:
                    journal.append("lab.error", cause="lost", what=result.what)
                elif isinstance(result, Exception) and not isinstance(result, HarnessError):
                    raise result
            console.close()
            for looking in (ctx.camera, ctx.prover):
                if looking is not None:
                    looking.close()
        return [*(ctx.camera.updated if ctx.camera is not None else []), *sorted(ctx.updated_values)]

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        """Without evidence there is nothing to wait for. A lost target is the exit watcher's to tell."""
        if not pump.cancelled() and pump.exception() is not None and not isinstance(pump.exception(), TargetLost):
            self._over.set()

    async def _watch_exit(self, pump: asyncio.Task[None]) -> None:
        """Write `target.exit` once the target is gone and its last words were read."""
        ended = await self.target.wait_exit()
        await asyncio.wait({pump}, timeout=host(TIMEOUTS.drain))
        self.journal.append(
            "target.exit",
            returncode=ended.returncode,
            asked=ended.asked,
            stderr=ended.stderr,
            shutdown_reason=ended.shutdown_reason,
        )
        self._exit_told.set()

    async def _watch_leaving(self, console: Console) -> None:
        """When QMP says that the guest left, read its last words and say so: events and console bytes travel on
        different ways.
        """
        left = asyncio.Event()
        self.evaluator.on_change.append(lambda: left.set() if self.evaluator.departure.announced is not None else None)
        await left.wait()
        await self._last_words(console)
        await console.drained()
        self.journal.append("console.drained")

    async def _last_words(self, console: Console) -> None:
        """Let a guest that panicked, and that QEMU stopped for it, print what it has to say: a Linux that panics in an
        NMI tells it through pvpanic before it prints.
        """
        announced, qmp = self.evaluator.departure.announced, getattr(self.target, "qmp", None)
        if announced is None or announced.data.get("name") != "GUEST_PANICKED" or qmp is None:
            return
        with suppress(HarnessError, TimeoutError):
            async with asyncio.timeout(host(TIMEOUTS.last_words)):
                await qmp.execute("cont")
                before = -1
                while console.received != before:
                    before = console.received
                    await asyncio.sleep(host(TIMEOUTS.silence))

    async def _steps(self, ctx: Context) -> None:
        if not self._opening.begun:
            self._opening.tell(self.evaluator)
        for index, step in enumerate(ctx.scenario.steps):
            if index in ctx.scenario.left_out:
                continue
            if self.evaluator.fatal is not None or not await self._due(ctx, index):
                break
            step = ctx.scenario.steps[index]  # noqa: PLW2901 - of a live run it has been given just now
            if index > 0 or not self._opening.begun:
                self.journal.append("step.begin", index=index, do=step.do, what=describe(step))
            status = await self._step(ctx, index, step)
            if status != "done":
                break
        else:
            await self._due(ctx, len(ctx.scenario.steps))
            if ctx.injector is not None and not self.evaluator.left:
                await self._unless_over(ctx.injector.close(steps_done=True))
        if self.evaluator.fatal is not None or self.evaluator.timed_out:
            await self._postmortem(ctx)
            if self.evaluator.doubted:
                from harness.engine.sounding import sound_line

                with suppress(FatalFindingError):
                    await self._unless_over(sound_line(ctx))

    async def _due(self, ctx: Context, index: int) -> bool:
        """Wait for the turn of step *index* in a run that is one of several; False: there will be none."""
        if self.request.conductor is None:
            return True
        due = False

        async def wait(turn: Awaitable[bool]) -> None:
            nonlocal due
            due = await ctx.waits.guard(turn)

        with suppress(FatalFindingError):
            await self._unless_over(wait(self.request.conductor.turn(index)))
        return due

    async def _step(self, ctx: Context, index: int, step: Any) -> str:
        end: dict[str, Any] = {"status": "done"}
        try:
            await self._unless_over(HANDLERS[step.do](ctx, index, step))
        except WatchElapsed:
            end = {"status": "elapsed"}
        except StepTimeoutError as error:
            end = {"status": "timeout", "limit": "host", "seconds": error.seconds}
        except NothingMoreError:
            reason = "the recording was over before it came"
            end = {"status": "failed", "cause": "recording-ended", "reason": reason}
        except StepFailedError as error:
            end = {"status": "failed", "cause": error.cause, "reason": error.reason}
        except FatalFindingError:
            end = {"status": "aborted"}
        except LabError as error:
            if not isinstance(error, QmpTimeoutError):  # then it is there, and only does not answer
                await self._settle_exit()
            if self.evaluator.fatal is None:
                self.journal.append("lab.error", cause="lab", what=f"{error.what}. {error.hint}".strip())
            end = {"status": "aborted"}
        if ctx.prover is not None:
            ctx.prover.flush()
        self.journal.append("step.end", index=index, **end)
        return "done" if end["status"] == "elapsed" and self.evaluator.fatal is None else str(end["status"])

    async def _unless_over(self, work: Awaitable[None]) -> None:
        """Do *work*; once the run is over drop it, whatever it waits for (QEMU may have been stopped under it).

        :raises FatalFindingError: if it was dropped.
        """
        task, alarm = asyncio.ensure_future(work), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=host(TIMEOUTS.interrupted))
            if not task.done():
                raise FatalFindingError
            task.result()
        finally:
            for unfinished in (task, alarm):
                unfinished.cancel()
            await asyncio.gather(task, alarm, return_exceptions=True)

    async def _settle_exit(self) -> None:
        """A broken pipe is seen before the reason of the death: let the exit watcher speak first, unless QEMU lives."""
        if self.target.qmp is not None:
            with suppress(LabError):
                await self.target.qmp.execute("query-status")
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(host(TIMEOUTS.settle)):
                await self._exit_told.wait()

    async def _postmortem(self, ctx: Context) -> None:
        """Sample the machine after a deadline or a death. A deadline is judged by it even where nothing can be seen."""
        sample: Mapping[str, Any] = {}
        with suppress(LabError, TimeoutError):
            async with asyncio.timeout(host(TIMEOUTS.postmortem)):
                sample = await self.target.postmortem()
        expired = self.evaluator.timed_out
        if sample or expired:
            self.journal.append("postmortem", **sample)
        first = self.evaluator.fatal
        died = expired or (first is not None and first.verdict in {Verdict.CRASH, Verdict.HANG})
        if died and sample.get("cpu") is not None and self.target.qmp is not None:
            from harness.engine.autopsy import keep_machine

            await keep_machine(self.target.qmp, sample["cpu"], self.bundle, dump=self.request.memory_dump)


def _control_link(ctx: Context) -> ControlLink | None:
    """The control link on its own port, or inline on the console; None for a guest without the protocol.

    Only a line that can lose bytes repeats commands: a repeat while the guest works would make a virtual run depend
    on host time.
    """
    if ctx.profile.guest.control == "none":
        return None
    from harness.clients.control import ControlLink

    repeat = None if ctx.target.qmp is not None else TIMEOUTS.control_repeat
    if ctx.profile.guest.control == "inline":
        link = ControlLink.inline(ctx.console.write, ctx.journal, repeat_after=repeat)

        def hand_in(line: Line) -> None:
            link.feed_line(line.text)

        ctx.evaluator.on_line.append(hand_in)
        return link
    if ctx.target.control is None:
        return None
    return ControlLink(ctx.target.control, ctx.journal, repeat_after=repeat)
