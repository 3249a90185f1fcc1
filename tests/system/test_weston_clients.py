"""Clients of a stock desktop: what they and the desktop do wrong is named right, and input reaches whom it should."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.batch import plan
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.engine.warm import Starts, Warm
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import Command
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status
from harness.targets.snapshot_store import SnapshotStore
from harness.verdicts import Verdict
from harness.zoo.model import Defect, load_zoo
from harness.zoo.play import detectors

from .conftest import Play

ROOT = Path(__file__).parents[2]
ZOO = load_zoo(ROOT / "tests/zoo/weston")
EVENTS = 100
SPOTS = [(5 + n * 37 % 1000, 5 + n * 53 % 700) for n in range(EVENTS)]
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def weston() -> None:
    """The image, built of packages that apt downloads, unless it is there."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)


def detector() -> Scenario:
    (path,) = detectors(ZOO).values()
    (scenario,) = collect([path])
    return scenario


def told(defect: Defect) -> Scenario:
    """The detector on a guest that was told of *defect* once it was up, so that one boot serves all."""
    scenario = detector()
    name = base64.b64encode(defect.name.encode()).decode()
    boot, *steps = scenario.steps
    return replace(scenario, steps=(boot, Command(send=(f"put name=lie at=0 data={name}",)), *steps))


def by_switch(defect: Defect) -> Scenario:
    """The detector on a guest that is told of *defect* as `harness zoo` does it."""
    scenario = detector()
    switch = ZOO.file.switch.replace("${name}", defect.name)
    return replace(scenario, set={**scenario.set, "boot.cmdline": f"{find_image('weston').boot.cmdline} {switch}"})


def of_desktop(name: str) -> Scenario:
    (scenario,) = collect([ROOT / f"scenarios/weston/{name}.toml"])
    return scenario


def all_input() -> Scenario:
    scenario = (
        ScenarioBuilder("all-input", image="weston", clock="wall", timeout=600)
        .set(guest__confirm_pointer="RAYOS_CLIENT:POINTER", guest__confirm_key="RAYOS_CLIENT:KEY")
        .boot(timeout=300)
        .command("create id=1 x=0 y=0 w=1016 h=760 rate=5")
    )
    for spot in SPOTS:
        scenario.pointer(*spot)
    return scenario.type("abcde" * (EVENTS // 10)).check_frame("all of it", against="clients", timeout=20).build()


def eight_clients(folder: Path, hold: int) -> Scenario:
    """Those sixty-four, but eight, of which four are killed, and the picture is that of *hold* ms later."""
    text = (ROOT / "scenarios/weston/sixty-four-clients.toml").read_text()
    head, _, tail = text.partition('    "create id=9 ')
    few = head + "]\n" + tail.partition("\n]\n")[2]
    changes = {"to=32 hold=150": f"to=4 hold={hold}", "exactly = 32": "exactly = 4", "id=33": "id=5", "id=64": "id=8"}
    for old, new in changes.items():
        assert old in few
        few = few.replace(old, new)
    (folder / f"eight-{hold}.toml").write_text(few)
    (scenario,) = collect([folder / f"eight-{hold}.toml"])
    return scenario


INPUT = ("input-typing", "input-clicking", "input-dragging")
PLAYED = (*INPUT, "misbehaving-clients", "sixty-four-clients")


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Scenario]:
    """Those of few clients, by the time after the kill at which they are looked at."""
    folder = tmp_path_factory.mktemp("crowds")
    return {hold: eight_clients(folder, hold) for hold in (1, 260)}


@pytest.fixture(scope="module")
def booted(weston: None, crowds: dict[int, Scenario], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
    """A desktop in each clock, booted once: every run goes on from there."""
    options = BatchOptions(runs_dir=tmp_path_factory.mktemp("runs"))
    scenarios = [detector(), *map(told, ZOO.defects), *map(of_desktop, PLAYED), all_input(), *crowds.values()]
    said: list[str] = []
    with Warm(say=said.append, store=SnapshotStore(tmp_path_factory.mktemp("snapshots"))) as warm:
        yield asyncio.run(warm.prepare(plan(scenarios, options), options))
    assert len([line for line in said if "booting" in line]) == 2, said


def is_caught(outcome: RunOutcome, cause: str) -> None:
    first = outcome.verdict.first_cause
    assert outcome.verdict.verdict is Verdict.FAIL
    assert first is not None
    assert re.match(cause, f"{first.cause}: {first.what}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("defect", ZOO.defects, ids=lambda defect: defect.name)
def test_a_misbehaving_client_or_a_sabotaged_desktop_is_caught_with_the_right_first_cause(
    play: Play, booted: Starts, defect: Defect
) -> None:
    is_caught(play(told(defect), warm=booted), defect.cause)


def test_a_defect_that_the_kernels_command_line_names_is_the_same(play: Play) -> None:
    (defect,) = (defect for defect in ZOO.defects if defect.name == "stopped")
    is_caught(play(by_switch(defect)), defect.cause)


def test_a_desktop_on_which_nobody_misbehaves_is_no_false_alarm(play: Play, booted: Starts) -> None:
    outcome = play(detector(), warm=booted)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.frames_checked == 5


@pytest.mark.parametrize("name", INPUT)
def test_what_is_typed_clicked_and_dragged_reaches_the_right_client(play: Play, booted: Starts, name: str) -> None:
    outcome = play(of_desktop(name), warm=booted)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_every_end_of_a_misbehaving_client_is_told_and_frames_have_their_latencies(play: Play, booted: Starts) -> None:
    outcome = play(of_desktop("misbehaving-clients"), warm=booted)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    serial = (outcome.bundle.path / "serial.bin").read_text(errors="replace")
    samples = [int(us) for us in re.findall(r"RAYOS_PERF:SAMPLE:present_1:(\d+):(?:50|90|99)\b", serial)]
    (longest,) = (int(us) for us in re.findall(r"RAYOS_PERF:REPORT:present_1_max:(\d+)", serial))
    assert len(samples) == 3
    assert 0 < samples[0] <= samples[1] <= samples[2] <= longest < 10_000_000


def test_half_of_64_clients_are_gone_from_the_screen_200_ms_after_they_were_killed(play: Play, booted: Starts) -> None:
    outcome = play(of_desktop("sixty-four-clients"), warm=booted)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.frames_checked == 3
    (held,) = (check for check in outcome.verdict.checks if check.kind == "measure")
    assert 150_000 <= held.evidence[0]["figure"] <= 200_000


@pytest.mark.parametrize(
    ("hold", "cause"),
    [(1, "frame-mismatch: .* is to be seen, but it does not live"), (260, "measure: .*more than 200000")],
)
def test_windows_that_are_still_there_and_a_picture_that_came_too_late_are_seen(
    play: Play, booted: Starts, crowds: dict[int, Scenario], hold: int, cause: str
) -> None:
    is_caught(play(crowds[hold], warm=booted), cause)


def test_all_motions_and_keys_reach_the_client_in_their_order(play: Play, booted: Starts) -> None:
    outcome = play(all_input(), warm=booted)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    serial = (outcome.bundle.path / "serial.bin").read_text(errors="replace")
    echoed = [(int(x), int(y)) for x, y in re.findall(r"RAYOS_CLIENT:POINTER:1:(\d+):(\d+)", serial)]
    keys = re.findall(r"RAYOS_CLIENT:KEY:1:(\d+):([01])", serial)
    assert echoed == SPOTS
    assert keys == [(code, down) for code in ("30", "48", "46", "32", "18") for down in "10"] * (EVENTS // 10)
