"""The steps of a run and their checks: begun, done, failed, too late; and when the decision to stop has fallen."""

from __future__ import annotations

from harness.evidence.journal import Event
from harness.judge.checklist import Checklist
from harness.judge.findings import Findings
from harness.judge.guest_clock import GuestClock
from harness.judge.verdict import Check, CheckStatus
from harness.scenario.measuring import Measure
from harness.scenario.model import Scenario
from harness.scenario.steps import PASSIVE, Expect, Mark, describe
from harness.verdicts import Verdict


class StepWatch:
    """`timeout`: the end of a step whose deadline passed, until its post mortem explains it."""

    def __init__(self, scenario: Scenario, checks: Checklist, clock: GuestClock, findings: Findings) -> None:
        self.timeout: Event | None = None
        self._steps = scenario.steps
        self._left_out = scenario.left_out
        self._checks = checks
        self._clock = clock
        self._findings = findings
        self._began_us: int | None = None  # guest time at which the last action began

    def begin(self, event: Event) -> None:
        """Take a `step.begin` event."""
        index = int(event.data["index"])
        self._findings.step = index
        step = self._steps[index]
        if isinstance(step, Mark):
            self._findings.mark = step.name
        if not isinstance(step, PASSIVE):
            self._began_us = self._clock.now_us
        self._checks.begin(index)

    def end(self, event: Event) -> None:
        """Take a `step.end` event."""
        index, status = int(event.data["index"]), str(event.data["status"])
        step, check = self._steps[index], self._checks.of(index)
        if isinstance(step, Expect):
            if self._checks.finish(index, elapsed=status == "elapsed"):
                self.settled(index)
        elif isinstance(step, Measure) and check is not None and status == "done":
            reason = self._checks.gauges[index].judge(check)
            if reason:
                self._findings.find(Verdict.FAIL, "measure", f"{check.what}: {reason}")
        elif check is not None and check.kind != "frame" and check.status is CheckStatus.PENDING and status == "done":
            check.status, check.reason = CheckStatus.MET, ""
            check.evidence.append(self.now())
        if status == "timeout" and self._findings.first is None:
            if check is not None and check.status is CheckStatus.PENDING:
                check.status, check.reason = CheckStatus.BROKEN, check.reason or "its deadline passed"
            self.timeout = event
        elif status == "failed":
            reason = str(event.data.get("reason", ""))
            if check is not None:
                check.status, check.reason = CheckStatus.BROKEN, reason
            self._findings.find(Verdict.FAIL, str(event.data.get("cause", "step")), f"{describe(step)}: {reason}")
        within = getattr(step, "within", None)
        if within is not None and check is not None and check.status is CheckStatus.MET:
            self._guest_limit(check, float(within))
        if status in {"done", "elapsed"}:
            self._maybe_complete(index)

    def settled(self, index: int) -> None:
        """The expectation of step *index* was decided. Something missing is explained by the deadline that follows."""
        check, step = self._checks.of(index), self._steps[index]
        if check is None or not isinstance(step, Expect):
            return
        if step.within is None and index == self._findings.step:
            self._maybe_complete(index)
        if check.by_sight:
            self._findings.find(Verdict.FAIL, "expectation", f"{check.what}: {check.reason}", step=index)

    def now(self) -> dict[str, int | None]:
        """When something was seen, as evidence."""
        return {"host_ns": self._findings.host_ns, "guest_us": self._clock.now_us}

    def where(self) -> str:
        """When something happened, as a part of a sentence."""
        index = self._findings.step
        return "before the first step" if index is None else f"during step {index + 1}, {describe(self._steps[index])}"

    def _maybe_complete(self, index: int) -> None:
        """After the last step, with everything met, the decision to stop has fallen."""
        to_come = set(range(index + 1, len(self._steps))).difference(self._left_out)
        if not to_come and self._findings.first is None:
            self._findings.closed = self._checks.all_met

    def _guest_limit(self, check: Check, within: float) -> None:
        now, began = self._clock.now_us, self._began_us
        if now is None or began is None:
            reason = "guest time is not known here: `within` needs a guest with a rendezvous"
            verdict, cause = Verdict.INCONCLUSIVE, "no-guest-time"
        elif now - began > within * 1e6:
            reason = f"took {(now - began) / 1e6:.6f} s of guest time, limit {within:g} s"
            verdict, cause = Verdict.FAIL, "too-late"
        else:
            return
        check.status, check.reason = CheckStatus.BROKEN, reason
        self._findings.find(verdict, cause, f"{check.what}: {reason}")
