"""Faults of a plan on the reference guest: they happen at their instant, it feels them, runs stay reproducible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import (
    BufferExhaustion,
    ClientCrash,
    ClientHang,
    ClientKill,
    GuestCommand,
    MalformedRequest,
    QueueOverflow,
)
from harness.scenario.faulting import Fault, FaultKind, Plan, Recovery, Until, When
from harness.verdicts import Verdict

from .conftest import Play
from .outcomes import cause

pytestmark = pytest.mark.system


def _desk(*faults: Fault, ticks: int = 60, supervised: bool = True) -> ScenarioBuilder:
    return (
        ScenarioBuilder("faults", image="reference")
        .faults(*faults)
        .prove("scene")
        .boot()
        .command(
            f"supervise on={int(supervised)}",
            "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5",
            "create id=2 x=400 y=60 w=300 h=200 color=8b5a2b",
            "create id=3 x=40 y=400 w=300 h=200 color=2e8b57",
            "animate id=2 on=1",
        )
        .frames(ticks)
        .recover(900)
        .command("query")
        .check_frame("after")
    )


def _once(what: FaultKind, recover: Recovery | None = None, until: Until | None = None) -> Fault:
    return Fault(
        name="f", when=When(guest_s=0.4), do=what, until=until or Until(), recover=recover or Recovery(frames=True)
    )


@pytest.mark.parametrize(
    ("what", "noticed"),
    [
        (ClientCrash(id=1), "page_fault:1"),
        (ClientCrash(id=3, how="divide_error"), "divide_error:3"),
        (ClientCrash(random=1, how="exit"), "exit:"),
        (ClientKill(random=2), "killed:"),
        (MalformedRequest(id=1, how="bad_size"), "protocol:1"),
    ],
)
def test_a_client_that_dies_is_noticed_and_back_at_once(play: Play, what: FaultKind, noticed: str) -> None:
    outcome = play(_desk(_once(what)))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    (row,) = outcome.verdict.faults
    assert any(noticed in text for text in row["evidence"])
    assert 400_000 <= row["at"] < 400_000 + 2 * 16_667  # at the first tick that is due
    assert row["at"] <= row["detected"] <= row["recovered"]


@pytest.mark.parametrize("what", [BufferExhaustion(id=1), pytest.param(QueueOverflow(id=1), marks=pytest.mark.long)])
def test_a_client_that_runs_full_dies_in_time_and_comes_back(play: Play, what: FaultKind) -> None:
    scenario = _desk(_once(what, Recovery(within=60.0)))
    if what.kind == "queue-overflow":  # it needs events to overflow with
        scenario = _with_more(scenario, "work id=3 name=pointer")
    outcome = play(scenario)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def _with_more(builder: ScenarioBuilder, command: str) -> ScenarioBuilder:
    steps = builder.build().steps
    again = ScenarioBuilder("faults", image="reference").prove("scene")
    plan = builder.build().faults
    assert plan is not None
    again.faults(*plan.fault).boot().command(*steps[1].send, command)  # type: ignore[union-attr]
    return again.frames(60).recover(1200)


def test_a_hanging_client_is_noticed_and_answers_again_when_its_time_is_over(play: Play) -> None:
    seen = Recovery(detected=("RAYOS_FAILURE:DETECTED:unresponsive:{id}",), frames=True)
    outcome = play(_desk(_once(ClientHang(id=2), seen, Until(guest_s=2.2)), ticks=200))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    (row,) = outcome.verdict.faults
    assert 2_200_000 <= row["undone"] - row["at"] < 2_200_000 + 2 * 16_667


def test_a_command_of_the_guests_own_is_taken_back_at_the_end(play: Play) -> None:
    hide = GuestCommand(send=("hide id=2",), undo=("show id=2",))
    outcome = play(_desk(_once(hide, Recovery(detected=(), markers=(), frames=True), Until(guest_s=0.1))))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    sent = [e.data["payload"] for e in read_events(outcome.bundle.journal) if e.kind == "control.send"]
    assert sent.index("hide id=2") < sent.index("show id=2")


def test_runs_with_the_same_plan_are_the_same_and_another_seed_gives_another(play: Play) -> None:
    faults = (
        Fault(name="a", when=When(guest_s=(0.1, 0.9)), do=ClientKill(random=1), recover=Recovery()),
        Fault(name="b", when=When(frame=(3, 20)), do=ClientCrash(random=1), recover=Recovery()),
        Fault(
            name="c", when=When(marker="RAYOS_FAILURE:DETECTED", nth=2), do=ClientHang(id=2), until=Until(guest_s=0.3)
        ),
    )
    scenario = _desk(*faults).build()
    first, again = play(scenario), play(scenario)
    assert first.verdict.verdict is Verdict.PASS, first.verdict.first_cause
    assert first.verdict.fingerprint == again.verdict.fingerprint is not None
    assert scenario.faults is not None
    other = play(replace(scenario, faults=replace(scenario.faults, seed=2)))
    assert other.verdict.fingerprint != first.verdict.fingerprint


def test_what_lasts_without_a_limit_ends_where_the_guest_is_to_recover(play: Play) -> None:
    hide = GuestCommand(send=("hide id=2",), undo=("show id=2",))
    outcome = play(_desk(_once(hide, Recovery(detected=(), markers=(), frames=True))))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_a_fault_that_comes_many_times_comes_that_often(play: Play) -> None:
    every = Fault(name="k", when=When(guest_s=0.2, every=0.1, times=6), do=ClientKill(id=1), recover=Recovery())
    outcome = play(_desk(every))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert [row["n"] for row in outcome.verdict.faults] == [1, 2, 3, 4, 5, 6]


def test_without_anybody_to_restart_it_the_recovery_is_missed(play: Play) -> None:
    outcome = play(_desk(_once(ClientKill(id=1)), supervised=False))
    assert cause(outcome) == (Verdict.FAIL, "not-recovered")


def test_a_fault_whose_instant_never_comes_makes_the_run_inconclusive(play: Play) -> None:
    late = Fault(name="late", when=When(guest_s=900.0), do=ClientKill(id=1))
    assert cause(play(_desk(late))) == (Verdict.INCONCLUSIVE, "fault-never-fired")


def test_a_fault_of_a_client_that_is_not_there_is_impossible(play: Play) -> None:
    assert cause(play(_desk(_once(ClientKill(id=44))))) == (Verdict.INCONCLUSIVE, "fault-impossible")


def test_a_plan_in_the_wall_clock_claims_no_fingerprint_and_still_holds(play: Play) -> None:
    plan = Plan(fault=(_once(ClientKill(id=1), Recovery()),))
    built = _desk().build()
    built = replace(built, faults=plan, proof=None, steps=built.steps[:-1])
    outcome = play(built, clock="wall")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.fingerprint is None
