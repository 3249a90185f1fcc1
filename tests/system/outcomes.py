"""What system tests look at in an outcome."""

from __future__ import annotations

from harness.engine.run import RunOutcome
from harness.verdicts import Verdict


def cause(outcome: RunOutcome) -> tuple[Verdict, str]:
    """The verdict and the word of its first cause, empty for a pass."""
    found = outcome.verdict.first_cause
    return outcome.verdict.verdict, found.cause if found is not None else ""
