"""Plays one scenario on one target: from power-on to a judged bundle."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.console.pump import Console
from harness.console.types import Line
from harness.engine.actions import HANDLERS, WatchElapsed
from harness.engine.context import Context, StepFailedError
from harness.engine.needs import refuse_what_cannot_be_done
from harness.engine.responders import Responders
from harness.engine.waits import Deadline, FatalFindingError, StepTimeoutError, Waits
from harness.errors import HarnessError, LabError, UsageError
from harness.evidence.bundle import SCHEMA, Bundle
from harness.evidence.journal import Journal
from harness.judge.evaluator import Evaluator, FrameJudge
from harness.judge.facts import GuestFacts
from harness.judge.verdict import RunVerdict
from harness.markers.schema import PLAN, Schema, load_schema
from harness.scenario.model import ClockMode, Scenario
from harness.scenario.steps import CheckFrame, describe
from harness.scenario.stored import to_json
from harness.targets.base import Target
from harness.targets.profile import Profile
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.clients.control import ControlLink
    from harness.judge.frames import LiveFrames

TargetFactory = Callable[[Profile, Scenario, ClockMode], Target]
"""Makes the target of one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything one run needs."""

    scenario: Scenario
    profile: Profile
    make_target: TargetFactory
    runs_dir: Path
    clock: ClockMode
    update_goldens: bool = False
    on_start: Callable[[Context], None] | None = None  # progress displays hook in here
    on_fail: Callable[[Context, RunVerdict], Any] | None = None  # awaited before the guest is ended (--pause-on-fail)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A judged run and where its evidence is."""

    verdict: RunVerdict
    bundle: Bundle
    scenario: Scenario
    clock: str
    updated_goldens: list[str] = field(default_factory=list)


async def play(request: RunRequest) -> RunOutcome:
    """Play the scenario and judge it.

    :raises UsageError: if it cannot be run as asked; then nothing ran and no bundle stays.
    """
    scenario, profile = request.scenario, request.profile
    bundle = Bundle.create(request.runs_dir, scenario.name)
    journal = Journal(bundle.journal)
    frames: LiveFrames | None = None
    try:
        schema_copy = bundle.keep(profile.guest.schema, "schema") if profile.guest.schema else None
        facts = GuestFacts.of(profile, request.clock, schema_copy)
        schema: Schema = load_schema(profile.guest.schema) if profile.guest.schema else PLAN
        if any(isinstance(step, CheckFrame) for step in scenario.steps):
            from harness.judge.frames import LiveFrames

            frames = LiveFrames(facts, bundle)
        evaluator = Evaluator(scenario, facts, schema, frames)
        journal.listen(evaluator.on_event)
        target = request.make_target(profile, scenario, request.clock)
        refuse_what_cannot_be_done(scenario, target)
        _manifest(bundle, request, facts)
        bundle.write_json("inputs/scenario.json", to_json(scenario))
        if frames is not None:
            frames.keep_inputs(scenario)
        journal.append("run.start", scenario=scenario.name, image=profile.name, seed=scenario.seed, clock=request.clock, harness=__version__)
        with _signals(journal):
            updated = await _Run(request, bundle, journal, evaluator, target, frames).play()
        journal.append("run.end")
        verdict = evaluator.result()
        bundle.write_json("verdict.json", verdict.to_json())
        return RunOutcome(verdict, bundle, scenario, request.clock, updated)
    except UsageError:
        journal.close()
        shutil.rmtree(bundle.path, ignore_errors=True)
        raise
    finally:
        journal.close()


class _Run:
    """One run in progress."""

    def __init__(
        self, request: RunRequest, bundle: Bundle, journal: Journal, evaluator: Evaluator, target: Target, frames: FrameJudge | None
    ) -> None:
        self.request = request
        self.journal = journal
        self.evaluator = evaluator
        self.target = target
        self.bundle = bundle
        self.frames = frames

    async def play(self) -> list[str]:
        """Start the target, play the steps, end the target; returns the goldens that were written."""
        target, journal = self.target, self.journal
        try:
            await target.start(journal)
        except UsageError:
            await target.stop()
            raise
        except LabError as error:
            await target.stop()
            journal.append("lab.error", cause="start", what=f"{error.what}. {error.hint}".strip())
            return []
        console = Console(target.console, journal, self.bundle.serial)
        console.on_chunk.append(self.evaluator.on_chunk)
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
            update_goldens=self.request.update_goldens,
        )
        ctx.link = _control_link(ctx)
        responders = Responders(ctx)
        pump = asyncio.create_task(console.run(), name="console")
        tasks = [pump]
        if ctx.link is not None:
            tasks.append(asyncio.create_task(ctx.link.run(), name="control"))
        watcher = asyncio.create_task(self._watch_exit(pump), name="exit")
        tasks += [watcher, asyncio.create_task(self._watch_leaving(console), name="leaving")]
        if self.request.on_start is not None:
            self.request.on_start(ctx)
        try:
            await self._steps(ctx)
            if self.evaluator.fatal is not None and self.request.on_fail is not None:
                await self.request.on_fail(ctx, self.evaluator.result())
        finally:
            await responders.close()
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
            if ctx.camera is not None:
                ctx.camera.close()
        return ctx.camera.updated if ctx.camera is not None else []

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

    async def _watch_leaving(self, console: Console) -> None:
        """When QMP says that the guest left, read its last words and say so: events and console bytes travel on different ways."""
        left = asyncio.Event()
        self.evaluator.on_change.append(lambda: left.set() if self.evaluator.leaving is not None else None)
        await left.wait()
        await console.drained()
        self.journal.append("console.drained")

    async def _steps(self, ctx: Context) -> None:
        for index, step in enumerate(ctx.scenario.steps):
            if self.evaluator.fatal is not None:
                break
            self.journal.append("step.begin", index=index, do=step.do, what=describe(step))
            status = await self._step(ctx, index, step)
            if status != "done":
                break
        if self.evaluator.fatal is not None or self.evaluator.timed_out:
            await self._postmortem(ctx)

    async def _step(self, ctx: Context, index: int, step: Any) -> str:
        end: dict[str, Any] = {"status": "done"}
        try:
            await HANDLERS[step.do](ctx, index, step)
        except WatchElapsed:
            end = {"status": "elapsed"}
        except StepTimeoutError as error:
            end = {"status": "timeout", "limit": "host", "seconds": error.seconds}
        except StepFailedError as error:
            end = {"status": "failed", "cause": error.cause, "reason": error.reason}
        except FatalFindingError:
            end = {"status": "aborted"}
        except LabError as error:
            await self._settle_exit()
            if self.evaluator.fatal is None:
                self.journal.append("lab.error", cause="lab", what=f"{error.what}. {error.hint}".strip())
            end = {"status": "aborted"}
        self.journal.append("step.end", index=index, **end)
        return "done" if end["status"] == "elapsed" and self.evaluator.fatal is None else str(end["status"])

    async def _settle_exit(self) -> None:
        """A broken pipe is seen before the reason of the death: let the exit watcher speak first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(host(TIMEOUTS.drain)):
                while self.evaluator.fatal is None:
                    await self.target.wait_exit()
                    await asyncio.sleep(0)

    async def _postmortem(self, ctx: Context) -> None:
        """Sample the machine after a deadline or a death, as long as there is something to sample."""
        with suppress(LabError, TimeoutError):
            async with asyncio.timeout(host(TIMEOUTS.postmortem)):
                sample = await self.target.postmortem()
                if sample:
                    self.journal.append("postmortem", **sample)


@contextmanager
def _signals(journal: Journal) -> Iterator[None]:
    """SIGINT and SIGTERM become an event of the run, so that it ends in order; a second one ends it at once."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def note(number: int) -> None:
        if seen:
            os._exit(130)
        seen.append(number)
        journal.append("run.interrupted", signal=signal.Signals(number).name)

    installed: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError):  # not in the main thread: the caller handles signals
            loop.add_signal_handler(number, note, number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


def _control_link(ctx: Context) -> ControlLink | None:
    """The control link on its own port, or inline on the console; None for a guest without the protocol.

    Only a line that can lose bytes repeats commands: a repeat while the guest works would make a virtual run depend on host time.
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


def _manifest(bundle: Bundle, request: RunRequest, facts: GuestFacts) -> None:
    scenario = request.scenario
    copies: dict[str, str] = {}
    if scenario.file is not None and scenario.file.is_file():
        copies["scenario"] = bundle.keep(scenario.file)
    bundle.write_json(
        "manifest.json",
        {
            "schema": SCHEMA,
            "harness": __version__,
            "scenario": scenario.name,
            "image": request.profile.name,
            "seed": scenario.seed,
            "clock": request.clock,
            "reproducible": facts.reproducible,
            "facts": facts.to_json(),
            "copies": copies,
            "host": {
                "system": platform.platform(),
                "python": sys.version.split()[0],
                "cpus": os.cpu_count(),
            },
        },
    )
