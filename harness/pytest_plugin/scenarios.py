"""Scenario files as tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError, UsageError
from harness.pytest_plugin.outcome import GuestFailure, GuestInconclusive, as_error, attach, without_commands
from harness.pytest_plugin.settings import batch_options, quarantine_of
from harness.report.known import expired, held
from harness.report.known import lines as quarantine_lines

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions
    from harness.engine.run import RunOutcome
    from harness.scenario.model import Scenario


class ScenarioFile(pytest.File):
    """A file with one scenario, or several where it has a matrix."""

    def collect(self) -> Iterable[ScenarioItem]:
        from harness.scenario.loader import load_scenarios

        try:
            scenarios = load_scenarios(self.path, self.config.getoption("harness_seed"))
        except UsageError as error:
            raise self.CollectError(str(told(error))) from error
        for scenario in scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.name, scenario=scenario)


class ScenarioItem(pytest.Item):
    """One scenario. It is played in the setup phase, and judged in the call phase: so pytest reports as an error what
    says nothing about the product, and as a failure what does.
    """

    def __init__(self, *, scenario: Scenario, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenario = scenario
        self._failure: GuestFailure | None = None
        self._known: dict[str, Any] = {}

    def setup(self) -> None:
        from harness.report.summary import run_json

        try:
            known = quarantine_of(self.config)
            outcome = self._play(batch_options(self.config))
        except HarnessError as error:
            pytest.fail(told(error), pytrace=False)
        attach(self, outcome)
        if outcome.verdict.interrupted:
            raise KeyboardInterrupt
        found = as_error(outcome)
        if isinstance(found, GuestInconclusive):
            pytest.fail(str(found), pytrace=False)
        self._failure = found
        run = run_json(outcome)
        if known is not None:
            known.mark(run)
        self._known = run

    def _play(self, options: BatchOptions) -> RunOutcome:
        """:raises HarnessError: if it cannot be played."""
        from harness.campaign.batch import plan, run_planned

        if self.scenario.skip:
            pytest.skip(self.scenario.skip)
        if getattr(self.scenario, "needs", ()):
            from harness.boards.map import on_board

            options = on_board([self.scenario], options, ())
        (planned,) = plan([self.scenario], options)
        if planned.scenario.skip:
            pytest.skip(planned.scenario.skip)
        ((_, outcome),) = run_planned([planned], options).runs
        if outcome is None:
            raise RuntimeError(f"{self.scenario.name} was neither played nor skipped")
        return outcome

    def runtest(self) -> None:
        about = "\n".join(quarantine_lines(self._known)).strip()
        if self._failure is not None and held(self._known):
            pytest.xfail(without_commands(f"{about}; {self._known['verdict']}: {self._known['first_cause']}"))
        if self._failure is not None:
            raise self._failure
        if expired(self._known):
            pytest.fail(f"it passed, and {about}", pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, GuestFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"


def told(error: HarnessError) -> str:
    """What went wrong and what to do."""
    return f"{error.what}\n{error.hint}".strip()
