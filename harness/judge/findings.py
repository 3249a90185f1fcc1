"""The findings of a run, in the order of the journal. The first is the cause; what follows the decision to stop
does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.judge.verdict import Finding
from harness.verdicts import Verdict

# What is found because something did not come, or came in another shape: a bad line explains it as well as the guest.
_MISSED = frozenset({"expectation", "silent", "silent-idle", "input-lost", "not-recovered", "measure", "line-loss"})
_MOST = 50  # a guest that does wrong on every line must not fill the verdict


class Findings:
    """A list that can be closed, and the place in the journal that has been reached."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self.closed = False  # everything asked had come
        self.seq = 0  # of the event that is being judged
        self.host_ns = 0
        self.step: int | None = None  # the one under way
        self.mark = ""  # the last one that was passed: in a cluster what happened to the link, or to another guest
        self.bad_line = ""  # what a fault of ours did to the serial line so far
        self.on_add: Callable[[Finding], None] = lambda _: None

    @property
    def first(self) -> Finding | None:
        return self.all[0] if self.all else None

    def add(self, finding: Finding) -> None:
        if self.mark:
            finding = replace(finding, what=f"{finding.what}, after {self.mark}")
        if self.bad_line and (finding.cause in _MISSED or finding.cause.startswith("rule-")):
            what = f"{finding.what}; {self.bad_line}"
            finding = replace(finding, verdict=Verdict.INCONCLUSIVE, cause="line-fault", what=what)
        if not self.closed and len(self.all) < _MOST:
            self.all.append(finding)
            self.on_add(finding)

    def find(
        self, verdict: Verdict, cause: str, what: str, evidence: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Add a finding of this place in the journal; *step* is the one under way unless given."""
        self.add(Finding(verdict, cause, what, self.seq, self.step if step is None else step, evidence or {}))

    def explain_reset(self, sample: dict[str, object]) -> None:
        """A post mortem followed: a reset that was a triple fault is called so."""
        first = self.first
        if first is not None and first.cause == "guest-reset" and sample.get("triple_fault"):
            what = first.what.replace("reset itself", "died of a triple fault")
            self.all[0] = Finding(Verdict.CRASH, "triple-fault", what, first.seq, first.step, sample)
