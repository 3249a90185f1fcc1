"""Many scenarios one after the other: resolves images, applies overrides, collects outcomes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engine.needs import check_masks
from harness.engine.options import BatchOptions, Planned
from harness.engine.run import RunOutcome, RunRequest
from harness.engine.run import play as play_one
from harness.errors import HarnessError, UsageError
from harness.scenario.guests import on_guest
from harness.scenario.model import Scenario

if TYPE_CHECKING:
    pass


@dataclass(slots=True)
class BatchResult:
    """What came of each scenario, in order; `outcome` is None for a skipped one."""

    runs: list[tuple[Planned, RunOutcome | None]] = field(default_factory=list)
    interrupted: bool = False
    error: HarnessError | None = None  # what ended the batch before its last scenario


def plan(scenarios: Iterable[Scenario], options: BatchOptions) -> list[Planned]:
    """Find every image and refuse what cannot run, before anything is started.

    :raises UsageError: for an unknown image, a wrong override, or a step that the target cannot do.
    """
    from harness.targets.loader import find_image, override

    planned = []
    for scenario in scenarios:
        chosen = scenario if options.seed is None else replace(scenario, seed=options.seed)
        if chosen.several:
            from harness.fleet.run import plan_cluster

            planned.append(plan_cluster(chosen, options))
            continue
        name = options.image or chosen.image
        if not name:
            raise UsageError(
                f"the scenario {chosen.name} names no image", 'give image = "NAME" in the file, or --image NAME'
            )
        profile = find_image(name, relative_to=chosen.folder)
        chosen = on_guest(chosen, profile.name)
        if chosen.set:
            profile = override(profile, chosen.set)
        clock = options.clock or chosen.clock or profile.default_clock
        if options.target is not None:
            clock = "wall"  # only a QEMU that we start ourselves counts instructions
        check_masks(chosen, profile, options.today())
        planned.append(Planned(chosen, profile, clock))
    return planned


def require_images(planned: Iterable[Planned], options: BatchOptions) -> None:
    """All before the first is started: a missing image must not cost the runs before it.

    :raises UsageError: for an image that is not there.
    """
    from harness.targets.needs import require

    if options.target is None:
        for item in planned:
            if not item.scenario.skip:
                require(item.profile)


def request(item: Planned, options: BatchOptions, bundle: Path | None = None) -> RunRequest:
    """One run of *item*; its evidence goes to *bundle* or, without one, to a new folder."""
    from harness.engine.targets import target_factory

    return RunRequest(
        scenario=item.scenario,
        profile=item.profile,
        clock=item.clock,
        make_target=target_factory(options),
        runs_dir=options.runs_dir,
        update_goldens=options.update_goldens,
        add_goldens=options.add_goldens,
        coverage=options.coverage,
        memory_dump=options.memory_dump,
        on_start=options.on_start,
        on_fail=options.on_fail,
        notes=options.warm.notes(item.scenario) if options.warm is not None else (),
        bundle=bundle,
    )


async def play(request: RunRequest) -> RunOutcome:
    """Play a scenario of one guest or of several.

    :raises UsageError: if it cannot be run as asked; then nothing ran and no bundle stays.
    :raises LabError: if the evidence cannot be written.
    """
    if request.scenario.several:
        from harness.fleet.run import play_cluster

        return await play_cluster(request)
    return await play_one(request)


async def run_batch(planned: list[Planned], options: BatchOptions) -> BatchResult:
    """Play all of them. An interruption ends the batch after the run that it hit, an error before the next.

    :raises HarnessError: as `play`, if nothing was played before. Later it is the result's `error`: what has been
        played must not be lost with it.
    """
    require_images(planned, options)
    result = BatchResult()

    def add(item: Planned, outcome: RunOutcome | None) -> None:
        result.runs.append((item, outcome))
        if options.on_done is not None:
            options.on_done(item, outcome)

    for item in planned:
        if item.scenario.skip:
            add(item, None)
            continue
        try:
            outcome = await play(request(item, options))
        except HarnessError as error:
            if not result.runs:
                raise
            result.error = error
            break
        add(item, outcome)
        if outcome.verdict.interrupted:
            result.interrupted = True
            break
        if len(result.runs) < len(planned):
            gc.collect()  # a run leaves pictures in cycles, megabytes of few objects: Python sees no reason to look
    return result


def run_planned(planned: list[Planned], options: BatchOptions) -> BatchResult:
    """`run_batch` for callers without an event loop."""
    return asyncio.run(run_batch(planned, options))
