"""The checks of a scenario and the expectations that are being watched for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.console.types import Line
from harness.judge.expectation import Expectation
from harness.judge.facts import GuestFacts
from harness.judge.verdict import Check, CheckStatus
from harness.markers.types import Marker
from harness.scenario.measuring import Measure
from harness.scenario.model import Scenario
from harness.scenario.steps import PASSIVE, Boot, Command, Expect, ExpectExit, Relaunch, Reset, Shutdown, Step, describe

if TYPE_CHECKING:
    from harness.judge.measures import Gauge
    from harness.judge.proof_check import ProofCheck

_KINDS = {
    "check-frame": "frame",
    "expect": "expect",
    "expect-exit": "exit",
    "shutdown": "exit",
    "dialogue": "dialogue",
    "find-click": "picture",
    "measure": "measure",
}


def _kind(step: Step, facts: GuestFacts) -> str | None:
    """The kind of check that *step* is; None for one that only acts."""
    if isinstance(step, Command) and step.refused:
        return "refusal"
    if isinstance(step, (Boot, Reset, Relaunch)) and (step.until or facts.ready):
        return "ready"
    return _KINDS.get(step.do)


def _gauges(scenario: Scenario) -> dict[int, Gauge]:
    if not any(isinstance(step, Measure) for step in scenario.steps):
        return {}
    from harness.judge.measures import Gauge  # statistics take a while to import, and most runs measure nothing

    return {index: Gauge(step) for index, step in enumerate(scenario.steps) if isinstance(step, Measure)}


def _proof_check(scenario: Scenario) -> ProofCheck | None:
    if scenario.proof is None:
        return None
    from harness.judge.proof_check import ProofCheck

    return ProofCheck(scenario.proof)


class Checklist:
    """Every check of a scenario, in order. An expectation is armed where its search begins, which may be before
    its step does.
    """

    def __init__(self, scenario: Scenario, facts: GuestFacts) -> None:
        self._steps = scenario.steps
        self._by_step: dict[int, Check] = {}
        self._armed: dict[int, Expectation] = {}
        self.gauges = _gauges(scenario)
        self.exit_step: int | None = None  # the step that wants the guest to leave now
        for index, step in enumerate(scenario.steps):
            kind = _kind(step, facts)
            if kind is not None:
                self._by_step[index] = Check(index, kind, describe(step))
        self.forbidden = {p: Check(None, "forbid", f"never: {p}", CheckStatus.MET) for p in scenario.forbid}
        families = scenario.rules.families
        self.rules = Check(None, "rule", f"rules of {', '.join(families)}", CheckStatus.MET) if families else None
        self.proof = _proof_check(scenario)
        self.others: list[Check] = []  # of faults; somebody else decides them
        self._arm({"start", "boot"}, range(len(self._steps)))

    def __iter__(self) -> Iterator[Check]:
        yield from self._by_step.values()
        yield from self.forbidden.values()
        if self.rules is not None:
            yield self.rules
        if self.proof is not None:
            yield self.proof.check
        yield from self.others

    def of(self, index: int) -> Check | None:
        """The check of step *index*, where it is one."""
        return self._by_step.get(index)

    def is_settled(self, index: int) -> bool:
        """Whether the check of step *index* is decided."""
        return self._by_step[index].status is not CheckStatus.PENDING

    def missing(self, index: int) -> str:
        """What the expectation of step *index* still lacks."""
        expectation = self._armed.get(index)
        return expectation.missing() if expectation is not None else ""

    @property
    def all_met(self) -> bool:
        return all(check.status is CheckStatus.MET for check in self)

    def begin(self, index: int) -> None:
        """Step *index* begins. An action arms the expectations that follow it, up to the next action."""
        step = self._steps[index]
        if isinstance(step, PASSIVE) and index > 0:
            return
        self.exit_step = index if isinstance(step, Shutdown) else None
        for later, gauge in self.gauges.items():
            if gauge.step.since == "action" and later > index:
                gauge.forget()
        after = index if isinstance(step, PASSIVE) else index + 1
        while after < len(self._steps) and isinstance(self._steps[after], PASSIVE):
            if isinstance(self._steps[after], ExpectExit):
                self.exit_step = after
            after += 1
        self._arm({"action"}, range(index, after))

    def new_boot(self) -> None:
        """What looks back to the last boot forgets what came before."""
        for gauge in self.gauges.values():
            if gauge.step.since == "boot":
                gauge.forget()
        for index, step in enumerate(self._steps):
            if isinstance(step, Expect) and step.since == "boot" and not self.is_settled(index):
                self._armed[index] = Expectation(step)

    def feed(self, line: Line, markers: Sequence[Marker]) -> Iterator[int]:
        """Take a line; yields the steps whose expectation it decided."""
        for gauge in self.gauges.values():
            for marker in markers:
                gauge.feed(marker)
        for index, expectation in self._armed.items():
            expectation.feed(line, markers)
            if self._settle(index, expectation):
                yield index

    def feed_partial(self, line: Line) -> Iterator[int]:
        """Take a line that has not ended; as `feed`."""
        for index, expectation in self._armed.items():
            expectation.feed_partial(line)
            if self._settle(index, expectation):
                yield index

    def finish(self, index: int, *, elapsed: bool) -> bool:
        """The wait of step *index* is over; whether that decided its expectation."""
        expectation = self._armed.pop(index, None)
        if expectation is None:
            return False
        expectation.finish(elapsed=elapsed)
        return self._settle(index, expectation)

    def _arm(self, since: set[str], steps: range) -> None:
        for index in steps:
            step = self._steps[index]
            if (
                isinstance(step, Expect)
                and step.since in since
                and index not in self._armed
                and not self.is_settled(index)
            ):
                self._armed[index] = Expectation(step)

    def _settle(self, index: int, expectation: Expectation) -> bool:
        check = self._by_step[index]
        if check.status is not CheckStatus.PENDING or expectation.status is CheckStatus.PENDING:
            return False
        check.status, check.reason, check.evidence = expectation.status, expectation.reason, expectation.evidence()
        check.by_sight = expectation.by_sight
        return True
