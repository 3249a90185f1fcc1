"""Faults of the machine: time, CPU, interrupts, reset. Seen by the guest's own clock and by QEMU's process."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from harness.engine.context import Context
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import ClockJump, CpuStarvation, Nmi, Pause, ResetMachine
from harness.scenario.faulting import Recovery, Until
from harness.targets.process import proc_state
from harness.verdicts import EXIT_INTERRUPTED, Verdict

from .conftest import Play
from .faulted import CREATE, busy_guest, cause, events, fault, guest_times, journal, passed, reason
from .live_harness import Harnesses

pytestmark = pytest.mark.system


def queries(name: str) -> ScenarioBuilder:
    """Five rendezvous after the boot's."""
    return ScenarioBuilder(name, image="reference").boot().command(CREATE, "frames n=1", *["query"] * 3)


def test_an_nmi_reaches_the_guest_which_says_so_and_goes_on(play: Play) -> None:
    outcome = passed(play(queries("nmi").check_frame("right").faults(fault(Nmi(), rendezvous=2, recover=Recovery()))))
    assert "RAYOS_FAILURE:DETECTED:nmi:" in (outcome.bundle.path / "serial.bin").read_text()


def test_an_nmi_that_the_guest_has_masked_makes_the_run_inconclusive(play: Play) -> None:
    outcome = play(queries("nmi").faults(fault(Nmi(), symbol="trap_init")))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "LINT1" in reason(outcome)


def test_a_reset_begins_a_new_boot(play: Play) -> None:
    outcome = passed(play(queries("reset").faults(fault(ResetMachine(), rendezvous=4)), clock="wall"))
    assert outcome.verdict.epochs == 2
    assert (outcome.bundle.path / "serial.bin").read_text().count("RAYOS_KIT:BOOT") == 2


def test_a_reset_that_qboot_would_not_survive_makes_the_run_inconclusive(play: Play) -> None:
    outcome = play(queries("reset").faults(fault(ResetMachine(), rendezvous=4)))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "qboot" in reason(outcome)


def test_the_guests_clock_stands_still_while_the_machine_is_paused(play: Play) -> None:
    length = 1.5
    outcome = passed(play(queries("pause").faults(fault(Pause(host_s=length), rendezvous=3)), clock="wall"))
    names = [event.data.get("name") for event in journal(outcome) if event.kind in ("qmp.event", "fault.begin")]
    assert names[names.index("pause") :][:3] == ["pause", "STOP", "RESUME"]
    told = guest_times(outcome)
    sent = [event for event in journal(outcome) if event.kind == "control.send"]
    replies = [event for event in journal(outcome) if event.kind == "control.reply"]
    # From the command before it to the answer of the one behind it: more than the guest's time between the two by it.
    host = (replies[2].host_ns - sent[1].host_ns) / 1e9
    guest = (told[3] - told[2]) / 1e6
    assert guest <= host - length + 0.1, (guest, host)


def test_the_guests_clock_jumps_once_and_goes_on_from_there_the_same_each_time(play: Play) -> None:
    outcomes = [
        passed(play(queries("jump").check_frame("right").faults(fault(ClockJump(seconds=3600), rendezvous=3))))
        for _ in range(2)
    ]
    told = guest_times(outcomes[0])
    steps = [later - earlier for earlier, later in zip(told.values(), list(told.values())[1:], strict=False)]
    assert [step >= 3600_000_000 for step in steps] == [False, False, True, False, False]
    assert {outcome.verdict.fingerprint for outcome in outcomes} == {outcomes[0].verdict.fingerprint}


@pytest.mark.long
def test_a_clock_that_the_machine_lacks_makes_the_run_inconclusive(play: Play) -> None:
    scenario = queries("jump").set(machine__type="q35,hpet=off").faults(fault(ClockJump(), rendezvous=3))
    outcome = play(scenario)
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "HPET" in reason(outcome)


def test_a_starved_qemu_gets_its_share_and_all_of_the_host_afterwards(play: Play, tmp_path: Path) -> None:
    states = []

    def watch(ctx: Context) -> None:
        pid = getattr(ctx.target, "pid", 0)
        ctx.journal.listen(lambda event: states.append(proc_state(pid)) if event.kind == "fault.undone" else None)

    starved = fault(CpuStarvation(percent=10), marker="RAYOS_BUSY:UP", until=Until(host_s=0.7))
    scenario = ScenarioBuilder("starved", image=busy_guest(tmp_path)).boot().expect(none=["boom"], during=1.5)
    outcome = passed(play(scenario.faults(starved), on_start=watch))
    (measured,) = events(outcome, "cpu.starved")
    # It wants all: what it does not get because others have it too is told apart from what it is not given.
    ratios = measured.data["ratios"]
    assert 0 < ratios["vcpu_cpu_ratio"] + ratios["run_delay_ratio"] < 0.5, measured.data
    assert states == [state for state in states if state in ("R", "S")], states
    assert len(states) == 1


NEVER = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'
STARVED = '[[fault]]\nname = "hunger"\nwhen = { rendezvous = 1 }\ndo = { kind = "cpu-starvation", percent = 5 }\n'
FLIPPED = (
    '[[fault]]\nname = "flip"\nwhen = { rendezvous = 1 }\n'
    'do = { kind = "bit-flip", symbol = "integrity_block", back = true }\n'
)


def test_what_lasts_is_taken_back_when_the_run_is_interrupted(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(STARVED + FLIPPED + NEVER), "--json")
    live.until_event("fault.injected", name="flip")
    live.until_event("step.begin", do="expect")
    live.signal(signal.SIGINT)
    ended = live.finish()
    assert ended.code == EXIT_INTERRUPTED, ended
    assert live.children() == []
    told = {event.data["name"]: event.data["why"] for event in live.events() if event.kind == "fault.undone"}
    assert told == {"hunger": "the run is over", "flip": "the run is over"}
    (back,) = (event for event in live.events() if event.kind == "memory.back")
    assert back.data["restored"]


def test_a_starved_qemu_dies_with_a_harness_that_is_killed(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(STARVED + NEVER), "--json")
    live.until_event("step.begin", do="expect")
    assert live.children()
    live.signal(signal.SIGKILL)
    live.finish()
    live.until_childless()
