"""What `run` and `boot` say of their runs: lines for people as each run ends, one JSON document and JUnit at the
end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.common import emit, say, say_error, say_lines
from harness.errors import HarnessError, UsageError
from harness.verdicts import EXIT_LAB, EXIT_PASS, EXIT_USAGE, Verdict

if TYPE_CHECKING:
    from harness.campaign.batch import BatchResult
    from harness.campaign.quarantine import Quarantine
    from harness.campaign.run import CampaignResult, ScenarioResult
    from harness.engine.options import Planned
    from harness.engine.run import RunOutcome
    from harness.report.annotations import Commands
    from harness.scenario.model import Scenario


class Report:
    """Gathers the runs of a batch.

    :param pages_of_passes: whether a run that passed gets its `junit.xml` and `report.html` too; they cost 0.2 s.
    :param quarantine: the failures that are known.
    :param github: say it to GitHub Actions too.
    :param coverage: the folder for that of all runs together.
    :param html: where the page over all runs goes; a campaign's goes into its folder in any case.
    """

    def __init__(
        self,
        *,
        junit: Path | None,
        every_check: bool,
        as_json: bool,
        pages_of_passes: bool = True,
        quarantine: Quarantine | None = None,
        github: bool = False,
        html: Path | None = None,
        coverage: Path | None = None,
    ) -> None:
        self._quarantine = quarantine
        self._commands = _commands() if github else None
        self._places: list[tuple[Scenario, int | None]] = []
        self._junit = junit
        self._html = html
        self._coverage = coverage
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
        self._placed(planned, outcome)
        self._say(run, lines, checks)
        if outcome is not None and (self._pages_of_passes or run["verdict"] != "PASS"):
            self._pages(outcome)

    @property
    def told(self) -> int:
        """How many scenarios were told so far."""
        return len(self._runs)

    def result(self, result: ScenarioResult) -> None:
        """Say what came of a scenario of a campaign, and write the pages of its runs that nobody has written yet."""
        from harness.report.summary import check_lines, repeat_lines, result_json, run_lines

        run, agreement = result_json(result), result.agreement
        if self._quarantine is not None:
            self._quarantine.mark(run)
        self._placed(result.planned, None if agreement is None else result.runs[agreement.head].outcome)
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

    def _placed(self, planned: Planned, outcome: RunOutcome | None) -> None:
        """Keep where the scenario's file says what decided."""
        cause = None if outcome is None else outcome.verdict.first_cause
        self._places.append((planned.scenario, None if cause is None else cause.step))

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
        from harness.report.known import held
        from harness.report.summary import batch_json

        batch = batch_json(self._runs, interrupted=result.interrupted)
        if campaign is not None:
            batch["campaign"] = str(campaign)
        if len(self._runs) > 1:
            counts = Counter(f"{run['verdict']}{' (quarantined)' if held(run) else ''}" for run in self._runs)
            say_lines([", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))])
        if self._quarantine is not None:
            for name in self._quarantine.unused(run["scenario"] for run in self._runs):
                say_lines([f"note: the quarantine's entry for {name} is about no scenario of this batch"])
        if result.error is not None:
            self._ended_by(result.error, batch)
        if self._junit is not None:
            self._write_junit(self._junit)
        if self._coverage is not None:
            self._merge_coverage(self._coverage, batch)
        for page in filter(None, (self._html, None if campaign is None else campaign / "report.html")):
            self._write_html(page, str(batch["verdict"] or Verdict.INCONCLUSIVE))
        if self._commands is not None:
            self._write_summary(batch)
        if self._unwritten and batch["exit_code"] == EXIT_PASS:
            batch |= {"verdict": str(Verdict.INCONCLUSIVE), "exit_code": EXIT_LAB}
        if self._unwritten:
            batch["unwritten"] = self._unwritten
        if self._as_json:
            emit(batch)
        if self._commands is not None:
            self._tell_github(self._commands)
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

    def _tell_github(self, commands: Commands) -> None:
        """The last that is said: from here on nothing holds commands back."""
        from harness.report.annotations import commands_of
        from harness.scenario.places import line_of

        places = [
            None if scenario.file is None else (scenario.file, line_of(scenario, step))
            for scenario, step in self._places
        ]
        say(commands.release())
        for line in commands_of(self._runs, places):
            say(line)

    def _write_summary(self, batch: dict[str, Any]) -> None:
        from harness.report.annotations import summary_file, write_summary

        page = summary_file()
        if page is None:
            return
        try:
            write_summary(page, batch, self._checks)
        except OSError as error:
            self._not_written(page, error.strerror or str(error), "what was said above stands")

    def _merge_coverage(self, folder: Path, batch: dict[str, Any]) -> None:
        from harness.coverage.collect import LCOV, merge

        repeats = [one for run in self._runs for one in run.get("repeats") or [run]]
        bundles = [Path(run["bundle"]) for run in repeats if run["bundle"]]
        files = [bundle / LCOV for bundle in bundles if (bundle / LCOV).is_file()]
        if not files:
            return
        try:
            coverage = merge(files, folder)
        except OSError as error:
            self._not_written(folder / LCOV, error.strerror or str(error), "each run's bundle has its own")
            return
        batch["coverage"] = str(folder / LCOV)
        say_lines([f"coverage     {coverage.told()}  ({folder / LCOV})"])

    def _write_html(self, page: Path, verdict: str) -> None:
        from harness.report.batch import write_batch

        try:
            page.parent.mkdir(parents=True, exist_ok=True)
            write_batch(page, self._runs, title=page.absolute().parent.name, verdict=verdict)
        except OSError as error:
            self._not_written(page, error.strerror or str(error), "what was said above stands")

    def _not_written(self, file: Path, why: str, kept: str) -> None:
        """A page *about* runs changes no run's verdict, but nobody shall miss it unawares.

        :param kept: what is there all the same.
        """
        self._unwritten.append(str(file))
        say_error(f"cannot write {file}: {why}", f"{kept}; make room there and run it again")


def _commands() -> Commands:
    """From here on nothing that is printed is a command to GitHub."""
    from harness.report.annotations import Commands

    commands = Commands()
    say(commands.hold())
    return commands


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
