"""The chaos scenarios about disks: what they prove, and that they fail once it is not so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario.faulting import Plan
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import Command, Expect, Step
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import cause, events, passed

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "scenarios/chaos"


def scenario(name: str) -> Scenario:
    (found,) = collect([FOLDER / f"{name}.toml"])
    return found


def lying(chosen: Scenario, lie: str) -> Scenario:
    """The same on the zoo build, with that defect."""
    zoo = {"boot.kernel": "build/reference-zoo.elf", "boot.cmdline": f"control=com2 lie={lie}"}
    return replace(chosen, set={**chosen.set, **zoo})


def shorter(chosen: Scenario) -> Scenario:
    """Without its power cut, the commands that are refused, and whatever else looks at its records."""
    assert chosen.faults is not None
    faults = tuple(fault for fault in chosen.faults.fault if fault.do.kind != "power-cut")

    def steps() -> Iterator[Step]:
        for step in chosen.steps:
            if not isinstance(step, (Command, Expect)):
                yield step
            elif isinstance(step, Command) and not step.refused:
                sent = (step.send,) if isinstance(step.send, str) else step.send
                yield replace(step, send=tuple(text for text in sent if "do=read" not in text))

    return replace(chosen, faults=Plan(fault=faults), steps=tuple(steps()))


@pytest.mark.long
def test_with_the_disk_gone_for_ten_seconds_no_acknowledged_record_is_lost(play: Play) -> None:
    outcome = passed(play(scenario("disk-gone")))
    gone, _ = outcome.verdict.faults
    assert gone["undone"] - gone["at"] >= 9_000_000
    assert gone["recovered"] - gone["undone"] < 5_000_000
    assert [event.data["acknowledged"] for event in events(outcome, "disk.log")][-1] == 64
    (failed,) = events(outcome, "disk.failed")
    assert failed.data["requests"] > 10  # the guest tried again and again


def test_a_full_disk_and_a_full_log_are_told_and_got_over(play: Play) -> None:
    outcome = passed(play(scenario("disk-full")))
    no_space, small_log = outcome.verdict.faults
    assert "RAYOS_FAILURE:DETECTED:disk_write:0" in no_space["evidence"]
    assert "RAYOS_FAILURE:DETECTED:disk_full:0" in small_log["evidence"]


@pytest.mark.long
def test_a_guest_that_drops_a_record_while_the_disk_is_gone_is_caught_from_outside(play: Play) -> None:
    outcome = play(lying(shorter(scenario("disk-gone")), "lost_write"))
    assert cause(outcome) == (Verdict.FAIL, "not-recovered")


@pytest.mark.long
def test_the_disk_scenarios_are_the_same_each_time(play: Play) -> None:
    for name in ("disk-gone", "disk-full"):
        assert len({passed(play(scenario(name))).verdict.fingerprint for _ in range(2)}) == 1
