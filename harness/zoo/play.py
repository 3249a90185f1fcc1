"""Plays the cells of a zoo's matrix, several at once, each in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.campaign.batch import plan, run_planned
from harness.campaign.parallel import in_processes
from harness.engine.options import BatchOptions, Planned
from harness.errors import HarnessError, UsageError
from harness.scenario.files import collect
from harness.zoo.model import Defect, Zoo

_AGAIN = 2  # times that a run which says nothing of the image is made again


@dataclass(frozen=True, slots=True)
class Cell:
    """One run to make: a detector against a defect, or, without one, against a clean image."""

    detector: str
    scenario: Path
    image: str
    seed: int
    switch: str = ""
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a cell."""

    cell: Cell
    verdict: str
    cause: str  # `word: sentence`, "" for a pass
    bundle: str
    host_s: float

    @property
    def starved(self) -> bool:
        """The host gave it no time: it says nothing of the image."""
        return self.cause.startswith("host-starved:")


def detectors(zoo: Zoo) -> dict[str, Path]:
    """The zoo's scenarios by name.

    :raises UsageError: for a wrong one, for two of one name, or for a file that makes several.
    """
    found: dict[str, Path] = {}
    for scenario in collect([zoo.folder / d for d in zoo.file.detectors]):
        if scenario.file is None or scenario.name in found or scenario.file in found.values():
            raise UsageError(f"{scenario.file}: each detector is one scenario with a name of its own")
        found[scenario.name] = scenario.file
    for defect in zoo.defects:
        for name in defect.by:
            if name not in found:
                raise UsageError(f"the defect {defect.name} names a detector {name!r} that is not there")
    return found


def defect_cells(zoo: Zoo, chosen: Iterable[Defect], *, every: bool) -> Iterator[Cell]:
    """Each defect against its detectors; with *every* against all."""
    known = detectors(zoo)
    for defect in chosen:
        switch = zoo.file.switch.replace("${name}", defect.name)
        for name in known if every or not defect.by else defect.by:
            yield Cell(name, known[name], zoo.file.image, 1, switch, defect.name)


def clean_cells(zoo: Zoo, runs: int, first_seed: int) -> Iterator[Cell]:
    """*runs* runs without a defect: the detectors in turn, on the clean images in turn, each with another seed."""
    known = list(detectors(zoo).items())
    images = zoo.file.clean or (zoo.file.image,)
    for turn in range(runs):
        name, path = known[turn % len(known)]
        yield Cell(name, path, images[turn // len(known) % len(images)], first_seed + turn)


def play_all(cells: list[Cell], runs_dir: Path, jobs: int, on_seen: Callable[[Seen], None]) -> list[Seen]:
    """Play every cell, *jobs* at a time; the results in the order of the cells.

    :raises HarnessError: what stopped a run from being made at all.
    """
    return in_processes(partial(play_cell, runs_dir=runs_dir), cells, jobs, on_seen)


def play_cell(cell: Cell, runs_dir: Path) -> Seen:
    """Play one; the detector sees an image and nothing of what is wrong with it. Again, if the host starved it."""
    seen = _play(cell, runs_dir)
    for _ in range(_AGAIN):
        if not seen.starved:
            break
        drop(seen)
        seen = _play(cell, runs_dir)
    return seen


def _play(cell: Cell, runs_dir: Path) -> Seen:
    options = BatchOptions(runs_dir=runs_dir, image=cell.image, seed=cell.seed)
    scenario = collect([cell.scenario], cell.seed)[0]
    planned = [_with_switch(item, cell.switch) for item in plan([scenario], options)]
    try:
        result = run_planned(planned, options)
    except HarnessError as error:
        raise type(error)(f"{cell.detector} on {cell.image} {cell.switch}: {error.what}", error.hint) from error
    outcome = result.runs[0][1]
    if outcome is None:
        raise UsageError(f"the detector {cell.detector} is skipped", "a detector that does not run detects nothing")
    if outcome.verdict.interrupted:
        raise KeyboardInterrupt
    first = outcome.verdict.first_cause
    cause = f"{first.cause}: {first.what}" if first is not None else ""
    return Seen(cell, str(outcome.verdict.verdict), cause, str(outcome.bundle.path), outcome.verdict.host_s)


def drop(seen: Seen) -> None:
    """Remove the evidence of a run that said what it should."""
    shutil.rmtree(seen.bundle, ignore_errors=True)


def _with_switch(planned: Planned, switch: str) -> Planned:
    if not switch:
        return planned
    boot = planned.profile.boot
    profile = replace(planned.profile, boot=replace(boot, cmdline=f"{boot.cmdline} {switch}".strip()))
    return Planned(planned.scenario, profile, planned.clock)
