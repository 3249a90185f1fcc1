"""Faults of the serial line on its way to us: told apart from faults of the guest."""

from __future__ import annotations

from typing import Any

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import SerialLoss, SerialNoise, SerialStall
from harness.scenario.faulting import Until
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import cause, events, fault, journal, passed, reason

pytestmark = pytest.mark.system
MILESTONES = [f"milestone name=a-milestone-with-a-long-name-{n}" for n in range(3)]
SEALED = "control=com2 seal=1"


def talk(name: str, line: Any, *, seed: int = 1, cmdline: str = SEALED) -> ScenarioBuilder:
    """A guest that says something of 60 bytes at each of three commands; the line is bad for the first of them."""
    scenario = ScenarioBuilder(name, image="reference").set(boot__cmdline=cmdline)
    scenario.boot().command("scenario name=line", *MILESTONES, "complete")
    return scenario.faults(fault(line, rendezvous=2, until=Until(rendezvous=1)), seed=seed)


@pytest.mark.parametrize("kind", [SerialNoise, SerialLoss])
def test_a_damaged_marker_is_counted_and_the_line_is_good_again_afterwards(play: Play, kind: Any) -> None:
    scenario = talk("damage", kind(bytes=1, every=20)).expect("RAYOS_INTEGRATION:SCENARIO_COMPLETE:line:pass")
    first, second = (passed(play(scenario)) for _ in range(2))
    assert first.verdict.markers_lost == 1
    (damage,) = events(first, "line.damage")
    received = bytearray((first.bundle.path / "serial.bin").read_bytes())
    for offset, sent, came in damage.data["changed"]:
        assert received[offset] == came
        received[offset] = sent
    for offset, byte in damage.data["lost"]:
        received.insert(offset, byte)
    plain = passed(
        play(
            ScenarioBuilder("plain", image="reference")
            .set(boot__cmdline=SEALED)
            .boot()
            .command("scenario name=line", *MILESTONES, "complete")
            .expect("RAYOS_INTEGRATION:SCENARIO_COMPLETE:line:pass")
        )
    )
    assert bytes(received) == (plain.bundle.path / "serial.bin").read_bytes()
    assert (first.verdict.fingerprint, damage.data) == (
        second.verdict.fingerprint,
        events(second, "line.damage")[0].data,
    )
    assert first.verdict.fingerprint != plain.verdict.fingerprint


def test_an_expectation_that_the_bad_line_swallowed_is_no_failure_of_the_guest(play: Play) -> None:
    lost = talk("lost", SerialLoss(bytes=1, every=20)).expect(
        "RAYOS_INTEGRATION:MILESTONE:a-milestone-with-a-long-name-0"
    )
    outcome = play(lost)
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "line-fault")
    assert "lost 1 by then" in reason(outcome)


def test_a_guest_whose_readiness_the_bad_line_swallowed_does_not_hang(play: Play) -> None:
    scenario = ScenarioBuilder("deaf", image="reference").boot().command("query").command("query", timeout=0.5)
    outcome = play(scenario.faults(fault(SerialNoise(bytes=1000, every=1), rendezvous=2)))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "line-fault"), reason(outcome)


def test_a_missing_marker_while_the_line_is_good_still_is_a_failure(play: Play) -> None:
    """A bad line that hit nothing explains nothing."""
    scenario = talk("good", SerialLoss(bytes=1, every=10**6)).expect("RAYOS_NEVER:COMES")
    assert cause(play(scenario)) == (Verdict.FAIL, "expectation")


def test_what_a_stalled_line_held_back_comes_when_it_is_over(play: Play) -> None:
    scenario = ScenarioBuilder("stall", image="reference").boot().command("query", "scenario name=stalled", "complete")
    scenario.expect("RAYOS_INTEGRATION:SCENARIO_COMPLETE:stalled:pass").faults(
        fault(SerialStall(), rendezvous=2, until=Until(host_s=0.3))
    )
    outcome = passed(play(scenario))
    kinds = [event.kind for event in journal(outcome)]
    begin, end = kinds.index("line.bad"), kinds.index("line.good")
    assert "serial" not in kinds[begin:end]
    assert kinds[end + 1] == "serial"
    assert outcome.verdict.markers_lost == 0
