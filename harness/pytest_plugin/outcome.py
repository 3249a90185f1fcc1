"""Verdicts as pytest sees them: what is raised, and what is read in a failure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError
from harness.verdicts import PRODUCT, Verdict

if TYPE_CHECKING:
    from harness.engine.run import RunOutcome


class GuestFailure(AssertionError):
    """The product is wrong: FAIL, CRASH, HANG or NONDETERMINISM. `bundle` is the folder of the evidence."""

    def __init__(self, text: str, verdict: Verdict, bundle: Path) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.bundle = bundle


class GuestInconclusive(Exception):
    """Nothing is known about the product: the host, the lab or the harness failed, or nothing was checked."""

    def __init__(self, text: str, verdict: Verdict, bundle: Path) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.bundle = bundle


for _class in (GuestFailure, GuestInconclusive):
    _class.__module__ = "harness.pytest_plugin"  # where tests import them from, and what a summary shows


def blames_no_product(error: BaseException) -> bool:
    """Whether *error* says that the test could not be made, not that the product is wrong."""
    return isinstance(error, (GuestInconclusive, HarnessError))


def as_error(outcome: RunOutcome) -> GuestFailure | GuestInconclusive | None:
    """What is to be raised of a run; None if it passed."""
    verdict = outcome.verdict.verdict
    if verdict is Verdict.PASS:
        return None
    kind = GuestFailure if verdict in PRODUCT else GuestInconclusive
    return kind(describe(outcome), verdict, outcome.bundle.path)


def describe(outcome: RunOutcome) -> str:
    """What the command line says of a run: verdict, first cause, evidence, checks, where it died."""
    from harness.report.summary import run_json, run_lines

    lines = run_lines(run_json(outcome), outcome.verdict, every_check=True)
    if outcome.verdict.first_cause is not None:
        from harness.triage.report import lines as triage_lines
        from harness.triage.run import keep

        found = keep(outcome.bundle, outcome.verdict)
        lines += [] if found is None else [f"  {line}" for line in triage_lines(found)]
    return without_commands("\n".join(lines))


def without_commands(text: str) -> str:
    """*text* of ours with something that a guest said in its lines: GitHub obeys a `##[command]` within any line."""
    return text.replace("##[", "# #[")


def attach(item: pytest.Item, outcome: RunOutcome, pages: bool = True) -> None:
    """Make the run part of the test's report, and so of a JUnit file; write the pages of one that did not pass."""
    from harness.console.safe import safe
    from harness.report.summary import run_json

    run = run_json(outcome)
    for key in ("bundle", "verdict", "first_cause", "fingerprint", "seed"):
        if run[key] is not None:
            item.user_properties.append((f"harness_{key}", safe(str(run[key]), 2000)))
    if pages and outcome.verdict.verdict is not Verdict.PASS:
        from harness.report.pages import write_pages

        for file, why in write_pages(outcome):
            item.add_report_section("call", "harness", f"cannot write {file}: {why}")
