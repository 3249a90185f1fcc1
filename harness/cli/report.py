"""What `run` and `boot` say of their runs: lines for people as each run ends, one JSON document and JUnit at the
end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.common import emit, say_error, say_lines
from harness.errors import HarnessError, UsageError
from harness.verdicts import EXIT_LAB, EXIT_PASS, EXIT_USAGE, Verdict

if TYPE_CHECKING:
    from harness.engine.batch import BatchResult, Planned
    from harness.engine.campaign import CampaignResult, ScenarioResult
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
        self._unwritten: list[str] = []

    def add(self, planned: Planned, outcome: RunOutcome | None) -> None:
        """Say how a run ended (None: it was skipped) and write its pages."""
        from harness.report.summary import check_lines, run_json, run_lines, skipped_json

        if outcome is None:
            run = skipped_json(planned.scenario.name, planned.scenario.skip, planned.scenario.seed, planned.clock)
            lines, checks = run_lines(run, None, every_check=self._every_check), []
        else:
            run, checks = run_json(outcome), check_lines(outcome.verdict)
            lines = run_lines(run, outcome.verdict, every_check=self._every_check) + _triage_lines(outcome)
            lines += [line for golden in outcome.updated_goldens for line in _golden_lines(Path(golden))]
        self._say(run, lines, checks)
        if outcome is not None and (self._pages_of_passes or run["verdict"] != "PASS"):
            self._pages(outcome)

    def result(self, result: ScenarioResult) -> None:
        """Say what came of a scenario of a campaign, and write the pages of its runs that nobody has written yet."""
        from harness.report.summary import check_lines, repeat_lines, result_json, run_lines

        run, agreement = result_json(result), result.agreement
        if agreement is None:
            self._say(run, run_lines(run, None, every_check=self._every_check), [])
            return
        head = result.runs[agreement.head].outcome
        repeats = repeat_lines(run, agreement.divergence)
        lines = run_lines(run, head.verdict, every_check=self._every_check) + _triage_lines(head)
        for one in result.runs:
            lines += [line for golden in one.outcome.updated_goldens for line in _golden_lines(Path(golden))]
        self._say(run, lines + repeats, check_lines(head.verdict) + repeats)
        for one in result.runs:
            self._pages(one.outcome, one.unwritten)

    def _say(self, run: dict[str, Any], lines: list[str], checks: list[str]) -> None:
        self._runs.append(run)
        self._checks.append(checks)
        say_lines(lines)

    def _pages(self, outcome: RunOutcome, unwritten: list[tuple[Path, str]] | None = None) -> None:
        """Write the pages of a run, unless that was done."""
        from harness.report.pages import write_pages

        kept = f"the verdict and the evidence are kept in {outcome.bundle.path}, and `harness judge` reads them"
        for file, why in write_pages(outcome) if unwritten is None else unwritten:
            self._not_written(file, why, kept)

    def finish(self, result: BatchResult | CampaignResult, campaign: Path | None = None) -> int:
        """Say how the batch ended; returns its exit code.

        :param campaign: folder of the campaign that it belongs to.
        """
        from harness.report.summary import batch_json

        batch = batch_json(self._runs, interrupted=result.interrupted)
        if campaign is not None:
            batch["campaign"] = str(campaign)
        if len(self._runs) > 1:
            counts = Counter(run["verdict"] for run in self._runs)
            say_lines([", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))])
        if self._junit is not None:
            self._write_junit(self._junit)
        if result.error is not None:
            self._ended_by(result.error, batch)
        elif self._unwritten and batch["exit_code"] == EXIT_PASS:
            batch |= {"verdict": str(Verdict.INCONCLUSIVE), "exit_code": EXIT_LAB}
        if self._unwritten:
            batch["unwritten"] = self._unwritten
        if self._as_json:
            emit(batch)
        return int(batch["exit_code"])

    def _ended_by(self, error: HarnessError, batch: dict[str, Any]) -> None:
        """What ended the batch before its last scenario decides, and what was played before is told all the same."""
        usage = isinstance(error, UsageError)
        batch |= {
            "verdict": None if usage else str(Verdict.INCONCLUSIVE),
            "exit_code": EXIT_USAGE if usage else EXIT_LAB,
            "error": error.what,
            "hint": error.hint,
        }
        say_error(error.what, error.hint)

    def _write_junit(self, file: Path) -> None:
        from harness.report.junit import write_junit

        try:
            write_junit(file, self._runs, self._checks)
        except OSError as error:
            self._not_written(file, error.strerror or str(error), "what was said above stands")

    def _not_written(self, file: Path, why: str, kept: str) -> None:
        """A page *about* runs changes no run's verdict, but nobody shall miss it unawares.

        :param kept: what is there all the same.
        """
        self._unwritten.append(str(file))
        say_error(f"cannot write {file}: {why}", f"{kept}; make room there and run it again")


def _triage_lines(outcome: RunOutcome) -> list[str]:
    """Where a run crashed or stood still, a few lines."""
    if outcome.verdict.first_cause is None:
        return []
    from harness.triage.report import lines
    from harness.triage.run import keep

    found = keep(outcome.bundle, outcome.verdict)
    return [] if found is None else [f"  {line}" for line in lines(found)]


def _golden_lines(golden: Path) -> list[str]:
    """That a picture was approved, and every scenario whose verdict it changes."""
    from harness.frames.goldens import used_by
    from harness.scenario.files import golden_checks

    users = used_by(golden_checks(golden.parent.parent)).get(golden, [])
    return [f"  approved     {golden}", *(f"  used by      {file}" for file in users)]
