"""What a campaign rests on: anything that changed since it was begun is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.inputs import describe, differences
from harness.engine.options import Planned
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot, CheckFrame, FindClick
from harness.targets.profile import Boot as BootShape
from harness.targets.profile import Disk, Guest, Machine, Profile

FILES = ("kernel.elf", "disk.img", "markers.toml", "goldens/desk.png", "goldens/desk.mask.toml", "button.png")


@pytest.fixture
def planned(tmp_path: Path) -> list[Planned]:
    """One scenario, for which each of FILES is read."""
    (tmp_path / "goldens").mkdir()
    for name in FILES:
        (tmp_path / name).write_text(name)
    (tmp_path / "goldens/desktop.png").write_text("of another check")
    profile = Profile(
        name="own",
        boot=BootShape(kernel=tmp_path / "kernel.elf"),
        machine=Machine(disks=(Disk(file=tmp_path / "disk.img"),)),
        guest=Guest(schema=tmp_path / "markers.toml"),
    )
    steps = (Boot(), CheckFrame(name="desk", against="golden"), FindClick(picture=Path("button.png")))
    return [Planned(Scenario(name="s", steps=steps, folder=tmp_path), profile, "wall")]


def _said(before: list[Planned], now: list[Planned], turns: int = 1) -> list[str]:
    return differences(describe(before, [1] * len(before)), describe(now, [turns] * len(now)))


def test_the_same_inputs_do_not_differ_and_each_file_that_is_read_is_known(
    planned: list[Planned], tmp_path: Path
) -> None:
    assert _said(planned, planned) == []
    (entry,) = describe(planned, [1])
    assert sorted(entry["inputs"]) == sorted(str(tmp_path / name) for name in FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_file_that_is_another_one_is_named(name: str, how: str, planned: list[Planned], tmp_path: Path) -> None:
    before = describe(planned, [1])
    (tmp_path / name).write_text("another") if how == "changed" else (tmp_path / name).unlink()
    assert differences(before, describe(planned, [1])) == [f"{tmp_path / name} is another one"]


def test_a_file_of_an_efi_directory_is_an_input(planned: list[Planned], tmp_path: Path) -> None:
    esp = tmp_path / "esp"
    (esp / "EFI").mkdir(parents=True)
    (esp / "EFI/a.efi").write_text("a")
    uefi = replace(planned[0].profile, boot=BootShape(shape="uefi", esp=esp))
    booted = [replace(planned[0], profile=uefi)]
    before = describe(booted, [1])
    (esp / "EFI/a.efi").write_text("b")
    assert differences(before, describe(booted, [1])) == [f"{esp}/EFI/a.efi is another one"]
    shutil.rmtree(esp)
    assert f"{esp}/EFI/a.efi is another one" in differences(before, describe(booted, [1]))


def test_another_scenario_profile_clock_or_number_of_turns_is_named(planned: list[Planned]) -> None:
    (item,) = planned
    longer = replace(item, scenario=replace(item.scenario, timeout=5.0))
    assert _said(planned, [longer]) == ["the scenario s says something else (made by a program)"]
    larger = replace(item, profile=replace(item.profile, machine=replace(item.profile.machine, memory_mb=64)))
    assert _said(planned, [larger]) == ["the profile of the image own says something else"]
    elsewhere = replace(item, profile=replace(item.profile, name="other"))
    assert _said(planned, [elsewhere]) == ["the scenario s boots other, and booted own"]
    assert _said(planned, [replace(item, clock="virtual")]) == [
        "the scenario s runs on the virtual clock, and ran on wall"
    ]
    assert _said(planned, planned, turns=2) == ["the scenario s is played 2 times, and was 1"]


def test_scenarios_that_came_went_or_changed_places_are_named(planned: list[Planned]) -> None:
    (item,) = planned
    other = replace(item, scenario=replace(item.scenario, name="t"))
    assert _said(planned, [other]) == ["the scenario s is gone", "the scenario t is new"]
    assert _said([item, other], [other, item]) == ["the scenarios come in another order"]
    assert _said([item, item], [item]) == ["there were 2 scenarios, and now there are 1"]
