"""Failures of the reference guest itself: it says what happened to it, goes on, and every frame is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import BitFlip, GuestCommand, Nmi
from harness.scenario.faulting import Fault, FaultKind, Recovery, When
from harness.verdicts import Verdict

from .conftest import Play
from .reference_session import live, markers

pytestmark = pytest.mark.system

WINDOWS = [
    "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5",
    "create id=2 x=200 y=160 w=300 h=200 color=8b5a2b kind=checker",
    "create id=3 x=40 y=400 w=300 h=200 color=2e8b57",
    "animate id=2 on=1",
]


def desk(*commands: str) -> ScenarioBuilder:
    return ScenarioBuilder("failures", image="reference").prove("scene").boot().command(*WINDOWS, *commands)


def struck(play: Play, scenario: ScenarioBuilder, what: FaultKind, part: str) -> RunOutcome:
    """The scenario with *what* after half a second, from which the guest's *part* recovers."""
    number = part.split(":")[1]
    fault = Fault(
        name="f",
        when=When(guest_s=0.5),
        do=what,
        recover=Recovery(
            detected=tuple(
                f"RAYOS_FAILURE:DETECTED:{text}" for text in (part, "disconnected:*")[: 1 + (number == "240")]
            ),
            markers=() if number == "242" else (f"RAYOS_FAILURE:RECOVERY_COMPLETE:{number}:success",),
            frames=number != "240",  # the one that it is back with, which comes before the fault counts as over
            survivors=number != "240",  # with the compositor everybody goes
        ),
    )
    redrawn = scenario.faults(fault).frames(60).recover(60).command("theme name=dark").frames(2)
    outcome = play(redrawn.check_frame("after"))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return outcome


def failures(outcome: RunOutcome) -> list[str]:
    return [line.removeprefix("RAYOS_FAILURE:") for line in markers(outcome) if line.startswith("RAYOS_FAILURE:")]


def test_a_compositor_that_crashed_comes_back_and_its_clients_with_it(play: Play) -> None:
    crash = GuestCommand(send=("crash kind=compositor",))
    scenario = desk("supervise on=1", "theme name=light").type("Shift").pointer(300, 300)
    said = failures(struck(play, scenario, crash, "compositor:240"))
    assert said[:3] == ["INJECT:compositor:240", "DETECTED:compositor:240", "RECOVERY_START:240"]
    left = [line for line in said if line.startswith("DETECTED:disconnected")]
    assert left == [f"DETECTED:disconnected:{n}" for n in (1, 2, 3)]
    assert [line for line in said if line.endswith("success")] == [
        f"RECOVERY_COMPLETE:{n}:success" for n in (1, 2, 3, 240)
    ]


def test_without_supervision_a_crashed_compositor_leaves_an_empty_desktop(play: Play) -> None:
    outcome = struck(play, desk(), GuestCommand(send=("crash kind=compositor",)), "compositor:240")
    assert "RAYOS_SOAK:CLIENT_DESTROYED:3" in markers(outcome)
    assert not [line for line in failures(outcome) if line.startswith("RECOVERY_START:") and not line.endswith(":240")]


def test_a_client_that_was_stopped_when_the_compositor_crashed_comes_back_when_it_goes_on(tmp_path: Path) -> None:
    steps = [*WINDOWS, "supervise on=1", "stop id=1 on=1", "crash kind=compositor", "query", "stop id=1 on=0", "query"]
    told = live(tmp_path, *steps)
    assert [told.words[i]["windows"] for i in (-3, -1)] == ["2", "3"]
    assert "RAYOS_FAILURE:DETECTED:disconnected:1" in told.markers


@pytest.mark.parametrize("offset", [4, 48 + 7 * 50], ids=["a colour", "a glyph"])
def test_a_bit_that_turns_over_in_guarded_memory_is_put_right_before_it_is_drawn(play: Play, offset: int) -> None:
    flip = BitFlip(symbol="integrity_block", offset=offset, bit=1)
    outcome = struck(play, desk("integrity on=1", "theme name=dark"), flip, "memory:241")
    assert failures(outcome) == ["DETECTED:memory:241", "RECOVERY_START:241", "RECOVERY_COMPLETE:241:success"]


def test_the_same_bit_in_unguarded_memory_is_drawn(play: Play) -> None:
    """So the block is what the pictures are made with."""
    flip = Fault(name="f", when=When(guest_s=0.5), do=BitFlip(symbol="integrity_block", offset=0, bit=4))
    outcome = play(desk().faults(flip).frames(60).command("theme name=dark").frames(2))
    assert outcome.verdict.verdict is Verdict.FAIL
    assert "frame" in str(outcome.verdict.first_cause)


def test_a_non_maskable_interrupt_is_told_and_nothing_else_happens(play: Play) -> None:
    assert failures(struck(play, desk(), Nmi(), "nmi:242")) == ["DETECTED:nmi:242"]


def test_a_thousand_crashes_a_minute_apart_for_each_client_cascade_to_nobody(tmp_path: Path) -> None:
    """A tenth of the thousand, in a tenth of the ten minutes, with six ways to die."""
    hows = ["page_fault", "neighbour", "invalid_opcode", "divide_error", "protection", "exit"]
    steps = ["supervise on=1", *(f"create id={i + 1} x={20 + 90 * i} y=60 w=80 h=80 color=3a6ea5" for i in range(10))]
    for n in range(100):
        steps += ["frames n=36", f"misbehave id={n * 7 % 10 + 1} how={hows[n % 6]}"]
    told = live(tmp_path, *steps, "query")
    assert told.words[-1]["windows"] == "10"
    assert int(told.words[-1]["us"]) >= 60_000_000
    for event in ("DETECTED", "RECOVERY_START", "RECOVERY_COMPLETE"):
        assert len([line for line in told.markers if line.startswith(f"RAYOS_FAILURE:{event}:")]) == 100
