"""The pictures of a run: each judged against what its check asks for, or proved one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import LabError
from harness.evidence.fingerprint import Fingerprint
from harness.evidence.journal import Event
from harness.judge.checklist import Checklist
from harness.judge.findings import Findings
from harness.judge.frame_judge import FrameJudge
from harness.judge.guest_clock import GuestClock
from harness.judge.verdict import CheckStatus
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.judge.fault_watch import FaultWatch


class FrameWatch:
    """`checked`: how many pictures were judged so far. Without a *judge* nothing is said about them."""

    def __init__(
        self,
        scenario: Scenario,
        judge: FrameJudge | None,
        checks: Checklist,
        clock: GuestClock,
        findings: Findings,
        fingerprint: Fingerprint,
        faults: FaultWatch | None,
    ) -> None:
        self.checked = 0
        self._steps = scenario.steps
        self._judge = judge
        self._checks = checks
        self._clock = clock
        self._findings = findings
        self._fingerprint = fingerprint
        self._faults = faults

    def frame(self, event: Event) -> None:
        """Take a `frame` event: the picture that a step asked for."""
        index = int(event.data["step"])
        step, check = self._steps[index], self._checks.of(index)
        self._fingerprint.frame(str(event.data["name"]), str(event.data["digest"]))
        if self._clock.ready_seq is not None:
            self._fingerprint.cut()  # the guest stands at its rendezvous: this is what its screen shows there
        if self._judge is None or check is None or not isinstance(step, CheckFrame):
            return
        try:
            verdict, reason, details = self._judge.judge(step, event)
        except LabError as error:
            check.status, check.reason = CheckStatus.BROKEN, error.what
            self._findings.find(Verdict.INCONCLUSIVE, "no-picture", f"{check.what}: {error.what}", step=index)
            return
        self.checked += 1
        check.evidence.append({"verdict": verdict, "file": event.data.get("file"), **details})
        if verdict == "MATCH":
            check.status = CheckStatus.MET
            if self._faults is not None:
                self._faults.frame(f"frame check {step.name}")
        else:
            check.status, check.reason = CheckStatus.BROKEN, reason
            self._findings.find(
                Verdict.FAIL,
                f"frame-{verdict.lower()}",
                f"{check.what}: {verdict}: {reason}",
                {"file": event.data.get("file")},
                step=index,
            )

    def proof(self, event: Event) -> None:
        """Take an event about proved frames, or about the first that is not."""
        proof = self._checks.proof
        if proof is None or self._judge is None:
            return
        before = proof.frames
        found = proof.take(event, self._judge, self._fingerprint)
        self.checked += proof.frames - before
        if found is not None:
            self._findings.find(*found)
        elif self._faults is not None and proof.frames > before:
            self._faults.frame(f"frame {proof.last} proved")
            self._faults.instant(event.host_ns, int(event.data["us"][-1]))
