"""From findings and checks to the one word: a pass only where something was checked and everything was met."""

from __future__ import annotations

from collections.abc import Iterable

from harness.judge.verdict import Check, CheckStatus, Finding
from harness.verdicts import Verdict


def final(checks: Iterable[Check]) -> list[Check]:
    """The checks as they stand at the end; one that is still pending was never reached."""
    return [
        Check(c.step, c.kind, c.what, CheckStatus.NOT_REACHED, c.reason or "the run ended before it", c.evidence)
        if c.status is CheckStatus.PENDING
        else c
        for c in checks
    ]


def conclude(findings: list[Finding], checks: list[Check], *, ended: bool, seq: int) -> tuple[Verdict, list[Finding]]:
    """The verdict, and the findings with the one that makes it where there was none yet.

    :param ended: whether the journal has its `run.end`.
    :param seq: that of the last event.
    """
    if findings:
        return findings[0].verdict, findings
    if not ended:
        what = "the journal ends before the run does: the harness was killed"
        return _only(Finding(Verdict.INCONCLUSIVE, "harness-died", what, seq))
    asked = [c for c in checks if c.status is not CheckStatus.SKIPPED]
    missing = next((c for c in asked if c.status is not CheckStatus.MET), None)
    if missing is not None and missing.kind == "proof":
        what = f"no frame was proved, though the scenario asks for {missing.what}"
        return _only(Finding(Verdict.NOTHING_CHECKED, "no-frame-proved", what, seq))
    if missing is not None:
        return _only(Finding(Verdict.INCONCLUSIVE, "not-reached", f"never reached: {missing.what}", seq, missing.step))
    if not asked:
        what = "no expectation and no frame check was made"
        return _only(Finding(Verdict.NOTHING_CHECKED, "nothing-checked", what, seq))
    return Verdict.PASS, []


def _only(finding: Finding) -> tuple[Verdict, list[Finding]]:
    return finding.verdict, [finding]
