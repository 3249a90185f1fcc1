"""A guest as a fixture: the steps of a scenario as methods, each played when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from harness.campaign.batch import plan, request, require_images
from harness.engine.live import LiveRun, RunOverError
from harness.engine.options import BatchOptions, Planned
from harness.errors import UsageError
from harness.pytest_plugin.outcome import as_error
from harness.scenario import steps as s
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.faulting import Fault, Plan
from harness.scenario.given import refuse_wrong_steps
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.engine.run import RunOutcome
    from harness.scenario.model import Scenario

__tracebackhide__ = True  # pytest shows the line of the test that called


class Guest(ScenarioBuilder):
    """A kernel under test. `boot` starts the machine; every further method plays one step and returns once it is done.

    The methods and their arguments are those of `harness.scenario.builder.ScenarioBuilder`, and mean what the steps of
    a scenario file mean. A step that fails raises `GuestFailure` (the product) or `GuestInconclusive` (the lab), and
    ends the run. What shapes all of it (`forbid`, `rules`, `set`, `respond`, `prove`, `faults`) comes before `boot`.
    """

    def __init__(self, scenario: Scenario, options: BatchOptions) -> None:
        super().__init__(scenario.name)
        self._scenario = scenario
        self._options = options
        self._live: LiveRun | None = None
        self._wanted = Verdict.PASS
        self.looks = False  # its pictures are followed
        self.injects = False  # its faults are followed
        self.last = 0  # index of the step that was played last
        self.outcome: RunOutcome | None = None

    # ---- playing ---------------------------------------------------------------------------------------------------

    def play(self, *steps: s.Step) -> int:
        """Play *steps* as a scenario file would, which knows what comes next: an expectation among them sees all that
        came since the step before it began.

        :returns: the index of the last in the scenario.
        """
        index: int | None = None
        with suppress(RunOverError):
            index = self._power_on(steps) if self._live is None else self._live.give(*steps)
        return self._over() if index is None else index

    def attach(self) -> Self:
        """Instead of `boot`: take a board (`--harness-target`) as it is, switched on, and leave it so."""
        return self._add(s.Mark(name="attach"))

    def inject(self, fault: Fault) -> None:
        """Inject *fault* now."""
        with suppress(RunOverError):
            self.live.give(s.Mark(name=f"inject {fault.name}"), fault=fault)
            return
        self._over()

    def expect_verdict(self, verdict: str) -> None:
        """The test passes if the run ends as *verdict* says (`CRASH`, `HANG`, …), and only then."""
        self._wanted = Verdict(verdict)

    @property
    def booted(self) -> bool:
        """Whether it has been, however that went."""
        return self._live is not None

    @property
    def live(self) -> LiveRun:
        """:raises UsageError: before the boot."""
        if self._live is None:
            raise UsageError("the guest has not been booted", "guest.boot() comes first")
        return self._live

    @property
    def bundle(self) -> Path:
        """Folder of the evidence."""
        return self.live.bundle

    @property
    def _scenario(self) -> Scenario:
        return self._shaped

    @_scenario.setter
    def _scenario(self, scenario: Scenario) -> None:
        """The builder's methods that shape the run set it."""
        if getattr(self, "_live", None) is not None:
            raise UsageError("this shapes all of the run, and the guest is up", "call it before guest.boot()")
        self._shaped = scenario

    def _add(self, step: s.Step) -> Self:
        self.last = self.play(step)
        return self

    def _power_on(self, steps: Sequence[s.Step]) -> int:
        first, target = (steps[0] if steps else None), self._options.target
        attaches = isinstance(first, s.Mark)
        if first is None or not (attaches or isinstance(first, s.Boot)):
            raise UsageError(f"{'nothing' if first is None else first.do} before the boot", "guest.boot() comes first")
        if attaches and target is None:
            raise UsageError("there is nothing to attach to", "give --harness-target BOARD.toml, or boot()")
        if target is not None and target.suffix != ".toml":
            raise UsageError(
                f"{target} is a recording, to which nothing can be done",
                "hold it to a scenario file: pytest scenario.toml --harness-target RECORDING",
            )
        scenario = replace(self._scenario, steps=tuple(steps))
        if self.injects and scenario.faults is None:
            scenario = replace(scenario, faults=Plan())
        item = self.planned(scenario)
        require_images([item], self._options)
        refuse_wrong_steps((), steps)
        self._live = LiveRun(replace(request(item, self._options), looks=self.looks), self._options.today)
        self._live.start()
        return len(steps) - 1

    def planned(self, scenario: Scenario | None = None) -> Planned:
        """The guest with its image and clock.

        :raises UsageError: if there is no such image, or a setting is wrong.
        """
        (item,) = plan([scenario or self._scenario], self._options)
        return item

    # ---- the end ---------------------------------------------------------------------------------------------------

    def finish(self, failed: str = "", blame: str = "product") -> RunOutcome | None:
        """Come to the end, as the test's end does; None if it was not booted. See `LiveRun.finish`."""
        if self._live is not None and self.outcome is None:
            with suppress(UsageError):  # it could not be begun, and that was told
                self.outcome = self._live.finish(failed=failed, blame=blame)
        return self.outcome

    def verdict_of_test(self) -> BaseException | None:
        """What the test is to raise by the verdict on its guest."""
        if self.outcome is None or self.outcome.verdict.verdict is self._wanted:
            return None
        if self._wanted is Verdict.PASS:
            return as_error(self.outcome)
        found = self.outcome.verdict.verdict
        return AssertionError(f"the run was to end as {self._wanted}, and is {found}: {self.outcome.bundle.path}")

    def close(self, why: str = "the end of the test") -> None:
        """End what is still there, as a signal *why* would."""
        if self._live is not None and self.outcome is None:
            self._live.interrupt(why)
            with suppress(UsageError):  # it could not be begun, and that was told
                self.outcome = self._live.conclude()

    def _over(self) -> NoReturn:
        self.outcome = self.live.conclude()
        error = as_error(self.outcome)
        if error is None:
            raise UsageError("the guest is not there any more: its run is over")
        raise error
