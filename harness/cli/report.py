"""What `run` and `boot` say of their runs: lines for people as each run ends, one JSON document and JUnit at the
end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.common import emit, say_lines

if TYPE_CHECKING:
    from harness.engine.batch import Planned
    from harness.engine.run import RunOutcome


class Report:
    """Gathers the runs of a batch.

    :param pages_of_passes: whether a run that passed gets its `junit.xml` and `report.html` too; they cost 0.2 s.
    """

    def __init__(self, *, junit: Path | None, every_check: bool, as_json: bool, pages_of_passes: bool = True) -> None:
        self._junit = junit
        self._every_check = every_check
        self._as_json = as_json
        self._pages_of_passes = pages_of_passes
        self._runs: list[dict[str, Any]] = []
        self._checks: list[list[str]] = []

    def add(self, planned: Planned, outcome: RunOutcome | None) -> None:
        """Say how a run ended (None: it was skipped) and write its pages."""
        from harness.report.summary import check_lines, run_json, run_lines, skipped_json

        if outcome is None:
            run = skipped_json(planned.scenario.name, planned.scenario.skip, planned.scenario.seed, planned.clock)
            lines, checks = run_lines(run, None, every_check=self._every_check), []
        else:
            run, checks = run_json(outcome), check_lines(outcome.verdict)
            lines = run_lines(run, outcome.verdict, every_check=self._every_check)
            lines += [line for golden in outcome.updated_goldens for line in _golden_lines(Path(golden))]
        self._runs.append(run)
        self._checks.append(checks)
        say_lines(lines)
        if outcome is not None and (self._pages_of_passes or run["verdict"] != "PASS"):
            _write_pages(outcome, run, checks)

    def finish(self, *, interrupted: bool) -> int:
        """Say how the batch ended; returns its exit code."""
        from harness.report.summary import batch_json

        batch = batch_json(self._runs, interrupted=interrupted)
        if self._junit is not None:
            from harness.report.junit import write_junit

            write_junit(self._junit, self._runs, self._checks)
        if len(self._runs) > 1:
            counts = Counter(run["verdict"] for run in self._runs)
            say_lines([", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))])
        if self._as_json:
            emit(batch)
        return int(batch["exit_code"])


def _golden_lines(golden: Path) -> list[str]:
    """That a picture was approved, and every scenario whose verdict it changes."""
    from harness.frames.goldens import used_by
    from harness.scenario.files import golden_checks

    users = used_by(golden_checks(golden.parent.parent)).get(golden, [])
    return [f"  approved     {golden}", *(f"  used by      {file}" for file in users)]


def _write_pages(outcome: RunOutcome, run: dict[str, Any], checks: list[str]) -> None:
    from harness.report.html import write_report
    from harness.report.junit import write_junit

    write_junit(outcome.bundle.path / "junit.xml", [run], [checks])
    write_report(outcome.bundle, outcome.verdict)
