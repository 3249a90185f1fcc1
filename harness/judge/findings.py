"""The findings of a run, in the order of the journal. The first is the cause; what follows the decision to stop
does not count.
"""

from __future__ import annotations

from harness.judge.verdict import Finding
from harness.verdicts import Verdict

_MOST = 50  # a guest that does wrong on every line must not fill the verdict


class Findings:
    """A list that can be closed."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self.closed = False  # everything asked had come

    @property
    def first(self) -> Finding | None:
        return self.all[0] if self.all else None

    def add(self, finding: Finding) -> None:
        if not self.closed and len(self.all) < _MOST:
            self.all.append(finding)

    def explain_reset(self, sample: dict[str, object]) -> None:
        """A post mortem followed: a reset that was a triple fault is called so."""
        first = self.first
        if first is not None and first.cause == "guest-reset" and sample.get("triple_fault"):
            what = first.what.replace("reset itself", "died of a triple fault")
            self.all[0] = Finding(Verdict.CRASH, "triple-fault", what, first.seq, first.step, sample)
