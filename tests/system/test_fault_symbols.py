"""Faults at a place in the guest's code."""

from __future__ import annotations

import pytest

from harness.engine.context import Context
from harness.errors import UsageError
from harness.judge.verdict import RunVerdict
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import BitFlip, ClientCrash, KillQemu, Nmi, Pause
from harness.scenario.faulting import Recovery
from harness.targets.gdbstub import GdbStub
from harness.targets.qemu import QemuTarget
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import CREATE, SECOND, cause, events, fault, journal, passed, reason

pytestmark = pytest.mark.system
TITLE_COLOUR = BitFlip(symbol="integrity_block", offset=20, bit=2)  # what is added to the colour of title bars


def desktop(name: str) -> ScenarioBuilder:
    return ScenarioBuilder(name, image="reference").boot().command(CREATE, "animate id=1 on=1", "frames n=6", SECOND)


@pytest.mark.long
def test_three_runs_of_a_fault_at_a_symbol_have_one_fingerprint(play: Play) -> None:
    plain = passed(play(desktop("plain").frames().check_frame("right")))
    outcomes = [
        play(desktop("flip").frames().check_frame("wrong").faults(fault(TITLE_COLOUR, symbol="present", nth=4)))
        for _ in range(3)
    ]
    assert {cause(outcome) for outcome in outcomes} == {(Verdict.FAIL, "frame-mismatch")}, reason(outcomes[0])
    (print_,) = {outcome.verdict.fingerprint for outcome in outcomes}
    assert print_ is not None
    assert print_ != plain.verdict.fingerprint
    (flipped,) = {str(events(outcome, "fault.injected")[0].data["done"]) for outcome in outcomes}
    assert "'before': 0, 'after': 4" in flipped


def test_a_fault_at_a_symbol_of_the_boot_comes_before_the_guest_says_a_word(play: Play) -> None:
    outcome = passed(play(desktop("early").check_frame("right").faults(fault(Pause(host_s=0.01), symbol="trap_init"))))
    kinds = [event.kind for event in journal(outcome)]
    assert kinds.index("fault.injected") < kinds.index("serial")
    assert events(outcome, "fault.injected")[0].guest_us == 0


@pytest.mark.long
def test_later_hits_of_a_symbol_repeat_the_fault_and_are_told_among_the_markers_where_they_were(play: Play) -> None:
    again = fault(Pause(host_s=0.01), symbol="clients_left", nth=1, times=2, every=1)
    scenario = desktop("twice").command("destroy id=1", "destroy id=2", "frames n=1").check_frame("empty").faults(again)
    outcome = passed(play(scenario))
    order = [
        event.data.get("n") or event.data["payload"]
        for event in journal(outcome)
        if event.kind == "fault.injected" or (event.kind == "control.send" and "destroy" in event.data["payload"])
    ]
    assert order == ["destroy id=1", 1, "destroy id=2", 2]


def test_a_fault_at_a_symbol_may_come_while_another_waits_for_the_guest(play: Play) -> None:
    scenario = desktop("both").check_frame("right")
    scenario.faults(
        fault(ClientCrash(id=1), rendezvous=5, recover=Recovery(markers=())),
        fault(TITLE_COLOUR, symbol="task_died"),
    )
    outcome = passed(play(scenario))
    begun = [event.data["name"] for event in journal(outcome) if event.kind in ("fault.begin", "fault.injected")]
    assert begun == ["client-crash", "bit-flip", "bit-flip", "client-crash"]


@pytest.mark.long
def test_a_kill_at_a_symbol_begins_a_new_boot_in_which_later_hits_count_on(play: Play) -> None:
    scenario = desktop("kill").faults(
        fault(KillQemu(), symbol="trap_init"), fault(Pause(host_s=0.01), symbol="kernel_main", nth=2)
    )
    outcome = passed(play(scenario.check_frame("right")))
    assert outcome.verdict.epochs == 2
    names = [event.data["name"] for event in events(outcome, "fault.injected")]
    assert names == ["pause", "kill-qemu"]


def test_a_symbol_that_is_never_reached_makes_the_run_inconclusive(play: Play) -> None:
    outcome = play(desktop("never").check_frame("right").faults(fault(Nmi(), symbol="server_restart")))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-never-fired")


@pytest.mark.parametrize(
    "wrong", [fault(Nmi(), symbol="presentt"), fault(BitFlip(symbol="presentt"), rendezvous=1)], ids=["when", "do"]
)
def test_an_unknown_symbol_is_refused_before_anything_runs(play: Play, wrong: object) -> None:
    with pytest.raises(UsageError, match=r"'presentt'.*did you mean 'present'"):
        play(desktop("typo").faults(wrong))  # type: ignore[arg-type]


@pytest.mark.long
def test_a_run_that_is_paused_leaves_the_gdbstub_to_the_person(play: Play) -> None:
    """`--pause-on-fail` holds the guest by this; what it does then is disarming."""
    seen = []

    async def hold(ctx: Context, verdict: RunVerdict) -> None:
        assert isinstance(ctx.target, QemuTarget)
        assert ctx.target.debugger is not None
        assert ctx.target.gdb_socket is not None
        await ctx.qmp.execute("stop")
        await ctx.target.debugger.disarm(go=False)
        stub = await GdbStub.connect(ctx.target.gdb_socket)
        seen.append((await stub.registers()).pc)
        await stub.close()

    faults = (fault(TITLE_COLOUR, symbol="present", nth=4), fault(Pause(host_s=0.01), symbol="trap_init"))
    scenario = desktop("paused").frames().check_frame("wrong").faults(*faults)
    assert cause(play(scenario, on_fail=hold, gdb=True))[1] == "frame-mismatch"
    assert seen
    assert seen[0] > 0
