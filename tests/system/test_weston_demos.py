"""Programs that know nothing of the harness, on the stock desktop; and a scenario that is the same on both guests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.judge.rejudge import rejudge
from harness.judge.verdict import CheckStatus
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status
from harness.verdicts import Verdict

from .conftest import Play

ROOT = Path(__file__).parents[2]
BOOT = 90  # s: as in test_weston
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def weston() -> None:
    """The image, built of packages that apt downloads, unless it is there."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)


def scenario(name: str) -> Scenario:
    (found,) = collect([ROOT / f"scenarios/weston/{name}.toml"])
    return found


def passed(outcome: RunOutcome) -> int:
    """Its frame checks, all of which were met."""
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    checks = [check for check in outcome.verdict.checks if check.kind == "frame"]
    assert all(check.status is CheckStatus.MET for check in checks)
    return len(checks)


def test_each_of_debians_demo_clients_starts_draws_survives_and_goes_without_a_trace(play: Play) -> None:
    outcome = play(scenario("demo-clients"))
    assert passed(outcome) == 1 + 3 * 17 + 3


def test_a_click_moves_clickdots_dot_and_the_terminal_shows_what_was_typed_and_its_answer(play: Play) -> None:
    outcome = play(scenario("demo-input"))
    assert passed(outcome) == 7
    moved = next(s for s in outcome.scenario.steps if isinstance(s, CheckFrame) and s.shifted == (-50, -30))
    elsewhere = tuple(replace(s, shifted=(-50, -31)) if s is moved else s for s in outcome.scenario.steps)
    first = rejudge(outcome.bundle, replace(outcome.scenario, steps=elsewhere)).first_cause
    assert first is not None
    assert first.what.startswith("check-frame dot where the click was"), "a dot a pixel higher would do as well"


@pytest.mark.parametrize("image", ["weston", "reference"])
def test_work_goes_on_after_the_compositor_crashed_by_one_scenario_on_both_guests(play: Play, image: str) -> None:
    outcome = play(replace(scenario("work-after-a-crash"), image=image))
    assert passed(outcome) == 4


def test_a_demo_that_draws_nothing_fails_the_check_of_its_window(play: Play) -> None:
    outcome = play(
        ScenarioBuilder("nothing", image="weston").boot(timeout=BOOT).command("frames n=30").remember_frame("empty")
        .command("demo id=1 name=info x=100 y=80")  # it prints what the compositor offers, and has no window
        .check_frame("drawn", "remembered", like="empty", changed=1, timeout=1)
    )  # fmt: skip
    first = outcome.verdict.first_cause
    assert outcome.verdict.verdict is Verdict.FAIL
    assert first is not None
    assert "0 pixels are unlike 'empty', asked for: 1 or more" in first.what
