"""A run whose steps are given one by one is the run that a file with the same steps would be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.batch import plan, request
from harness.engine.live import LiveRun, RunOverError
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.judge.rejudge import recorded, rejudge
from harness.judge.said import Said
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot, CheckFrame, Command, Expect, ExpectExit, Mark, Measure, Step
from harness.verdicts import Verdict

pytestmark = pytest.mark.system
WINDOW = Command(send=("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1"))
Live = Callable[..., LiveRun]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """`live(steps…)`: a run that has been booted; ended after the test."""
    started: list[LiveRun] = []

    def start(*steps: Step, looks: bool = False, **head: object) -> LiveRun:
        scenario = Scenario(name="live", image="reference", steps=steps or (Boot(),), **head)  # type: ignore[arg-type]
        options = BatchOptions(runs_dir=tmp_path / "runs")
        (item,) = plan([scenario], options)
        started.append(LiveRun(replace(request(item, options), looks=looks)))
        started[-1].start()
        return started[-1]

    yield start
    for run in started:
        run.interrupt("the end of the test")
        with suppress(UsageError):  # it could not be made
            run.conclude()


def checked(outcome: RunOutcome) -> RunOutcome:
    """The bundle, which is all that a later judge has, says the same."""
    scenario = recorded(outcome.bundle)[0]
    assert scenario.steps == outcome.scenario.steps
    assert rejudge(outcome.bundle, scenario).to_json() == outcome.verdict.to_json()
    assert rejudge(outcome.bundle, scenario).to_json() == outcome.bundle.read_json("verdict.json")
    return outcome


def announced(run: LiveRun) -> bool:
    return run.context.evaluator.departure.announced is not None


ASKED: set[asyncio.Future[object]] = set()


def _poweroff(run: LiveRun) -> None:
    """The guest leaves by itself, as far as the run knows: no step asked for it."""
    ASKED.add(asyncio.ensure_future(run.context.control.command("poweroff", 60)))


def test_an_expectation_that_is_given_late_sees_what_came_since_the_last_action(live: Live) -> None:
    run = live()
    run.give(WINDOW)
    run.give(Expect(all=("RAYOS_SOAK:CLIENT_CREATED:1",)))
    run.give(Expect(order=("RAYOS_KIT:BOOT", "RAYOS_SOAK:CLIENT_CREATED:1"), since="start"))
    run.give(Measure(name="windows", of="RAYOS_SOAK:CLIENT_CREATED", statistic="count", at_least=1, at_most=1))
    outcome = checked(run.finish())
    assert outcome.verdict.verdict is Verdict.PASS
    assert [check.status for check in outcome.verdict.checks] == ["met"] * 4
    assert outcome.verdict.fingerprint


def test_an_expectation_does_not_see_what_came_before_the_last_action(live: Live) -> None:
    run = live()
    run.give(WINDOW)
    run.give(Command(send="frames n=1"))
    with pytest.raises(RunOverError):
        run.give(Expect(all=("RAYOS_SOAK:CLIENT_CREATED:1",)))
    outcome = checked(run.conclude())
    assert outcome.verdict.verdict is Verdict.FAIL
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "expectation"


def test_what_came_although_it_must_not_is_found_however_late_the_test_asks(live: Live) -> None:
    run = live()
    run.give(WINDOW)
    with pytest.raises(RunOverError):
        run.give(Expect(none=("RAYOS_SOAK:CLIENT_CREATED",), during=100))
    outcome = checked(run.conclude())
    assert outcome.verdict.verdict is Verdict.FAIL


def test_steps_that_are_given_together_are_watched_from_the_action_among_them(live: Live) -> None:
    run = live()
    run.give(WINDOW, Command(send="destroy id=1"), Expect(all=("RAYOS_SOAK:CLIENT_DESTROYED:1",)))
    with pytest.raises(RunOverError):
        run.give(Command(send="frames n=1"), Expect(all=("RAYOS_SOAK:CLIENT_DESTROYED:1",)))
    assert checked(run.conclude()).verdict.verdict is Verdict.FAIL


def test_a_guest_may_leave_before_the_test_says_that_it_should(live: Live) -> None:
    run = live()
    left = threading.Event()
    run.call(lambda: run.context.evaluator.on_change.append(lambda: left.set() if announced(run) else None))
    run.give(Mark(name="it may go"))
    run.call(lambda: _poweroff(run))
    assert left.wait(60)
    run.give(ExpectExit())
    outcome = checked(run.finish())
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_a_guest_that_leaves_unasked_between_two_steps_fails_the_next(live: Live) -> None:
    run = live()
    left = threading.Event()
    run.call(lambda: run.context.evaluator.on_change.append(lambda: left.set() if announced(run) else None))
    run.call(lambda: _poweroff(run))
    assert left.wait(60)
    with pytest.raises(RunOverError):
        run.give(Command(send="frames n=1"))
    outcome = checked(run.conclude())
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "guest-shutdown"


def test_a_wrong_step_is_refused_and_the_run_goes_on(live: Live) -> None:
    run = live()
    for wrong, text in (
        (Boot(), "booted already"),
        (Expect(), "nothing to expect"),
        (Expect(all=("re:(",)), "not a regular expression"),
        (CheckFrame(name="a"), "ask for the fixture `screen`"),
        (Command(send="frames n=1", timeout=0), "more than 0 seconds"),
    ):
        with pytest.raises(UsageError) as refused:
            run.give(wrong)
        assert text in f"{refused.value.what} {refused.value.hint}"
    run.give(WINDOW)
    outcome = checked(run.finish())
    assert outcome.verdict.verdict is Verdict.PASS
    assert [step.do for step in outcome.scenario.steps] == ["boot", "command", "mark"]


def test_what_a_test_asserts_itself_is_in_the_verdict_on_its_evidence(live: Live) -> None:
    run = live()
    outcome = checked(run.finish(failed="test_x: assert 3 == 4"))
    assert (outcome.verdict.verdict, outcome.verdict.first_cause) != (Verdict.PASS, None)
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.what == "test_x: assert 3 == 4"
    broken = checked(live().finish(failed="KeyError: 'a'", blame="test"))
    assert broken.verdict.verdict is Verdict.INCONCLUSIVE


def test_a_run_whose_program_was_killed_is_judged_by_the_steps_that_its_journal_holds(live: Live) -> None:
    run = live()
    run.give(WINDOW)
    before = Path(run.bundle / "inputs/scenario.json").read_text()
    outcome = run.finish()
    (outcome.bundle.path / "inputs/scenario.json").write_text(before)  # as it stood when it was killed
    scenario = recorded(outcome.bundle)[0]
    assert scenario.steps == outcome.scenario.steps
    assert rejudge(outcome.bundle, scenario).to_json() == outcome.verdict.to_json()


def test_a_run_that_cannot_be_made_says_so_and_leaves_nothing(tmp_path: Path, live: Live) -> None:
    with pytest.raises(UsageError, match="host_cpu"):
        live(set={"machine.extra": ["-cpu", "host_cpu"]})
    assert not list((tmp_path / "runs").glob("*/journal.jsonl"))


def test_a_console_that_said_too_much_is_not_looked_through_by_half() -> None:
    from harness.console.types import Line

    said = Said(most=10)
    for number in range(5):
        said.take(Line(number, 0, 0, b"", f"line {number}", 0))
    said.mark("action")
    for number in range(5, 12):
        said.take(Line(number, 0, 0, b"", f"line {number}", 0))
    assert [line.text for line, _, _ in said.since("action")] == [f"line {n}" for n in range(5, 12)]
    with pytest.raises(UsageError, match="since the start"):
        list(said.since("start"))
