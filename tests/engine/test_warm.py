"""Which scenarios can start from a snapshot, and what is said of the others."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engine.warm import Starts, why_cold
from harness.scenario.model import Responder, Scenario
from harness.scenario.steps import Boot, Frames
from harness.targets.profile import Boot as ImageBoot
from harness.targets.profile import Disk, Guest, Machine, Profile

PROFILE = Profile(name="p", boot=ImageBoot(kernel=Path("/k")), guest=Guest(ready="login:"))
SCENARIO = Scenario(name="s", steps=(Boot(), Frames(ticks=1)))


def test_a_scenario_that_boots_to_readiness_starts_warm() -> None:
    assert why_cold(SCENARIO, PROFILE, "virtual") == ""
    assert why_cold(SCENARIO, PROFILE, "wall", "login:") == ""
    assert why_cold(replace(SCENARIO, steps=(Boot(until="up"),)), PROFILE, "wall", "up") == ""


@pytest.mark.parametrize(
    ("scenario", "machine", "clock", "why"),
    [
        ({"steps": ()}, {}, "wall", "first step"),
        ({"steps": (Boot(until="up"),)}, {}, "wall", "waits for up, and the snapshot is made at login:"),
        ({"respond": (Responder(when="x", send="y"),)}, {}, "wall", "responders"),
        ({}, {"disks": (Disk(file=Path("/d.img"), persist=True),)}, "wall", "d.img keeps what is written"),
        ({}, {"extra": ("-drive", "file=/x")}, "wall", "-drive of machine.extra"),
        ({}, {}, "record", "the clock record begins with the boot"),
    ],
)
def test_what_cannot_start_warm_says_why(scenario: Any, machine: Any, clock: str, why: str) -> None:
    profile = replace(PROFILE, machine=Machine(**machine))
    assert why in why_cold(replace(SCENARIO, **scenario), profile, clock, "login:")


def test_an_efi_directory_and_an_image_without_a_point_are_played_cold() -> None:
    efi = replace(PROFILE, boot=ImageBoot(shape="uefi", esp=Path("/efi")))
    assert "directory" in why_cold(SCENARIO, efi, "wall")
    assert "first byte" in why_cold(SCENARIO, replace(PROFILE, guest=Guest()), "wall")


def test_extra_words_that_give_the_guest_no_state_do_not_matter() -> None:
    profile = replace(PROFILE, machine=Machine(extra=("-smbios", "type=1,product=drive")))
    assert why_cold(SCENARIO, profile, "wall") == ""


def test_what_runs_start_from_can_be_sent_to_a_worker_process() -> None:
    from harness.engine.warm import _name

    starts = Starts({_name(SCENARIO): "it has faults"})
    there = pickle.loads(pickle.dumps(starts))
    assert there.notes(pickle.loads(pickle.dumps(SCENARIO))) == ("played cold: it has faults",)
    assert there.snapshot(SCENARIO) is None
    assert there.notes(replace(SCENARIO, seed=2)) == ()
