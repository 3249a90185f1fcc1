"""The guest's or QEMU's going: held back until the last words were read, then judged by what the scenario wanted."""

from __future__ import annotations

from harness.evidence.journal import Event
from harness.judge.checklist import Checklist
from harness.judge.exits import exit_finding, leaves, shutdown_finding
from harness.judge.facts import GuestFacts
from harness.judge.verdict import CheckStatus, Finding
from harness.scenario.model import Scenario
from harness.scenario.steps import ExpectExit, Shutdown


class Departure:
    """`announced`: QMP said that the guest left. `over`: it was judged."""

    def __init__(self, scenario: Scenario, facts: GuestFacts, checks: Checklist) -> None:
        self.announced: Event | None = None
        self.over = False
        self._steps = scenario.steps
        self._facts = facts
        self._checks = checks

    def announce(self, event: Event) -> None:
        """A QMP event."""
        if self.announced is None and not self.over and leaves(event):
            self.announced = event

    def after_last_words(self, where: str, seen: dict[str, int | None]) -> tuple[Finding | None] | None:
        """Judge the announced end; None if there is none to be judged, a tuple with no finding if it was wanted."""
        if self.announced is None or self.over:
            return None
        return self._judged(shutdown_finding(self.announced, self._wanted(), where), seen)

    def of_the_process(self, event: Event, where: str, seen: dict[str, int | None]) -> tuple[Finding | None] | None:
        """Judge a `target.exit` event that nobody asked for; as `after_last_words`."""
        if self.over or event.data.get("asked"):
            return None
        return self._judged(exit_finding(event, self._facts, self._wanted(), where), seen)

    def _wanted(self) -> ExpectExit | Shutdown | None:
        step = self._steps[self._checks.exit_step] if self._checks.exit_step is not None else None
        return step if isinstance(step, (ExpectExit, Shutdown)) else None

    def _judged(self, finding: Finding | None, seen: dict[str, int | None]) -> tuple[Finding | None]:
        self.over = True
        check = self._checks.of(self._checks.exit_step) if self._checks.exit_step is not None else None
        if check is not None and check.status is CheckStatus.PENDING:
            if finding is None:
                check.status = CheckStatus.MET
                check.evidence.append(dict(seen))
            else:
                check.status, check.reason = CheckStatus.BROKEN, finding.what
        return (finding,)
