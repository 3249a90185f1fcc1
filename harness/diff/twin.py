"""The same scenario on QEMU and on a board: what is left when the two are compared is the board's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.boards.target import load_board
from harness.campaign.batch import plan
from harness.diff import Comparison, Kind, Rule, Rules, compare
from harness.diff.playing import play_one
from harness.diff.streams import of_bundle
from harness.engine.options import BatchOptions
from harness.engine.part import Skipped, part_for
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.scenario.model import Scenario

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
    qemu = play_one(part, options, "QEMU")
    real = play_one(part, replace(options, target=board_file), board.name)
    rules = replace(rules, rule=(_RENDEZVOUS, *rules.rule))
    found = compare(of_bundle(qemu.bundle.path), of_bundle(real.bundle.path), rules)
    if not found.a.markers and not found.b.markers:
        raise UsageError("neither run printed a marker: there is nothing to compare", "markers begin with RAYOS_")
    return Twins(qemu, real, skipped, found)
