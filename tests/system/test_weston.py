"""A stock desktop as a guest: Debian's Linux and Weston, with clients of ours (docs/weston.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status
from harness.verdicts import Verdict

from .conftest import Play

ROOT = Path(__file__).parents[2]
BOOT = 90  # s: 5 with a core to itself, 17 were seen on a host with ten busy processes for two cores
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def weston() -> None:
    """The image, built of packages that apt downloads, unless it is there."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)


def played(play: Play, name: str) -> RunOutcome:
    (scenario,) = collect([ROOT / f"scenarios/weston/{name}.toml"])
    return play(scenario)


def two_clients() -> ScenarioBuilder:
    return (
        ScenarioBuilder("clients", image="weston")
        .boot(timeout=BOOT)
        .command("create id=1 x=40 y=60 w=240 h=160", "create id=2 x=200 y=100 w=240 h=160")
    )


@pytest.mark.parametrize("name", ["first-desktop", "compositor-killed"])
def test_a_scenario_of_the_desktop_passes_with_its_windows_verified(play: Play, name: str) -> None:
    outcome = played(play, name)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.frames_checked == 2


def test_every_end_of_a_client_is_told_with_its_cause_and_the_others_go_on(play: Play) -> None:
    ends = {3: ("crash", "crash", "signal:11"), 4: ("abort", "crash", "signal:6"), 5: ("exit", "exit", "code:7"),
            6: ("protocol", "refused", "code:4")}  # fmt: skip
    scenario = two_clients()
    for client, (how, _, _) in ends.items():
        scenario.command(f"create id={client} x={client * 130} y=400 w=120 h=88", f"misbehave id={client} how={how}")
    scenario.command("stop id=2 on=1", "frames n=30")
    scenario.expect(
        "RAYOS_FAILURE:DETECTED:stopped:2",
        *(f"RAYOS_CLIENT:EXIT:{client}:{number}" for client, (_, _, number) in ends.items()),
        *(f"RAYOS_FAILURE:DETECTED:{cause}:{client}" for client, (_, cause, _) in ends.items()),
        since="boot",
    )
    outcome = play(scenario.check_frame("the others", against="clients"))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_what_the_agent_cannot_do_it_refuses_with_the_reason_of_the_protocol(play: Play) -> None:
    scenario = ScenarioBuilder("refused", image="weston").boot(timeout=BOOT)
    for command, reason in (
        ("dance id=1", "verb"),
        ("create id=1 x=0 y=0 w=240", "argument"),
        ("create id=1 x=0 y=0 w=240 h=160 z=1", "argument"),
        ("kill id=9", "id"),
        ("crash kind=nothing", "argument"),
        ("frames  n=1", "syntax"),
        ("demo id=1 name=none", "argument"),
    ):
        scenario.command(command, refused=reason)
    outcome = play(scenario)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
