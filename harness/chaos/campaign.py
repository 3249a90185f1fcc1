"""A campaign of chaos: trials in several processes, each played twice if asked, failures shrunk to repro files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.campaign.parallel import in_processes
from harness.chaos.play import Played, Trial, play_trial
from harness.chaos.repro import write_repro
from harness.chaos.shrink import shrink
from harness.chaos.survey import Survey
from harness.chaos.sweep import at_block_requests, at_markers
from harness.engine.options import BatchOptions, Planned
from harness.faults.draw import Draw, draw
from harness.scenario.faulting import BlockOp, Plan

NEVER_FIRED = "fault-never-fired"
_UNSAFE = re.compile(r"[^a-z0-9.]+")
OnPlayed = Callable[[Played], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the trials of a campaign have in common; `image` and the kernel's further `words` stand in repro files."""

    item: Planned
    options: BatchOptions
    image: str
    words: str
    jobs: int

    def play(self, plans: Iterable[tuple[str, Plan]], on_played: OnPlayed) -> list[Played]:
        """Play each plan; the results in their order.

        :raises HarnessError: what stopped one from being played at all.
        """
        trials = [Trial(label, self.item, plan, self.options) for label, plan in plans]
        return in_processes(play_trial, trials, self.jobs, on_played)


@dataclass(frozen=True, slots=True)
class Smallest:
    """A failure of a campaign and the smallest plan that still fails that way."""

    played: Played
    runs: int
    file: Path


def of_seeds(
    seeds: Iterable[int], offered: Mapping[str, Draw], survey: Survey, most: int
) -> Iterator[tuple[str, Plan]]:
    """The plans of *seeds*, with their labels."""
    horizon = survey.horizon()
    return ((f"seed {seed}", draw(seed, offered, horizon, most)) for seed in seeds)


def sweep(
    ground: Ground,
    survey: Survey,
    offered: Mapping[str, Draw],
    every: int,
    blocks: tuple[BlockOp, str] | None,
    on_played: OnPlayed,
) -> list[Played]:
    """One fault at every marker; with *blocks* also at each *every*-th such request of a disk, until none is left."""
    seed = ground.item.scenario.seed
    played = ground.play(at_markers(survey, offered, every, seed), on_played)
    number = every
    while blocks is not None:
        there = ground.play(at_block_requests(offered, *blocks, number, seed), on_played)
        if all(one.cause == NEVER_FIRED for one in there):
            break
        played += there
        number += every
    return played


def differing(first: Sequence[Played], second: Sequence[Played]) -> list[tuple[Played, Played]]:
    """The pairs whose verdicts or fingerprints are not the same."""
    return [
        (a, b)
        for a, b in zip(first, second, strict=True)
        if (a.verdict, a.cause, a.fingerprint) != (b.verdict, b.cause, b.fingerprint)
    ]


def shrink_failures(
    ground: Ground, played: Iterable[Played], budget: int, folder: Path, on_run: Callable[[str, Plan], None]
) -> list[Smallest]:
    """Of each way to fail the plan with the fewest faults, shrunk by at most *budget* runs and written to *folder*.

    :raises UsageError: if a repro file cannot be written.
    """
    firsts: dict[tuple[str, str], Played] = {}
    for one in sorted((p for p in played if p.failed), key=lambda p: len(p.plan.fault)):
        firsts.setdefault(one.signature, one)
    return [_smallest(ground, one, budget, folder, on_run) for one in firsts.values()]


def _smallest(
    ground: Ground, failure: Played, budget: int, folder: Path, on_run: Callable[[str, Plan], None]
) -> Smallest:
    last = failure

    def fails(plan: Plan) -> bool:
        nonlocal last
        on_run(failure.label, plan)
        played = play_trial(Trial(failure.label, ground.item, plan, ground.options))
        if played.failed and played.signature == failure.signature:
            last = played
            return True
        return False

    shrunk = shrink(failure.plan, fails, budget)
    smallest = replace(last, plan=shrunk.plan)
    name = _UNSAFE.sub("-", f"{ground.item.scenario.name}-{failure.label}-{failure.cause}".lower()).strip("-")
    file = folder / f"{name}.repro.json"
    write_repro(file, ground.item, smallest, ground.image, ground.words)
    return Smallest(smallest, shrunk.runs, file)
