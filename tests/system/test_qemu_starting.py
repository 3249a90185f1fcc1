"""QEMU started by us: what is connected, what is refused, whose fault it is. Guests of 512 bytes."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import LabError, UsageError
from harness.evidence.journal import Journal
from harness.targets.argv import Launch
from harness.targets.launcher import StartupError
from harness.targets.profile import Boot, Disk, Guest, Machine, Profile
from harness.targets.qemu import QemuTarget

from .machines import Start, run
from .sectors import (
    ECHO,
    IDLE,
    LEAVE,
    image,
    profile,
    sector,
)

pytestmark = pytest.mark.system


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_every_byte_is_read_and_the_guests_own_exit_is_told(start: Start, clock: str) -> None:
    async def main() -> None:
        async with start(LEAVE, clock=clock) as machine:
            assert (await machine.qmp.execute("query-status"))["status"] == "prelaunch"
            await machine.target.go()
            assert await machine.rest() == b"hello\r\n"
            ended = await machine.target.wait_exit()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (99, False, None)
            assert await machine.target.stop() == ended
            begin = next(event for event in machine.events if event.kind == "target.start")
            assert begin.data["qemu"][0].isdigit()
            assert begin.data["argv"][0] == "qemu-system-x86_64"
            assert (begin.data["clock"], begin.data["accel"], begin.data["life"]) == (clock, "tcg", 1)

    run(main())


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_the_console_takes_input_on_both_clocks(start: Start, clock: str) -> None:
    async def main() -> None:
        async with start(ECHO, clock=clock) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            for byte in b"HAL":
                await machine.target.console.write(bytes([byte]))
                assert await machine.until(bytes([byte + 1]))
            await machine.target.console.write(b".")
            assert (await machine.target.wait_exit()).returncode == 99

    run(main())


def refused(what: Profile, tmp_path: Path, **launch: Any) -> UsageError | LabError:
    async def main() -> UsageError | LabError:
        journal = Journal(tmp_path / "refused.jsonl")
        target = QemuTarget(what, Launch(**launch))
        with pytest.raises((UsageError, LabError)) as caught:
            await target.start(journal)
        assert (await target.stop()).returncode in {None, 1}
        assert target._directory is None
        journal.close()
        return caught.value

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": ("-no-such-option",)}, "-no-such-option: invalid option"),
        ({"devices": ("no-such-device",)}, "'no-such-device' is not a valid device model name"),
        ({"type": "no-such-machine"}, "unsupported machine type"),
        ({"cpu": "no-such-cpu"}, "unable to find CPU model 'no-such-cpu'"),
        ({"bios": "no-such.rom"}, "could not load PC BIOS 'no-such.rom'"),
    ],
)
def test_an_option_that_qemu_refuses_is_the_users_error_in_qemus_words(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    guest = profile(image(tmp_path, sector(LEAVE)))
    error = refused(replace(guest, machine=replace(guest.machine, **change)), tmp_path)
    assert isinstance(error, StartupError)
    assert message in error.what
    assert message in error.stderr
    assert error.returncode == 1
    assert error.command[0] == "qemu-system-x86_64"
    assert "qemu-system-x86_64" in error.hint


def test_a_kernel_that_is_none_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"no kernel" * 1000)
    error = refused(Profile(name="k", boot=Boot(kernel=tmp_path / "kernel")), tmp_path)
    assert isinstance(error, StartupError)


def test_an_image_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    error = refused(profile(tmp_path / "missing.img"), tmp_path)
    assert isinstance(error, UsageError)
    assert "missing.img" in error.what


def test_what_the_host_cannot_do_is_the_labs_fault(tmp_path: Path) -> None:
    guest = profile(image(tmp_path, sector(LEAVE)), machine=Machine(memory_mb=1 << 28))
    error = refused(guest, tmp_path)
    assert isinstance(error, LabError)
    assert "Cannot allocate memory" in error.what


def test_a_disk_that_another_machine_writes_is_the_labs_fault(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(IDLE))

    async def main() -> None:
        async with start(profile(disk, persist=True)):
            target = QemuTarget(profile(disk, persist=True))
            with pytest.raises(LabError, match="lock"):
                await target.start(Journal(tmp_path / "second.jsonl"))

    run(main())


def test_commas_and_spaces_in_names_are_no_matter(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(LEAVE), "a, b=c.img")

    async def main() -> None:
        async with start(profile(disk)) as machine:
            await machine.target.go()
            assert await machine.rest() == b"hello\r\n"

    run(main())


def test_every_disk_interface_and_a_qcow2_disk_are_accepted(tmp_path: Path, start: Start) -> None:
    raw = image(tmp_path, sector(LEAVE))
    qcow2 = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(qcow2), "1M"], check=True)
    disks = tuple(Disk(file=raw, interface=interface) for interface in ("virtio", "ide", "scsi"))  # type: ignore[arg-type]
    machine = Machine(
        memory_mb=32,
        disks=(*disks, Disk(file=qcow2, format="qcow2"), Disk(file=raw, interface="none", id="own")),
        devices=("usb-ehci,id=usb", "usb-storage,drive=own"),
    )

    async def main() -> None:
        async with start(profile(raw, machine=machine)) as guest:
            await guest.target.go()
            assert await guest.rest() == b"hello\r\n"

    run(main())


def test_a_cd_is_in_its_drive(tmp_path: Path, start: Start) -> None:
    iso = image(tmp_path, b"")
    guest = Profile(name="cd", boot=Boot(shape="cdrom", cdrom=iso), guest=Guest(display=False))

    async def main() -> None:
        async with start(guest) as machine:
            blocks = await machine.qmp.execute("query-block")
            assert [block["device"] for block in blocks if block.get("inserted", {}).get("file") == str(iso)] == [
                "cdrom"
            ]

    run(main())


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_uefi_starts_with_private_variables_and_a_private_efi_directory(
    tmp_path: Path, start: Start, arch: Any
) -> None:
    (tmp_path / "esp/EFI/BOOT").mkdir(parents=True)
    (tmp_path / "esp/EFI/BOOT/BOOTX64.EFI").write_bytes(b"no program")
    guest = Profile(
        name="u",
        boot=Boot(shape="uefi", esp=tmp_path / "esp"),
        machine=Machine(arch=arch, type="q35" if arch == "x86_64" else "virt"),
    )

    async def main() -> None:
        async with start(guest) as machine:
            directory = machine.target._directory.path
            files = [
                block["inserted"]["file"] for block in await machine.qmp.execute("query-block") if "inserted" in block
            ]
            assert str(directory / "efi-vars.fd") in files
            assert not any(str(tmp_path / "esp") in file for file in files)

    run(main())
