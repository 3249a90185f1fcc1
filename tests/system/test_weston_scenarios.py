"""Scenarios of both guests on Weston; its soak runs, its faults, and desktops on a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.judge.rejudge import rejudge
from harness.scenario.files import collect
from harness.scenario.guests import on_guest
from harness.scenario.loader import load_scenarios
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame, Measure, Step
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status
from harness.triage.run import triage_bundle, triage_log
from harness.verdicts import Verdict

from . import clusters
from .conftest import Play

ROOT = Path(__file__).parents[2]
WESTON = ROOT / "scenarios/weston"
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def weston() -> None:
    """The image, built of packages that apt downloads, unless it is there."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)


def scenario(name: str, **words: object) -> Scenario:
    """That of the Weston guest called *name*; *words* are values of its `[words]`."""
    (one,) = load_scenarios(WESTON / f"{name}.toml", words=words)
    return one


def passed(outcome: RunOutcome) -> RunOutcome:
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return outcome


def replies(outcome: RunOutcome, command: str) -> list[dict[str, str]]:
    """The words of each reply to *command*, in order."""
    asked, found = "", []
    for event in read_events(outcome.bundle.journal):
        if event.kind == "control.send":
            asked = str(event.data["payload"])
        elif event.kind == "control.reply" and asked == command:
            found.append(dict(word.split("=") for word in str(event.data["payload"]).split()[1:]))
    return found


# ---- the same scenarios on both guests -------------------------------------------------------------------------------

ON_BOTH = ("sixteen-apps-drag-and-drop", "realistic-desktop", "clipboard-stress", "fullscreen-video")


def in_one_boot(scenarios: Sequence[Scenario]) -> Scenario:
    """Their steps one after the other, as they stand; each leaves an empty desktop."""
    steps: list[Step] = []
    for one in scenarios:
        assert (one.steps[0].do, one.steps[-1].do) == ("boot", "shutdown")
        for step in one.steps[1:-1]:
            steps.append(replace(step, name=f"{one.name}: {step.name}") if isinstance(step, CheckFrame) else step)
    return replace(
        scenarios[0],
        name="on-both",
        set={key: value for one in scenarios for key, value in one.set.items()},
        forbid=tuple({pattern: None for one in scenarios for pattern in one.forbid}),
        steps=(scenarios[0].steps[0], *steps, scenarios[-1].steps[-1]),
    )


def test_of_the_integration_scenarios_these_pass_here_and_the_others_say_why_not(play: Play) -> None:
    found = {one.name: on_guest(one, "weston") for one in collect([ROOT / "scenarios/integration"])}
    assert {name for name, one in found.items() if not one.skip} == set(ON_BOTH)
    outcome = passed(play(in_one_boot([found[name] for name in ON_BOTH]), image="weston"))
    assert outcome.verdict.frames_checked == 17


# ---- two desktops on a link ------------------------------------------------------------------------------------------


def test_two_desktops_notice_that_their_link_is_cut_and_each_verdict_says_so(tmp_path: Path) -> None:
    file = ROOT / "scenarios/cluster/desktops-partitioned.toml"
    outcome = passed(clusters.play(file, tmp_path / "runs", words={"seconds": 2}))
    assert outcome.verdict.frames_checked == 4
    for part, peer in zip(outcome.parts, (2, 1), strict=True):
        (lost,) = (c for c in part.verdict.checks if c.what == "expect RAYOS_NET:PEER_LOST")
        assert {"after": "link partition a - b"} in lost.evidence
        heard = clusters.markers(outcome, part.bundle.path.relative_to(outcome.bundle.path).as_posix())
        assert [m.partition("*")[0] for m in heard] == [f"PEER_UP:{peer}", f"PEER_LOST:{peer}", f"PEER_UP:{peer}"]
    # Where it is forbidden to lose the other, both fail, by the partition.
    for part in outcome.parts:
        asked = replace(part.scenario, forbid=(*part.scenario.forbid, "RAYOS_NET:PEER_LOST"))
        told = rejudge(part.bundle, asked)
        assert told.first_cause is not None
        assert (told.verdict, told.first_cause.cause) == (Verdict.FAIL, "forbidden")
        assert told.first_cause.what.endswith(", after link partition a - b")


# ---- soak runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["soak-16", "soak-64", "soak-surfaces", "sustained-frame-rate"])
def test_a_soak_run_of_two_seconds_keeps_its_limits_and_would_be_told_by_each(play: Play, name: str) -> None:
    outcome = passed(play(scenario(name, seconds=2)))
    steps = outcome.scenario.steps
    limits = [(place, step) for place, step in enumerate(steps) if isinstance(step, Measure)]
    assert len(limits) >= 3
    for place, step in limits:
        narrow = replace(step, at_most=-1e9) if step.at_least is None else replace(step, at_least=1e9)
        told = rejudge(outcome.bundle, replace(outcome.scenario, steps=(*steps[:place], narrow, *steps[place + 1 :])))
        assert told.first_cause is not None
        assert (told.verdict, told.first_cause.cause, told.first_cause.step) == (Verdict.FAIL, "measure", place)


# ---- faults ----------------------------------------------------------------------------------------------------------


def test_a_failing_disk_loses_nothing_of_a_writing_client_and_disturbs_no_other(play: Play) -> None:
    outcome = passed(play(scenario("fault-disk-errors")))
    assert outcome.verdict.frames_checked == 2
    logs = [event.data for event in read_events(outcome.bundle.journal) if event.kind == "disk.log"]
    assert logs[-1]["acknowledged"] == 2
    assert not logs[-1]["lost"]
    (failed,) = (event.data for event in read_events(outcome.bundle.journal) if event.kind == "disk.failed")
    assert failed["requests"] > 0


def test_a_desktop_gives_a_quarter_of_its_memory_to_a_balloon_and_gets_it_back(play: Play) -> None:
    outcome = passed(play(scenario("fault-balloon")))
    before, meanwhile, after = (int(reply["total_kb"]) for reply in replies(outcome, "query"))
    assert before - meanwhile == 64 << 10
    assert after == before


def test_a_desktop_whose_machine_was_stopped_for_three_seconds_goes_on(play: Play) -> None:
    outcome = passed(play(scenario("fault-frozen")))
    before, after = (int(reply["us"]) for reply in replies(outcome, "query"))
    assert after - before >= 3_000_000  # its clock went on meanwhile


def test_an_nmi_is_a_panic_that_the_kernels_own_log_names(play: Play) -> None:
    outcome = passed(play(scenario("fault-nmi-panic")))
    (panic,) = triage_log(outcome.bundle.serial)
    assert (panic.kind, panic.title) == ("panic", "kernel panic: NMI: Not continuing")
    assert panic.where is not None
    assert panic.where.function == "unknown_nmi_error"
    names = [e.data["name"] for e in read_events(outcome.bundle.journal) if e.kind == "qmp.event"]
    assert "GUEST_PANICKED" in names
    verdict = rejudge(outcome.bundle, replace(outcome.scenario, ignore_crash=()))  # where nobody wanted it
    assert verdict.first_cause is not None
    assert (verdict.verdict, verdict.first_cause.cause) == (Verdict.CRASH, "crash-text")
    assert "Kernel panic - not syncing: NMI: Not continuing" in verdict.first_cause.what
    named = triage_bundle(outcome.bundle, verdict)
    assert (named.kind, named.title) == ("panic", "kernel panic: NMI: Not continuing")
