"""Faults of disks on the reference guest: it feels them, it gets over them, and what it acknowledged is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import DiskError, DiskRequest, DiskSlow, DiskUnplug, PowerCut
from harness.scenario.faulting import Fault, Plan, Recovery, Until, When
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import Command, Relaunch, Step
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import cause, events, journal, passed

pytestmark = pytest.mark.system

SCENARIOS = Path(__file__).parents[2] / "scenarios"
IMAGE = "reference-disk"
FLUSH, STATE = "disk do=flush", "disk do=state"
ON_DISK = Recovery(detected=(), markers=(), disk=True)
"""Of a guest that need not say anything: what it acknowledged is there."""


def append(*words: str) -> list[str]:
    return [f"disk do=append data={word}" for word in words]


def store(*words: str) -> list[str]:
    return [f"disk do=store data={word}" for word in words]


def at(number: int, what: Any, *, rendezvous: int = 0, recover: Recovery | None = ON_DISK) -> Fault:
    """*what* happens at the rendezvous *number* (2: after the first command) and lasts that many."""
    until = Until(rendezvous=rendezvous) if rendezvous else Until()
    return Fault(name="f", when=When(rendezvous=number), do=what, until=until, recover=recover)


def guest(*faults: Fault, seed: int | None = None) -> ScenarioBuilder:
    return ScenarioBuilder("disks", image=IMAGE).faults(*faults, seed=seed).boot()


def replies(outcome: RunOutcome) -> list[str]:
    return [str(event.data["payload"]) for event in events(outcome, "control.reply")]


def io_errors(outcome: RunOutcome) -> list[tuple[str, str]]:
    """What QEMU itself tells of requests that failed, or stopped the machine."""
    told = [event.data["data"] for event in events(outcome, "qmp.event") if event.data["name"] == "BLOCK_IO_ERROR"]
    return [(data["operation"], data["action"]) for data in told]


@pytest.mark.parametrize(
    ("what", "asked", "refused", "operation"),
    [
        (DiskError(request="write"), "disk do=append data=two", "state io", "write"),
        (DiskError(error="enospc", request="write"), "disk do=append data=two", "state io", "write"),
        (DiskError(request="flush"), FLUSH, "state flush", "write"),
        (DiskError(request="read", sector=0), "disk do=read seq=1", "state io", "read"),
        (DiskUnplug(), "disk do=read seq=1", "state io", "read"),
    ],
)
def test_requests_fail_in_the_guest_while_it_lasts_and_not_after(
    play: Play, what: Any, asked: str, refused: str, operation: str
) -> None:
    scenario = (
        guest(at(3, what, rendezvous=2, recover=replace(ON_DISK, detected=None)))
        .command(*append("one"), FLUSH)
        .command(asked, refused="state")
        .command("query", *append("two"), FLUSH, "disk do=read seq=2")
    )
    outcome = passed(play(scenario))
    assert replies(outcome)[2] == refused
    assert replies(outcome)[4:] == ["ok seq=2", "ok", "ok data=two"]
    assert io_errors(outcome) == [(operation, "report")]
    assert [event.data["requests"] for event in events(outcome, "disk.failed")] == [1]
    assert [event.data["acknowledged"] for event in events(outcome, "disk.log")][-1] == 2


def test_only_the_next_requests_fail_where_a_number_is_given(play: Play) -> None:
    scenario = (
        guest(at(1, DiskError(request="write", count=2)))
        .command(*append("one"), refused="state")
        .command(*append("one"), refused="state")
        .command(*append("one"), FLUSH)
    )
    assert len(io_errors(passed(play(scenario)))) == 2


def test_a_slow_disk_takes_its_time_for_each_request(play: Play) -> None:
    scenario = guest(at(1, DiskSlow(iops=10), rendezvous=4)).command(
        *append("one", "two", "three"), FLUSH, "query", FLUSH
    )
    outcome = passed(play(scenario))
    began = [event.host_ns for event in events(outcome, "control.send")]
    ended = [event.host_ns for event in events(outcome, "control.reply")]
    assert ended[3] - began[0] >= 4 * 100_000_000
    assert outcome.verdict.fingerprint is None


def test_a_machine_without_a_port_for_it_cannot_lose_a_disk_from_its_bus(play: Play) -> None:
    outcome = play(guest(at(1, DiskUnplug(hot=True))).command("query"))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "does not support hotplugging" in str(outcome.verdict.first_cause)


def test_a_plan_that_waits_for_a_disk_that_is_not_there_is_refused(play: Play) -> None:
    fault = Fault(name="f", when=When(block="any", disk="disk1"), do=HARMLESS)
    with pytest.raises(UsageError, match="the disk disk1, and reference-disk has disk0"):
        play(guest(fault).command("query"))


# ---- at a request ------------------------------------------------------------------------------------------------

HARMLESS = DiskError(sector=2000, request="write")
WORK = [*append("one", "two"), FLUSH, "disk do=read seq=2", *append("three"), FLUSH, STATE]


def at_request(kind: DiskRequest, nth: int, what: Any = HARMLESS, *, times: int = 1, every: float = 0) -> Fault:
    when = When(block=kind, nth=nth, times=times, every=every)
    return Fault(name=f"{kind}-{nth}", when=when, do=what, recover=replace(ON_DISK))


def test_the_guest_notices_nothing_of_a_request_at_which_the_machine_stands_still(play: Play) -> None:
    undisturbed = passed(play(ScenarioBuilder("disks", image=IMAGE).boot().command(*WORK)))
    faults = [
        at_request("read", 1), at_request("write", 2), at_request("flush", 1), at_request("any", 3),
        at_request("write", 1, times=3, every=1),
    ]  # fmt: skip
    disturbed = passed(play(guest(*faults[:4]).command(*WORK)))
    assert replies(disturbed) == replies(undisturbed)
    # The boot reads once; then the writes 1 and 2 are the requests 2 and 3: `any` 3 and `write` 2 are one.
    assert io_errors(disturbed) == [("read", "stop"), ("write", "stop"), ("write", "stop")]
    again = passed(play(guest(faults[4]).command(*WORK)))
    assert replies(again) == replies(undisturbed)
    assert io_errors(again) == [("write", "stop")] * 3


def test_a_fault_at_a_request_happens_to_just_that_request(play: Play) -> None:
    fault = at_request("write", 2, DiskError(request="write", count=1))
    scenario = guest(fault).command(*append("one")).command(*append("two"), refused="state")
    outcome = passed(play(scenario.command(*append("two"), FLUSH)))
    assert io_errors(outcome) == [("write", "stop"), ("write", "report")]
    assert replies(outcome)[0] == "ok seq=1"


def test_a_run_that_is_stopped_at_requests_is_the_same_each_time(play: Play) -> None:
    faults = [
        at_request("read", 1),
        at_request("any", 4, DiskError(request="flush", count=1)),
        at_request("flush", 2, PowerCut()),
    ]
    scenario = guest(*faults).command(*append("one", "two")).command(FLUSH, refused="state").command(FLUSH, STATE)
    fingerprints = {passed(play(scenario)).verdict.fingerprint for _ in range(3)}
    assert len(fingerprints) == 1
    assert None not in fingerprints


# ---- the power ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "found"), [("none", 1), ("all", 4)])
def test_a_power_cut_takes_what_no_flush_had_made_durable(play: Play, keep: Any, found: int) -> None:
    scenario = guest(at(6, PowerCut(keep=keep))).command(*append("one"), FLUSH, *append("two", "three", "four"))
    outcome = passed(play(scenario.expect(f"RAYOS_DISK:REPLAY:{found}:0", since="boot").command(*append("x"), FLUSH)))
    assert replies(outcome)[-2] == f"ok seq={found + 1}"
    (injected,) = events(outcome, "fault.injected")
    assert injected.data["done"]["sectors"] == {"disk0": {"unflushed": 3, "kept": 0 if keep == "none" else 3}}


def test_what_a_power_cut_leaves_of_unflushed_sectors_is_the_seeds_choice_and_the_guest_copes(play: Play) -> None:
    def cut(seed: int) -> RunOutcome:
        words = append("one", *[f"w{i}" for i in range(20)])
        scenario = guest(at(23, PowerCut(keep="some")), seed=seed)
        return passed(play(scenario.command(words[0], FLUSH, *words[1:]).command(*append("x"), FLUSH, STATE)))

    first, again, other = cut(1), cut(1), cut(2)
    kept = [events(outcome, "fault.injected")[0].data["done"]["sectors"]["disk0"]["kept"] for outcome in (first, other)]
    assert all(0 < number < 20 for number in kept)
    assert first.verdict.fingerprint == again.verdict.fingerprint != other.verdict.fingerprint
    assert replies(first)[-1] != replies(other)[-1]


def test_at_the_write_barrier_nothing_of_the_write_is_there_yet(play: Play) -> None:
    barrier = at_request("flush", 2, PowerCut())
    scenario = guest(barrier).command(*append("one"), FLUSH, *append("two"), FLUSH, STATE)
    outcome = passed(play(scenario.expect("RAYOS_DISK:REPLAY:1:0", since="boot")))
    assert [event.data["payload"] for event in events(outcome, "control.send")][3:] == [FLUSH, STATE]
    order = [
        event.kind
        for event in journal(outcome)
        if event.kind in ("control.forgotten", "fault.injected", "control.send")
    ]
    assert order[-3:] == ["control.forgotten", "fault.injected", "control.send"]
    assert replies(outcome)[-1].startswith("ok records=1 flushed=1")


def test_a_stop_of_the_machine_makes_nothing_durable_although_qemu_flushes_then(play: Play) -> None:
    scenario = guest(at(3, PowerCut())).command(*append("one")).stop().cont().command("query", STATE)
    outcome = passed(play(scenario))
    (injected,) = events(outcome, "fault.injected")
    assert injected.data["done"]["sectors"] == {"disk0": {"unflushed": 1, "kept": 0}}
    assert replies(outcome)[-1].startswith("ok records=0 ")


def logged_out(*, flushed: bool) -> Scenario:
    """The scenario of the session that ends with unsaved work; its next start is after a power cut."""
    (scenario,) = [s for s in collect([SCENARIOS / "integration"]) if s.name == "logout-unsaved-work"]
    before = takewhile(lambda step: not isinstance(step, Relaunch), scenario.steps)
    commands = sum(len(step.send) for step in before if isinstance(step, Command))
    cut = at(commands + (2 if flushed else 1), PowerCut())  # at the query that stands for the relaunch

    def steps() -> Iterable[Step]:
        for step in scenario.steps:
            if isinstance(step, Relaunch):
                yield Command(send=("query",))
            elif isinstance(step, Command) and not flushed:
                yield replace(step, send=tuple(text for text in step.send if text != FLUSH))
            else:
                yield step

    return replace(scenario, steps=tuple(steps()), faults=Plan(fault=(cut,)))


def test_work_that_was_saved_and_flushed_is_there_after_a_power_cut(play: Play) -> None:
    passed(play(logged_out(flushed=True)))


def test_leaving_out_the_flush_is_caught_by_a_power_cut(play: Play) -> None:
    outcome = play(logged_out(flushed=False))
    assert outcome.verdict.verdict is Verdict.FAIL
    (missing,) = [check for check in outcome.verdict.checks if "RAYOS_DISK:REPLAY:1:0" in check.what]
    assert missing.status.value != "met"


# ---- what was acknowledged ---------------------------------------------------------------------------------------


def test_what_waits_in_the_guest_while_the_disk_is_gone_is_on_the_disk_when_it_is_back(play: Play) -> None:
    fault = Fault(
        name="gone", when=When(guest_s=0.1), do=DiskUnplug(), until=Until(guest_s=1.0), recover=Recovery(disk=True)
    )
    scenario = (
        guest(fault).command(*append("one"), FLUSH).frames(10).command(*store("two", "three")).frames(9).frames(90)
    )
    outcome = passed(play(scenario.recover().command(STATE, "disk do=read seq=3")))
    assert replies(outcome)[-1] == "ok data=three"
    assert events(outcome, "disk.log")[-1].data["acknowledged"] == 3
    (row,) = outcome.verdict.faults
    assert row["at"] < row["detected"] < row["undone"] <= row["recovered"]


def test_a_guest_that_acknowledges_what_it_never_wrote_is_found_out_from_outside(play: Play) -> None:
    scenario = guest(at(5, PowerCut(keep="all"))).set(
        boot__kernel="build/reference-zoo.elf", boot__cmdline="control=com2 lie=lost_write"
    )
    outcome = play(scenario.command(*append("one", "two", "three"), FLUSH))
    assert cause(outcome) == (Verdict.FAIL, "not-recovered")
    assert "acknowledged records are not on the disk: 3" in str(outcome.verdict.first_cause)


@pytest.mark.long
def test_a_power_cut_at_any_request_loses_nothing_that_was_acknowledged(play: Play) -> None:
    work = [*append("one", "two"), FLUSH, *append("three"), FLUSH, STATE]
    for nth in range(1, 7):  # the boot reads once, then three writes and two flushes
        outcome = passed(play(guest(at_request("any", nth, PowerCut(keep="some")), seed=nth).command(*work)))
        assert outcome.verdict.epochs == 2
