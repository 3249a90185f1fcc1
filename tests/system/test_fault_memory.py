"""Faults of the guest's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import BitFlip, MemoryPressure
from harness.scenario.faulting import Recovery, Until
from harness.verdicts import Verdict

from .balloon_guest import DRIVER
from .conftest import Play
from .faulted import CREATE, SECOND, cause, events, fault, passed, reason
from .sectors import image, sector

pytestmark = pytest.mark.system
TITLE_COLOUR = {"symbol": "integrity_block", "offset": 20, "bit": 2}  # what is added to the colour of title bars


def test_the_guest_draws_with_the_flipped_bit_and_without_it_once_it_has_turned_back(play: Play) -> None:
    def scenario(until: Until, back: bool) -> ScenarioBuilder:
        drawn = (
            ScenarioBuilder("flip", image="reference").boot().command("query", CREATE, "frames n=1").check_frame("a")
        )
        return drawn.faults(fault(BitFlip(**TITLE_COLOUR, back=back), rendezvous=1, until=until))

    flipped = play(scenario(Until(), False))
    assert cause(flipped) == (Verdict.FAIL, "frame-mismatch")
    (done,) = events(flipped, "fault.injected")
    assert (done.data["done"]["before"], done.data["done"]["after"], done.data["done"]["bit"]) == (0, 4, 2)
    turned = passed(play(scenario(Until(rendezvous=1), True)))
    (back,) = events(turned, "memory.back")
    assert (back.data["found"], back.data["restored"]) == (4, True)


def test_a_bit_is_drawn_from_the_seed_and_a_guest_that_guards_its_memory_repairs_it(play: Play) -> None:
    anywhere = BitFlip(symbol="integrity_block", length=48)
    scenario = ScenarioBuilder("guarded", image="reference").boot().command("integrity on=1", CREATE, "frames n=2")
    scenario.faults(fault(anywhere, rendezvous=2, recover=Recovery(frames=True))).frames(3).command(
        SECOND, "frames n=1"
    )
    first, second = (passed(play(scenario.check_frame("right") if n == 0 else scenario)) for n in range(2))
    (a,), (b,) = events(first, "fault.injected"), events(second, "fault.injected")
    assert a.data["done"] == b.data["done"]
    assert first.verdict.fingerprint == second.verdict.fingerprint


@pytest.mark.long
def test_a_byte_that_the_guest_has_written_since_is_not_turned_back(play: Play) -> None:
    stamp = fault(BitFlip(symbol="commits_at", bit=0, back=True), rendezvous=3, until=Until(rendezvous=2))
    scenario = ScenarioBuilder("written", image="reference").boot().command(CREATE, "frames n=1", SECOND, "frames n=3")
    outcome = passed(play(scenario.check_frame("right").faults(stamp)))
    (back,) = events(outcome, "memory.back")
    assert not back.data["restored"]


def test_an_address_that_is_not_mapped_makes_the_run_inconclusive(play: Play) -> None:
    nowhere = fault(BitFlip(address=0x7FFF_FFFF_F000), rendezvous=1)
    outcome = play(ScenarioBuilder("nowhere", image="reference").boot().command("query").faults(nowhere))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "0x7ffffffff000" in reason(outcome)


def test_memory_pressure_without_a_balloon_makes_the_run_inconclusive(play: Play) -> None:
    pressed = fault(MemoryPressure(mb=16), rendezvous=1)
    outcome = play(ScenarioBuilder("pressed", image="reference").boot().command("query").faults(pressed))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "virtio-balloon" in reason(outcome)


@pytest.mark.long
def test_memory_pressure_on_a_guest_without_a_driver_makes_the_run_inconclusive(play: Play) -> None:
    pressed = fault(MemoryPressure(mb=16), rendezvous=1)
    scenario = ScenarioBuilder("pressed", image="reference").set(
        machine__devices=["VGA,romfile=", "virtio-balloon-pci"]
    )
    outcome = play(scenario.boot().command("query").faults(pressed))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "has it a driver" in reason(outcome)


def test_memory_pressure_takes_memory_from_the_guest_and_gives_it_back(play: Play, tmp_path: Path) -> None:
    disk = image(tmp_path, sector(DRIVER, banner="RAYOS_BALLOON:UP\\n"))
    (tmp_path / "balloon.toml").write_text(
        'version = 1\nname = "balloon"\n[boot]\nshape = "disk"\n'
        f'disk = {{ file = "{disk.name}", interface = "ide" }}\n[machine]\nmemory_mb = 64\n'
        'devices = ["virtio-balloon-pci,disable-modern=on"]\n[guest]\nready = "RAYOS_BALLOON:UP"\ndisplay = false\n'
    )
    pressed = fault(MemoryPressure(mb=8), marker="RAYOS_BALLOON:UP", until=Until(host_s=0.1))
    scenario = ScenarioBuilder("pressed", image=str(tmp_path / "balloon.toml")).boot()
    scenario.expect(order=["RAYOS_BALLOON:TAKEN", "RAYOS_BALLOON:GIVEN"], since="start")
    outcome = passed(play(scenario.faults(pressed)))
    told = [
        event.data["data"]["actual"] >> 20 for event in events(outcome, "qmp.event") if "BALLOON" in str(event.data)
    ]
    assert told == [56, 64]
