"""The checks of a scenario and the expectations that are being watched for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.console.types import Line
from harness.judge.expectation import Expectation
from harness.judge.facts import GuestFacts
from harness.judge.verdict import Check, CheckStatus
from harness.markers.types import Marker
from harness.scenario.measuring import Measure
from harness.scenario.model import Scenario
from harness.scenario.steps import (
    PASSIVE,
    Boot,
    Command,
    Expect,
    ExpectExit,
    Mark,
    Relaunch,
    Reset,
    Shutdown,
    Step,
    describe,
)

if TYPE_CHECKING:
    from harness.judge.measures import Gauge
    from harness.judge.proof_check import ProofCheck
    from harness.judge.said import Said

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


def _gauges(steps: Mapping[int, Step]) -> dict[int, Gauge]:
    if not any(isinstance(step, Measure) for step in steps.values()):
        return {}
    from harness.judge.measures import Gauge  # statistics take a while to import, and most runs measure nothing

    return {index: Gauge(step) for index, step in steps.items() if isinstance(step, Measure)}


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
        self._facts = facts
        self.said: Said | None = None  # kept where steps are given while the run goes on
        self._by_step: dict[int, Check] = {}
        self._armed: dict[int, Expectation] = {}
        self.gauges = _gauges(dict(enumerate(scenario.steps)))
        self.exit_step: int | None = None  # the step that wants the guest to leave now
        self._acted = -1  # the last step that acted
        for index, step in enumerate(scenario.steps):
            kind = _kind(step, facts)
            if kind is not None:
                left_out = index in scenario.left_out
                status = CheckStatus.SKIPPED if left_out else CheckStatus.PENDING
                reason = "the target cannot do it" if left_out else ""
                self._by_step[index] = Check(index, kind, describe(step), status, reason)
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
        return all(check.status in {CheckStatus.MET, CheckStatus.SKIPPED} for check in self)

    def give(self, index: int) -> bool:
        """Step *index* was given while the run goes on: it is judged by what came before, too. Whether that decided it.

        :raises UsageError: if so much came that this is not known any more.
        """
        step, said = self._steps[index], self.said
        heard = list(said.since(step.since)) if said is not None and isinstance(step, (Expect, Measure)) else []
        kind = _kind(step, self._facts)
        if kind is not None:
            self._by_step[index] = Check(index, kind, describe(step))
        if isinstance(step, Measure):
            self.gauges |= _gauges({index: step})
            for _, markers, _ in heard:
                for marker in markers:
                    self.gauges[index].feed(marker)
        to_come = any(not isinstance(s, PASSIVE) for s in self._steps[self._acted + 1 : index])
        if isinstance(step, ExpectExit) and not to_come:
            self.exit_step = index
        if not isinstance(step, Expect) or (to_come and step.since == "action"):
            return False  # armed when the action before it begins
        expectation = self._armed[index] = Expectation(step)
        for line, markers, ended in heard:
            if ended:
                expectation.feed(line, markers)
            else:
                expectation.feed_partial(line)
        return self._settle(index, expectation)

    def begin(self, index: int) -> None:
        """Step *index* begins. An action arms the expectations that follow it, up to the next action."""
        step = self._steps[index]
        if isinstance(step, PASSIVE) and index > 0:
            return
        self._acted = index
        if self.said is not None:
            self.said.mark("action")
        self.exit_step = index if isinstance(step, Shutdown) else None
        for later, gauge in self.gauges.items():
            if gauge.step.since == "action" and later > index:
                gauge.forget()
        after = index if isinstance(step, PASSIVE) else index + 1
        while after < len(self._steps) and isinstance(self._steps[after], PASSIVE):
            if isinstance(self._steps[after], ExpectExit) and not self.is_settled(after):
                self.exit_step = after
            after += 1
        self._arm({"action"}, range(index, after))

    def new_boot(self) -> None:
        """What looks back to the last boot forgets what came before."""
        if self.said is not None:
            self.said.mark("boot")
        for gauge in self.gauges.values():
            if gauge.step.since == "boot":
                gauge.forget()
        for index, step in enumerate(self._steps):
            if isinstance(step, Expect) and step.since == "boot" and not self.is_settled(index):
                self._armed[index] = Expectation(step)

    def feed(self, line: Line, markers: Sequence[Marker]) -> Iterator[int]:
        """Take a line; yields the steps whose expectation it decided."""
        if self.said is not None:
            self.said.take(line, markers)
        for gauge in self.gauges.values():
            for marker in markers:
                gauge.feed(marker)
        for index, expectation in self._armed.items():
            expectation.feed(line, markers)
            if self._settle(index, expectation):
                yield index

    def feed_partial(self, line: Line) -> Iterator[int]:
        """Take a line that has not ended; as `feed`."""
        if self.said is not None:
            self.said.take(line)
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
        acted = self._steps[max(self._acted, 0)]
        if expectation.step.since == "action" and isinstance(acted, Mark):
            check.evidence.append({"after": acted.name})
        return True
