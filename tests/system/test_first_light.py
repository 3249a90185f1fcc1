"""The main road, on the real reference guest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.verdicts import Verdict

from .burners import crowded
from .conftest import Play
from .live_harness import Harnesses

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def test_first_light_passes_with_at_least_five_computed_frames_and_one_fingerprint(play: Play) -> None:
    (scenario,) = collect([ROOT / "scenarios/smoke/first-light.toml"])
    first, second = play(scenario), play(scenario)
    assert first.verdict.verdict is Verdict.PASS, first.verdict.first_cause
    assert first.verdict.frames_checked >= 5
    assert first.verdict.fingerprint is not None
    assert first.verdict.fingerprint == second.verdict.fingerprint


def test_another_scene_has_another_fingerprint(play: Play) -> None:
    def run(x: int) -> str | None:
        return play(
            ScenarioBuilder("x", image="reference")
            .boot()
            .command(f"create id=1 x={x} y=50 w=100 h=100 color=ff0000")
            .frames()
            .check_frame("f")
        ).verdict.fingerprint

    assert run(40) != run(41)


@pytest.mark.long
def test_twenty_runs_on_a_loaded_host_have_one_fingerprint(play: Play) -> None:
    (scenario,) = collect([ROOT / "scenarios/smoke/first-light.toml"])
    with crowded():
        outcomes = [play(scenario) for _ in range(20)]
    assert {o.verdict.verdict for o in outcomes} == {Verdict.PASS}
    assert len({o.verdict.fingerprint for o in outcomes}) == 1


@pytest.mark.long
def test_every_halt_on_a_loaded_host_ends_at_the_same_time(harnesses: Harnesses, tmp_path: Path) -> None:
    """QEMU ends one in 10,000 late there, and the guest makes up for it (`halt_evenly` in its clock.c)."""
    scenario = tmp_path / "halts.toml"
    send = ["frames n=200"] * 100
    scenario.write_text(
        'version = 1\nname = "halts"\nimage = "reference"\n[[step]]\ndo = "boot"\n'
        f'[[step]]\ndo = "command"\ntimeout = 300\nsend = {send}\n'
    )
    with crowded():
        ended = harnesses.run("run", scenario, "--repeat", "6", "--jobs", "3", "--json")
    assert ended.document["runs"][0]["verdict"] == "PASS", ended.stdout
    assert len(ended.document["runs"][0]["repeats"]) == 6


def test_the_wall_clock_has_no_fingerprint_and_still_checks_frames(play: Play) -> None:
    (scenario,) = collect([ROOT / "scenarios/smoke/first-light.toml"])
    outcome = play(replace(scenario, clock="wall"))
    assert outcome.verdict.frames_checked >= 5
    assert outcome.verdict.fingerprint is None
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


@pytest.mark.parametrize(
    ("lie", "cause"),
    [("black", "frame-blank"), ("stale", "frame-stale"), ("torn", "frame-torn"), ("pixel", "frame-mismatch")],
)
def test_a_guest_that_says_pass_over_a_wrong_screen_fails(play: Play, lie: str, cause: str) -> None:
    scenario = (
        ScenarioBuilder(f"lie-{lie}", image="reference-zoo")
        .set(boot__cmdline=f"control=com2 lie={lie}")
        .boot()
        .command(
            "scenario name=liar", "create id=1 x=40 y=40 w=300 h=200 color=3a6ea5", "animate id=1 on=1", "frames n=10"
        )
        .command("verify check=windows want=1", "complete")
        .expect("RAYOS_INTEGRATION:SCENARIO_COMPLETE:liar:pass")
        .check_frame("the truth")
    )
    outcome = play(scenario)
    assert outcome.verdict.verdict is Verdict.FAIL
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == cause
    assert list(outcome.bundle.frames.glob("*.diff.png")), "no difference picture"


def test_the_zoo_build_without_a_lie_passes(play: Play) -> None:
    scenario = (
        ScenarioBuilder("honest", image="reference-zoo")
        .boot()
        .command("create id=1 x=40 y=40 w=300 h=200 color=3a6ea5", "animate id=1 on=1", "frames n=10")
        .check_frame("the truth")
    )
    assert play(scenario).verdict.verdict is Verdict.PASS
