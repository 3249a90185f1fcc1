"""The pages of one run: `junit.xml` and `report.html` in its bundle, and `triage.json` where it crashed or hung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.judge.verdict import RunVerdict

if TYPE_CHECKING:
    from harness.engine.run import RunOutcome
    from harness.evidence.bundle import Bundle


def stored_verdict(bundle: Bundle) -> RunVerdict | None:
    """The verdict that *bundle* holds; None if its run did not come to its end, or the file is damaged."""
    try:
        return RunVerdict.from_json(bundle.read_json("verdict.json"))
    except (UsageError, KeyError, TypeError, ValueError, IndexError):
        return None


def write_pages(outcome: RunOutcome) -> list[tuple[Path, str]]:
    """Write them; they are *about* the run, so one that cannot be written (file, why) is told and raises nothing."""
    from harness.report.html import write_report
    from harness.report.junit import write_junit
    from harness.report.summary import check_lines, run_json
    from harness.triage.run import keep

    bundle = outcome.bundle
    keep(bundle, outcome.verdict)
    unwritten: list[tuple[Path, str]] = []
    try:
        write_junit(bundle.path / "junit.xml", [run_json(outcome)], [check_lines(outcome.verdict)])
    except OSError as error:
        unwritten.append((bundle.path / "junit.xml", error.strerror or str(error)))
    try:
        write_report(bundle, outcome.verdict)
    except OSError as error:
        unwritten.append((bundle.path / "report.html", error.strerror or str(error)))
    for part in outcome.parts:
        unwritten += write_pages(part)
    return unwritten
