"""What can be wrong with an image profile although every key is of the right type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.targets.profile import SHAPE_KEYS, Boot, Disk, Profile
from harness.toml import Problem

_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")  # what QEMU takes for an id
_OWN_IDS = frozenset({"esp", "cdrom", "console", "control", "qmp", "gdb"})


def problems(profile: Profile) -> Iterator[Problem]:
    """Everything that contradicts itself, each with its place."""
    if not profile.name:
        yield Problem(("name",), "name: should not be empty")
    yield from _boot(profile)
    yield from _machine(profile)
    yield from _disks(profile)


def _boot(profile: Profile) -> Iterator[Problem]:
    boot, machine = profile.boot, profile.machine
    needed, allowed = SHAPE_KEYS[boot.shape]
    empty = Boot()
    for key in Boot.__dataclass_fields__:
        given = getattr(boot, key) != getattr(empty, key)
        if key in needed and not given:
            yield Problem(("boot",), f"the key {key!r} is missing in [boot]: shape {boot.shape!r} needs it")
        if given and key not in {"shape", "symbols"} and key not in needed | allowed:
            yield Problem(("boot", key), f"boot.{key}: shape {boot.shape!r} has no such key")
    if boot.shape == "firmware" and machine.bios is None:
        yield Problem(("machine",), "the key 'bios' is missing in [machine]: shape 'firmware' boots what it names")
    if boot.shape == "uefi" and machine.bios is not None:
        yield Problem(("machine", "bios"), "machine.bios: shape 'uefi' has firmware of its own (boot.firmware_code)")
    if boot.plan and (not profile.clock.plan or (boot.shape == "kernel" and boot.initrd is None)):
        yield Problem(("boot", "plan"), "boot.plan: the image takes none (clock.plan = true and an initrd say so)")
    for command in boot.plan:
        if not command.isprintable() or not command.isascii():
            yield Problem(("boot", "plan"), f"boot.plan: {command!r} is no control command: printable ASCII is")
    if boot.shape in {"disk", "cdrom"} and machine.arch == "aarch64" and machine.bios is None:
        yield Problem(("boot", "shape"), f"boot.shape: aarch64 boots a {boot.shape} through firmware: use shape 'uefi'")


def _machine(profile: Profile) -> Iterator[Problem]:
    machine, guest, clock = profile.machine, profile.guest, profile.clock
    for key, value, low, high in (
        ("cpus", machine.cpus, 1, 1024),
        ("memory_mb", machine.memory_mb, 1, 1 << 30),
    ):
        if not low <= value <= high:
            yield Problem(("machine", key), f"machine.{key}: should be {low} to {high}, not {value}")
    if not 0 <= clock.shift <= 10:  # QEMU's own bound
        yield Problem(("clock", "shift"), f"clock.shift: should be 0 to 10, not {clock.shift}")
    if profile.default_clock == "virtual" and machine.cpus != 1:
        yield Problem(("machine", "cpus"), "machine.cpus: a guest on the virtual clock (rendezvous, plan) has one CPU")
    if machine.arch == "aarch64":
        if machine.type in {"q35", "pc"}:
            yield Problem(("machine", "type"), f"machine.type: {machine.type!r} is no machine of aarch64: use 'virt'")
        if guest.exit_device:
            yield Problem(("guest", "exit_device"), "guest.exit_device: isa-debug-exit is a device of x86_64")
        if guest.control == "com2":
            yield Problem(("guest", "control"), "guest.control: virt has one serial port: use 'virtserial' or 'inline'")


def _disks(profile: Profile) -> Iterator[Problem]:
    places: list[tuple[tuple[str | int, ...], Disk]] = []
    if profile.boot.disk is not None:
        places.append((("boot", "disk"), profile.boot.disk))
    places += [(("machine", "disks", index), disk) for index, disk in enumerate(profile.machine.disks)]
    counts = Counter(disk.id for _, disk in places if disk.id)
    for place, disk in places:
        if disk.id and (not _ID.fullmatch(disk.id) or disk.id in _OWN_IDS or disk.id.startswith("harness-")):
            yield Problem((*place, "id"), f"disk id {disk.id!r}: is taken, or no letter followed by letters and digits")
        if counts[disk.id] > 1:
            yield Problem((*place, "id"), f"disk id {disk.id!r} is used twice")
        if disk.interface == "none" and not disk.id:
            yield Problem(place, "a disk with interface 'none' needs an id, by which machine.devices can name it")
