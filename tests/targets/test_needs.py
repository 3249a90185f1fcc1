"""Whether an image can be booted as it is, and what the user is told if not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets.loader import image_files, load_profile
from harness.targets.needs import Readiness, build_command, require, status
from harness.targets.profile import Boot, Build, Disk, Machine, Profile


def image(folder: Path, **boot: object) -> Profile:
    """An image that `make` builds from *.c into build/kernel.elf."""
    keys = {"kernel": folder / "build/kernel.elf", **boot}
    build = Build(command=("make",), inputs=("*.c", "include/**/*.h"))
    return Profile(name="toy", boot=Boot(**keys), build=build, folder=folder)  # type: ignore[arg-type]


def write(path: Path, age_s: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (1_700_000_000 - age_s, 1_700_000_000 - age_s))


def test_an_image_is_not_built_until_every_file_of_its_build_is_there(tmp_path: Path) -> None:
    toy = image(tmp_path, initrd=tmp_path / "build/initrd")
    write(tmp_path / "build/kernel.elf", 0)
    assert status(toy).readiness is Readiness.NOT_BUILT
    assert "build/initrd" in status(toy).reason
    assert "build/kernel.elf" not in status(toy).reason
    write(tmp_path / "build/initrd", 0)
    assert status(toy).readiness is Readiness.READY


@pytest.mark.parametrize("source", ["main.c", "include/deep/types.h"])
def test_an_image_older_than_one_of_its_inputs_is_stale_and_says_which(tmp_path: Path, source: str) -> None:
    toy = image(tmp_path)
    write(tmp_path / "build/kernel.elf", 60)
    write(tmp_path / source, 61)
    assert status(toy).readiness is Readiness.READY
    write(tmp_path / source, 59)
    assert status(toy).readiness is Readiness.STALE
    assert source in status(toy).reason


def test_a_file_that_no_input_pattern_names_makes_nothing_stale(tmp_path: Path) -> None:
    write(tmp_path / "build/kernel.elf", 60)
    write(tmp_path / "notes.txt", 0)
    assert status(image(tmp_path)).readiness is Readiness.READY


def test_the_oldest_file_of_an_efi_directory_counts(tmp_path: Path) -> None:
    toy = image(tmp_path)
    toy = replace(toy, boot=Boot(shape="kernel", kernel=None, esp=tmp_path / "build/esp"))
    write(tmp_path / "build/esp/EFI/BOOT/BOOTX64.EFI", 60)
    write(tmp_path / "build/esp/readme", 0)
    write(tmp_path / "main.c", 30)
    assert status(toy).readiness is Readiness.STALE


def test_a_stale_image_may_be_booted_and_one_that_is_not_built_may_not(tmp_path: Path) -> None:
    toy = image(tmp_path)
    with pytest.raises(UsageError, match="cannot boot: there is no kernel") as caught:
        require(toy)
    assert caught.value.hint == f"build it: harness image build {tmp_path / 'toy.toml'}"
    write(tmp_path / "build/kernel.elf", 60)
    write(tmp_path / "main.c", 0)
    require(toy)


def test_a_file_of_the_host_that_is_not_there_names_its_package(tmp_path: Path) -> None:
    absent = tmp_path / "elsewhere/memtest.bin"
    profile = Profile(name="m", boot=Boot(kernel=absent), build=Build(packages=("memtest86+",)), folder=tmp_path / "m")
    found = status(profile)
    assert found == (
        Readiness.MISSING,
        f"there is no kernel {absent}",
        "install the Debian package: apt-get install memtest86+",
    )
    with pytest.raises(UsageError, match="there is no kernel"):
        require(profile)


def test_a_build_is_not_offered_for_what_it_does_not_make(tmp_path: Path) -> None:
    disk = Disk(file=tmp_path / "elsewhere/data.img")
    toy = replace(image(tmp_path / "toy"), machine=Machine(disks=(disk,)))
    write(tmp_path / "toy/build/kernel.elf", 0)
    assert status(toy).readiness is Readiness.MISSING
    assert status(toy).hint == ""


def test_firmware_named_by_a_path_is_looked_for_and_qemus_own_is_not(tmp_path: Path) -> None:
    def firmware(bios: str) -> Profile:
        return Profile(name="f", boot=Boot(shape="firmware"), machine=Machine(bios=bios), folder=tmp_path)

    assert status(firmware("qboot.rom")).readiness is Readiness.READY
    assert status(firmware(str(tmp_path / "u-boot.bin"))).readiness is Readiness.MISSING


def test_uefi_without_its_firmware_on_the_host_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.targets.firmware.TABLE", {"aarch64": ()})
    profile = Profile(name="u", boot=Boot(shape="uefi"), machine=Machine(arch="aarch64", type="virt"), folder=tmp_path)
    found = status(profile)
    assert found.readiness is Readiness.MISSING
    assert "qemu-efi-aarch64" in found.hint


def test_a_shipped_image_is_built_by_name_and_another_by_its_profile(tmp_path: Path) -> None:
    shipped = load_profile(image_files()["debian-linux"])
    assert build_command(shipped) == "harness image build debian-linux"
    namesake = replace(shipped, folder=tmp_path)
    assert build_command(namesake) == f"harness image build {tmp_path / 'debian-linux.toml'}"
