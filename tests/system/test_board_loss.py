"""First light's serial part on a board whose cable loses bytes: what is said of the guest, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import PRODUCT, Verdict

from .conftest import Play
from .relay import Cable, board_file, harmless, loses, reference, spoils

pytestmark = pytest.mark.system
SEALED = "control=inline free=1 seal=1"
PLAIN = "control=inline free=1"


def first_light(*, timeout: float = 10, verify: int = 4) -> ScenarioBuilder:
    """What of scenarios/smoke/first-light.toml takes a serial port and nothing else."""
    sizes = {
        1: "x=40 y=60 w=300 h=200",
        2: "x=420 y=80 w=280 h=220",
        3: "x=120 y=330 w=340 h=240",
        4: "x=9 y=9 w=99 h=99",
    }
    created = [f"create id={n} {sizes[n]} color=3a6ea5" for n in range(1, 5)]
    scenario = ScenarioBuilder("first-light", image="reference").set(guest__control="inline")
    scenario = scenario.forbid("RAYOS_CONTROL:ERROR").rules("SOAK", "INTEGRATION").boot(timeout=timeout)
    scenario = scenario.command("scenario name=first-light", *created, timeout=timeout)
    scenario = scenario.expect(order=[f"RAYOS_SOAK:CLIENT_CREATED:{n}" for n in range(1, 5)], timeout=timeout)
    scenario = scenario.command("move id=4 x=600 y=300", "hide id=2", "lower id=3", "resize id=1 w=420 h=260")
    scenario = scenario.command("milestone name=desktop-used", f"verify check=windows want={verify}", timeout=timeout)
    scenario = scenario.command(*(f"destroy id={n}" for n in range(1, 5)), "complete", timeout=timeout)
    return scenario.expect(
        order=["RAYOS_INTEGRATION:MILESTONE:desktop-used", "RAYOS_INTEGRATION:SCENARIO_COMPLETE:first-light:pass"],
        none=["RAYOS_INTEGRATION:VERIFY:*:fail"],
        since="boot",
        timeout=timeout,
    )


def commands() -> ScenarioBuilder:
    """Commands and nothing else: each is repeated until its answer comes through."""
    scenario = ScenarioBuilder("commands", image="reference").set(guest__control="inline").boot()
    return scenario.command("scenario name=many", *(f"milestone name=number-{n}" for n in range(30)), timeout=60)


def cause(outcome: RunOutcome) -> tuple[Verdict, str | None]:
    first = outcome.verdict.first_cause
    return outcome.verdict.verdict, first.cause if first else None


def test_over_a_good_cable_first_light_passes_and_a_wrong_guest_fails(play: Play, tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        board = board_file(tmp_path, cable.link, reference(cable, SEALED))
        passed = play(first_light(), target=board)
        assert cause(passed) == (Verdict.PASS, None), passed.verdict.first_cause
        assert passed.verdict.markers_lost == 0
        assert cause(play(first_light(verify=5), target=board)) == (Verdict.FAIL, "expectation")
        never = first_light().expect("RAYOS_SOAK:COMPLETE:pass", timeout=0.3)
        failed = play(never, target=board)
        assert cause(failed)[0] in {Verdict.FAIL, Verdict.HANG}, failed.verdict.first_cause
        asked = [e for e in read_events(failed.bundle.journal) if e.kind == "control.repeat"]
        assert len(asked) == 16, "the line was sounded before the guest was condemned"


@pytest.mark.long
@pytest.mark.parametrize("cmdline", [SEALED, PLAIN])
@pytest.mark.parametrize("seed", range(2))
def test_over_a_cable_that_loses_one_byte_in_a_hundred_nothing_is_held_against_the_guest(
    play: Play, tmp_path: Path, cmdline: str, seed: int
) -> None:
    with Cable(tmp_path, ours=loses(100, seed), theirs=loses(100, seed + 100)) as cable:
        outcome = play(first_light(timeout=4), target=board_file(tmp_path, cable.link, reference(cable, cmdline)))
    assert outcome.verdict.verdict not in PRODUCT, outcome.verdict.first_cause
    if cmdline == SEALED and outcome.verdict.markers > 3:
        said = " ".join(
            [*outcome.verdict.notes, outcome.verdict.first_cause.what if outcome.verdict.first_cause else ""]
        )
        assert "the serial line lost" in said or "the serial line damaged" in said, said


@pytest.mark.long
@pytest.mark.parametrize("cmdline", [SEALED, PLAIN])
def test_over_a_cable_that_changes_bytes_and_invents_some_nothing_is_held_against_the_guest(
    play: Play, tmp_path: Path, cmdline: str
) -> None:
    with Cable(tmp_path, ours=spoils(200, 1), theirs=spoils(200, 2)) as cable:
        outcome = play(first_light(timeout=4), target=board_file(tmp_path, cable.link, reference(cable, cmdline)))
    assert outcome.verdict.verdict not in PRODUCT, outcome.verdict.first_cause


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_a_loss_that_hits_nothing_that_was_asked_for_is_counted_and_the_run_passes(
    play: Play, tmp_path: Path, seed: int
) -> None:
    """Without rules over the whole stream, commands and rendezvous are repeated until they come through."""
    scenario = commands()
    with Cable(tmp_path, ours=loses(400, seed), theirs=loses(400, seed)) as cable:
        outcome = play(scenario, target=board_file(tmp_path, cable.link, reference(cable, SEALED)))
    if outcome.verdict.verdict is Verdict.PASS:
        assert outcome.verdict.markers_lost > 0
    else:
        assert cause(outcome)[0] is Verdict.INCONCLUSIVE, "its very first READY was lost"


def test_a_cable_that_is_pulled_mid_run_is_named_as_such(play: Play, tmp_path: Path) -> None:
    with Cable(tmp_path, theirs=harmless, unplug_after=400) as cable:
        outcome = play(first_light(), target=board_file(tmp_path, cable.link, reference(cable, SEALED)))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "port-lost")
    assert outcome.verdict.first_cause is not None
    assert str(cable.link) in outcome.verdict.first_cause.what
    assert "during step" in outcome.verdict.first_cause.what


@pytest.mark.parametrize("lossless", ["false", "true"])
def test_a_cable_that_is_pulled_and_put_in_again_is_a_gap_that_is_told_and_the_run_goes_on(
    play: Play, tmp_path: Path, lossless: str
) -> None:
    """As after a USB re-enumeration: the name is the same, the device another."""
    with Cable(tmp_path, unplug_after=900, away=0.2) as cable:
        head = f"reattach = 60\nlossless = {lossless}"
        outcome = play(commands(), target=board_file(tmp_path, cable.link, reference(cable, SEALED), head=head))
    assert cause(outcome) == (Verdict.PASS, None), outcome.verdict.first_cause
    kinds = [e.kind for e in read_events(outcome.bundle.journal)]
    assert (kinds.count("port.lost"), kinds.count("port.back")) == (1, 1)
    assert "went away once" in " ".join(outcome.verdict.notes)


@pytest.mark.long
def test_a_cable_that_is_pulled_for_longer_than_a_step_has_is_not_held_against_the_guest(
    play: Play, tmp_path: Path
) -> None:
    with Cable(tmp_path, unplug_after=600) as cable:
        board = board_file(tmp_path, cable.link, reference(cable, SEALED), head="reattach = 600")
        outcome = play(first_light(timeout=1), target=board)
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE, outcome.verdict.first_cause
    assert outcome.verdict.first_cause is not None
    assert "went away once" in outcome.verdict.first_cause.what


def test_a_cable_that_takes_its_time_is_waited_for(play: Play, tmp_path: Path) -> None:
    with Cable(tmp_path, delay=0.1) as cable:
        passed = play(first_light(), target=board_file(tmp_path, cable.link, reference(cable, SEALED)))
    assert cause(passed) == (Verdict.PASS, None), passed.verdict.first_cause
    sent = [event.host_ns for event in read_events(passed.bundle.journal) if event.kind == "control.send"]
    answered = [event.host_ns for event in read_events(passed.bundle.journal) if event.kind == "control.reply"]
    assert len(sent) == len(answered) == 16
    for asked, told in zip(sent, answered, strict=True):
        assert told - asked >= 0.1e9, "the answer took its time, and nothing was sent again meanwhile"
