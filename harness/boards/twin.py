"""The same scenario on QEMU and on a board: what is left when the two are compared is the board's own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from harness.boards.part import Skipped, part_for
from harness.diff import Comparison, Kind, Rule, Rules, compare
from harness.diff.streams import of_bundle
from harness.engine.batch import BatchOptions, plan, require_images, run_batch
from harness.engine.run import RunOutcome
from harness.errors import LabError, UsageError
from harness.scenario.model import Scenario
from harness.targets.serial import load_board
from harness.verdicts import LAB

_RENDEZVOUS = Rule(match="RAYOS_CONTROL:READY", do="ignore")  # a command that the line harmed is answered twice


@dataclass(frozen=True, slots=True)
class Twins:
    """Both runs, what was left out of them, and how they differ (A is QEMU)."""

    qemu: RunOutcome
    board: RunOutcome
    skipped: list[Skipped]
    found: Comparison

    @property
    def by_the_line(self) -> bool:
        """Whether all that differs is missing on the board, and no more of it than its line is known to have lost."""
        missing = self.found.counts.get(Kind.MISSING, 0)
        return bool(self.found.counts) and set(self.found.counts) == {Kind.MISSING} and missing <= self.found.b.lost


def play_twins(scenario: Scenario, board_file: Path, options: BatchOptions, rules: Rules) -> Twins:
    """Play what the board can do of *scenario* on QEMU, then on the board, both in real time, and compare them.

    :raises UsageError: if it cannot be run.
    :raises LabError: if the host or the lab failed either run.
    """
    options = replace(options, clock="wall")
    (planned,) = plan([scenario], options)
    board = load_board(board_file, planned.profile)
    part, skipped = part_for(planned.scenario, board.capabilities, board.name)
    qemu = _run(part, options, "QEMU")
    real = _run(part, replace(options, target=board_file), board.name)
    rules = replace(rules, rule=(_RENDEZVOUS, *rules.rule))
    found = compare(of_bundle(qemu.bundle.path), of_bundle(real.bundle.path), rules)
    if not found.a.markers and not found.b.markers:
        raise UsageError("neither run printed a marker: there is nothing to compare", "markers begin with RAYOS_")
    return Twins(qemu, real, skipped, found)


def _run(scenario: Scenario, options: BatchOptions, where: str) -> RunOutcome:
    planned = plan([scenario], options)
    require_images(planned, options)
    result = asyncio.run(run_batch(planned, options))
    if result.error is not None:
        raise result.error
    if result.interrupted:
        raise KeyboardInterrupt
    outcome = result.runs[0][1]
    if outcome is None:
        raise UsageError(f"{scenario.name} is skipped: {scenario.skip}", "compare a scenario that is played")
    verdict = outcome.verdict
    if verdict.verdict in LAB:
        why = verdict.first_cause.what if verdict.first_cause else "no reason was given"
        raise LabError(f"the run on {where} is {verdict.verdict}: {why}", f"its evidence is in {outcome.bundle.path}")
    return outcome
