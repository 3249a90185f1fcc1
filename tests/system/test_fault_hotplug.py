"""A disk that is taken from the machine's bus and put back, seen by a guest that only knows PCI hot-plugging."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import LabError
from harness.faults.act import World, act_of
from harness.faults.streams import Stream
from harness.scenario.fault_kinds import DiskUnplug
from harness.targets.profile import Boot, Disk, Guest, Machine, Profile
from harness.targets.served_disk import ServedDisk

from .machines import Start, Started, run
from .sectors import IDLE, image, sector

pytestmark = pytest.mark.system

# QEMU's ACPI hot-plugging of the pc machine: which slots came and went on bus 0, and the port that lets one go.
EJECTS = """
        movw $0xae10, %dx
        xorl %eax, %eax
        outl %eax, %dx
1:      movw $0xae04, %dx
        inl %dx, %eax
        testl %eax, %eax
        jz 2f
        movw $0xae08, %dx
        outl %eax, %dx
        movb $'-', %al
        call putc
2:      movw $0xae00, %dx
        inl %dx, %eax
        testl %eax, %eax
        jz 1b
        movb $'+', %al
        call putc
        jmp 1b
"""
UNPLUG = DiskUnplug(disk="disk1", hot=True)


def machine(folder: Path, body: str) -> tuple[Profile, ServedDisk]:
    """A pc that boots *body* from its IDE disk, and has a virtio disk that we serve."""
    boot, other = image(folder, sector(body)), image(folder, b"other", "other.img")
    disks = (Disk(file=other),)
    profile = Profile(
        name="hot",
        boot=Boot(shape="disk", disk=Disk(file=boot, interface="ide")),
        machine=Machine(type="pc", memory_mb=32, disks=disks),
        guest=Guest(exit_device=True, display=False),
    )
    return profile, ServedDisk("disk1")


def world_of(machine: Started) -> World:
    target = machine.target
    return cast(World, SimpleNamespace(target=target, profile=target.profile, qmp=machine.qmp))


async def sizes(machine: Started) -> list[int]:
    """Bytes of the media of all virtio disks that are plugged in."""
    blocks: list[Any] = await machine.qmp.execute("query-block")
    return [b["inserted"]["image"]["virtual-size"] for b in blocks if "virtio" in b.get("qdev", "")]


def test_a_disk_goes_from_the_bus_and_comes_back_as_it_was(start: Start, tmp_path: Path) -> None:
    profile, disk = machine(tmp_path, EJECTS)

    async def main() -> None:
        async with start(profile, served=(disk,)) as m:
            await m.target.go()
            await m.until(b"hello\r\n")
            assert await sizes(m) == [1 << 20]
            for _ in range(2):
                done = await act_of("disk-unplug").inject(world_of(m), UNPLUG, Stream(1, "f"))
                await m.until(b"-")
                assert await sizes(m) == []
                await act_of("disk-unplug").undo(world_of(m), UNPLUG, done)
                await m.until(b"+")
                assert await sizes(m) == [1 << 20]
            before = disk.counts["read"]
            await m.qmp.hmp('qemu-io disk1-again "read 0 512"')
            assert disk.counts["read"] == before + 1

    run(main())


def test_a_guest_that_does_not_let_it_go_makes_it_impossible(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile, disk = machine(tmp_path, IDLE)
    monkeypatch.setattr("harness.faults.disks.host", lambda seconds: 0.2)

    async def main() -> None:
        async with start(profile, served=(disk,)) as m:
            await m.target.go()
            await m.until(b"hello\r\n")
            with pytest.raises(LabError, match="did not let the device of the disk disk1 go"):
                await act_of("disk-unplug").inject(world_of(m), UNPLUG, Stream(1, "f"))

    run(main())
