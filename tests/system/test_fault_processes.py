"""Faults of processes: QEMU is killed or frozen, the harness kills itself."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from harness.engine.context import Context
from harness.errors import UsageError
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import FreezeQemu, KillQemu
from harness.targets.process import proc_state
from harness.targets.qemu import QemuTarget

from .campaigns import Campaign
from .conftest import Play
from .faulted import CREATE, busy_guest, events, fault, guest_times, passed
from .live_harness import Harnesses

pytestmark = pytest.mark.system
BOTH_ENDS = ("fault.begin", "fault.injected")


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_killed_qemu_is_followed_by_another_on_the_same_disk(play: Play, clock: str) -> None:
    scenario = ScenarioBuilder("kill", image="reference-disk").boot()
    scenario.command("disk do=append data=first", "disk do=flush", CREATE, "disk do=read seq=1", "frames n=1")
    outcome = passed(play(scenario.check_frame("empty").faults(fault(KillQemu(), rendezvous=4)), clock=clock))
    (first, second) = events(outcome, "target.start")
    assert first.data["pid"] != second.data["pid"]
    assert proc_state(first.data["pid"]) == ""
    assert outcome.verdict.epochs == 2
    replies = [event.data["payload"] for event in events(outcome, "control.reply")]
    assert replies[3] == "ok data=first"
    assert "RAYOS_DISK:REPLAY:1:0" in (outcome.bundle.path / "serial.bin").read_text()


def test_a_frozen_qemu_goes_on_and_its_guests_clock_has_jumped(play: Play) -> None:
    length = 0.7
    scenario = ScenarioBuilder("freeze", image="reference").boot().command(CREATE, "frames n=1", "query", "query")
    outcome = passed(play(scenario.faults(fault(FreezeQemu(host_s=length), rendezvous=4)), clock="wall"))
    told = guest_times(outcome)
    assert told[4] - told[3] >= length * 1e6


def test_a_frozen_qemu_gets_no_time_at_all(play: Play, tmp_path: Path) -> None:
    length, seen = 0.7, []

    def watch(ctx: Context) -> None:
        assert isinstance(ctx.target, QemuTarget)
        target = ctx.target
        ctx.journal.listen(lambda event: seen.append(target.host_sample()) if event.kind in BOTH_ENDS else None)

    frozen = fault(FreezeQemu(host_s=length), marker="RAYOS_BUSY:UP")
    scenario = ScenarioBuilder("frozen", image=busy_guest(tmp_path)).boot().expect(none=["boom"], during=1.5)
    passed(play(scenario.faults(frozen), on_start=watch))
    before, after = ([(t.cpu_ns, t.delay_ns) for t in sample.threads.values()] for sample in seen)
    wanted = [sum(now) - sum(then) for then, now in zip(before, after, strict=True)]  # ran, or waited for a CPU
    assert max(wanted) < length * 1e9 / 2, wanted


KILL = '[[fault]]\nname = "death"\nwhen = { rendezvous = 2 }\ndo = { kind = "kill-harness" }\n'
TALK = '[[step]]\ndo = "boot"\n[[step]]\ndo = "command"\nsend = ["query", "query"]\n'


def test_a_harness_that_kills_itself_leaves_a_journal_that_says_so_and_no_qemu(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(KILL + TALK), "--json")
    assert live.finish().code == -signal.SIGKILL
    live.until_childless()
    last = list(read_events(live.bundle / "journal.jsonl"))[-1]
    assert (last.kind, last.data["name"], last.data["fault"]) == ("fault.begin", "death", "kill-harness")
    again = harnesses.run("judge", live.bundle, "--json")
    (run,) = again.document["runs"]
    assert run["first_cause"].startswith("harness-died: ")


@pytest.mark.long
def test_a_campaign_that_was_killed_from_within_is_resumed_and_its_run_spared(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    campaign.add("before")
    campaign.add("death", KILL + TALK + '[[step]]\ndo = "check-frame"\nname = "right"\n')
    campaign.add("after")
    assert campaign.start().finish().code == -signal.SIGKILL
    ended = campaign.start().finish()
    assert ended.code == 0, ended
    runs = {run["scenario"]: run["verdict"] for run in ended.document["runs"]}
    assert runs == {"before": "PASS", "death": "PASS", "after": "PASS"}
    torn = [event for event in campaign.events() if event["kind"] == "run.torn"]
    assert len(torn) == 1


def test_a_target_without_a_process_of_ours_is_refused_a_fault_of_processes(play: Play) -> None:
    told = play(ScenarioBuilder("told", image="reference").boot("RAYOS_KIT:DESKTOP"))
    scenario = ScenarioBuilder("replayed", image="reference").boot("RAYOS_KIT:DESKTOP").expect("RAYOS_KIT:DESKTOP")
    with pytest.raises(UsageError, match=r"the fault .* \(freeze-qemu\) needs qmp"):
        play(scenario.faults(fault(FreezeQemu(), marker="RAYOS_KIT:BOOT")), target=told.bundle.path)
