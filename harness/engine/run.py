"""Plays one scenario on one target: from power-on to a judged bundle."""

from __future__ import annotations

import asyncio
import errno
import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.engine.interrupts import interruptions
from harness.engine.needs import refuse_what_cannot_be_done
from harness.engine.opening import Opening
from harness.errors import LabError, UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Journal
from harness.judge.facts import GuestFacts, by_host
from harness.scenario.model import ClockMode, Scenario
from harness.targets.base import Target
from harness.targets.profile import Profile

if TYPE_CHECKING:
    from harness.coverage.collect import Collector
    from harness.engine.conductor import Conductor
    from harness.engine.context import Context
    from harness.judge.evaluator import Evaluator
    from harness.judge.verdict import RunVerdict

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})

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
    add_goldens: bool = False
    on_start: Callable[[Context], None] | None = None  # progress displays hook in here
    on_fail: Callable[[Context, RunVerdict], Any] | None = None  # awaited before the guest is ended (--pause-on-fail)
    notes: tuple[str, ...] = ()  # what the verdict is to say of how it was run
    coverage: bool = False  # write which lines of the kernel's source ran
    memory_dump: bool = False  # of a guest that crashed or hangs: keep its memory in the bundle
    bundle: Path | None = None  # where the evidence is to go, chosen before; None: a new folder in `runs_dir`
    conductor: Conductor | None = None  # whoever plays several runs together, or gives its steps one by one
    looks: bool = False  # pictures may be judged that no step speaks of yet


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A judged run and where its evidence is."""

    verdict: RunVerdict
    bundle: Bundle
    scenario: Scenario
    clock: str
    updated_goldens: list[str] = field(default_factory=list)
    parts: list[RunOutcome] = field(default_factory=list)  # the runs of a cluster's nodes


async def play(request: RunRequest) -> RunOutcome:
    """Play the scenario, of one guest, and judge it.

    :raises UsageError: if it cannot be run as asked; then nothing ran and no bundle stays.
    :raises LabError: if the evidence cannot be written.
    """
    scenario, profile = request.scenario, request.profile
    bundle = Bundle.make(request.bundle or Bundle.choose(request.runs_dir, scenario.name))
    journal = Journal(bundle.journal)
    try:
        if request.conductor is not None:
            request.conductor.began(journal)
        schema_copy = bundle.keep(profile.guest.schema, "schema") if profile.guest.schema else None
        if profile.guest.triage_rules is not None:
            bundle.keep(profile.guest.triage_rules, "triage")
        facts = GuestFacts.of(profile, request.clock, schema_copy, by_host=by_host(scenario, profile))
        target = request.make_target(profile, scenario, request.clock)
        if scenario.optional:
            from harness.engine.part import without

            scenario, left_out = without(scenario, target)
            notes = (*request.notes, *(f"SKIPPED {one}" for one in left_out))
            request = replace(request, scenario=scenario, notes=notes)
        recorder: Recorder | None = None
        if request.clock == "record":
            from harness.engine.recording import Recorder

            recorder = Recorder(bundle, profile, scenario, target)
        collector: Collector | None = None
        if request.coverage:
            from harness.coverage.collect import Collector

            collector = Collector(profile, target)
        refuse_what_cannot_be_done(scenario, target)
        journal.append(
            "run.start",
            scenario=scenario.name,
            image=profile.name,
            seed=scenario.seed,
            clock=request.clock,
            harness=__version__,
        )
        with interruptions(lambda name: journal.append("run.interrupted", signal=name)):
            outcome = await _play(request, bundle, journal, facts, target)
        if recorder is not None:
            recorder.close()
        if collector is not None:
            collector.close(bundle, scenario.name)
    except UsageError:
        shutil.rmtree(bundle.path, ignore_errors=True)
        raise
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise LabError(
            f"the evidence cannot be written to {bundle.path}: {error.strerror}",
            "make room there, or choose another --runs-dir",
        ) from error
    finally:
        journal.close()
    return outcome


async def _play(request: RunRequest, bundle: Bundle, journal: Journal, facts: GuestFacts, target: Target) -> RunOutcome:
    scenario, profile = request.scenario, request.profile
    opening = Opening(journal)
    for note in request.notes:
        journal.append("note", text=note)
    started: dict[str, Any] = {}
    journal.listen(lambda event: started.update(event.data) if event.kind == "target.start" and not started else None)
    starting = asyncio.create_task(target.start(journal), name="start")
    evaluator: Evaluator | None = None
    updated: list[str] = []
    try:
        await asyncio.sleep(0)  # the machine is on its way; what is imported below takes as long as it does
        from harness.engine.manifest import describe_run, write_manifest
        from harness.engine.typos import warn_of_typos

        if facts.schema or any(step.do == "check-frame" for step in scenario.steps):
            evaluator = await _judge(request, facts, bundle)  # a wrong schema or a missing picture: nothing shall run
        # In a thread: where other guests run beside this one, their frames and bytes go on being read.
        described = await asyncio.to_thread(describe_run, bundle, request, facts)
        warn_of_typos(scenario, profile, journal)
        try:
            up = await opening.up(starting)
        except LabError as error:
            up = False
            write_manifest(bundle, described, started)
            journal.append("lab.error", cause="start", what=f"{error.what}. {error.hint}".strip())
        else:
            write_manifest(bundle, described, started)
        if up:
            await opening.let_go(target, scenario, bundle.serial)
        evaluator = evaluator or await _judge(request, facts, bundle)
        if up:
            from harness.engine.session import Session

            updated = await Session(request, bundle, journal, evaluator, target, opening).play()
        else:
            opening.tell(evaluator)
    finally:
        await asyncio.wait({starting})
        await opening.close()
        await target.stop()
    journal.append("run.end")
    verdict = evaluator.result()
    bundle.write_json("verdict.json", verdict.to_json(), durable=True)
    return RunOutcome(verdict, bundle, scenario, request.clock, updated)


async def _judge(request: RunRequest, facts: GuestFacts, bundle: Bundle) -> Evaluator:
    """Import the judge and make it. In pieces and in a thread, so that what guests send is read and stamped meanwhile.

    :raises UsageError: for a wrong schema, a missing golden or mask.
    """
    for name in (
        "harness.markers.schema",
        "harness.markers.parser",
        "harness.judge.evaluator",
        "harness.engine.session",
    ):
        importlib.import_module(name)
        await asyncio.sleep(0)
    from harness.engine.session import make_evaluator

    return await asyncio.to_thread(make_evaluator, request.scenario, facts, bundle, looks=request.looks)
