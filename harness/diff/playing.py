"""Plays a scenario whose run is to be compared with another."""

from __future__ import annotations

from harness.campaign.batch import plan, require_images, run_planned
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.errors import LabError, UsageError
from harness.scenario.model import Scenario
from harness.verdicts import LAB


def play_one(scenario: Scenario, options: BatchOptions, of: str) -> RunOutcome:
    """Play *scenario* once; *of* says in errors what it is played on.

    :raises UsageError: if it cannot be run, or is skipped.
    :raises LabError: if the host or the lab failed: such a run says nothing that could be compared.
    """
    planned = plan([scenario], options)
    require_images(planned, options)
    result = run_planned(planned, options)
    if result.error is not None:
        raise result.error
    if result.interrupted:
        raise KeyboardInterrupt
    outcome = result.runs[0][1]
    if outcome is None:
        raise UsageError(f"{scenario.name} is skipped: {scenario.skip}", "compare runs of one that is played")
    verdict = outcome.verdict
    if verdict.verdict in LAB:
        why = verdict.first_cause.what if verdict.first_cause else "no reason was given"
        raise LabError(f"the run of {of} is {verdict.verdict}: {why}", f"its evidence is in {outcome.bundle.path}")
    return outcome
