"""From an image profile and the decisions of a run to QEMU's command line, as typed options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError
from harness.targets.profile import Profile
from harness.targets.rr import HEARTBEAT_US, Log, refuse_recording, with_blkreplay

if TYPE_CHECKING:
    from harness.targets.served_disk import ServedDisk

_DEFAULT_CPU = {"x86_64": "qemu64", "aarch64": "cortex-a57"}
_DISK_DEVICES = {"virtio": "virtio-blk-pci", "ide": "ide-hd", "scsi": "scsi-hd"}
_DISPLAYS = ("VGA", "vga", "ramfb", "bochs-display", "virtio-gpu", "qxl")  # parts of the names of display devices
EXIT_PORT = 0x501  # of isa-debug-exit, in bytes 0x501-0x504
PROOF_PORT, PROOF_IRQ = 0x3E8, 5  # COM3, on a line that neither COM1, COM2 nor the PCI bus uses
QBOOT = "qboot.rom"
CONTROL_NAME = "org.rayos.control"  # of the virtserialport with the control frames, by which the guest finds it
_RAM = "harness-ram"
# Host threads take over a virtio queue by ioeventfd: the instant at which they do is the host's, not the guest's.
_VIRTIO = ("virtio-blk-pci", "virtio-scsi-pci", "virtio-serial-pci", "virtio-net-pci")


Value = str | int | bool | Path | None


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `-name`, `-name text` as it stands, or `-name head,key=value,…` with commas in values doubled."""

    name: str
    text: str | None = None
    values: tuple[tuple[str, Value], ...] = ()

    def words(self) -> list[str]:
        """The argv words. Truth values are `on` and `off`; a value of None is left out."""
        parts = [f"{key}={_shown(value)}" for key, value in self.values if value is not None]
        if self.text is not None:
            parts.insert(0, self.text)
        return [f"-{self.name}", ",".join(parts)] if parts else [f"-{self.name}"]


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace(",", ",,")  # QEMU's option parser takes two for one that belongs to the value


def _keyed(name: str, head: str | None, /, **values: Value) -> Option:
    """An option with keys; those that are not Python words are given as `**{"a.b": …}`."""
    return Option(name, head, tuple(values.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """A network card whose wire the harness holds. `plug` gives a datagram socket for QEMU's end: one for each life."""

    id: str
    mac: str
    plug: Callable[[], socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPort:
    """A virtserialport whose host's end its owner holds. `plug` gives a socket for QEMU's end: one for each life."""

    name: str  # by which the guest finds it
    plug: Callable[[], socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a run decides beside the profile."""

    clock: Literal["virtual", "wall", "record"] = "wall"
    accel: Literal["auto", "tcg", "kvm"] = "tcg"
    seed: int = 1
    keep: bool = True  # a machine that reset or died is kept, stopped, for the post mortem; False: it reboots, it goes
    vnc: bool = False  # a VNC server on the loopback interface, on a free port
    gdb: bool = False  # a gdbstub on a socket in the run directory
    share_console: bool = False  # a socket in the run directory on which a person can join the console
    prove: bool = False  # the guest waits after each frame until it was looked at
    nics: tuple[Nic, ...] = ()
    ports: tuple[GuestPort, ...] = ()
    served: tuple[ServedDisk, ...] = ()  # disks whose requests pass through us: of a plan with faults of disks
    blocks: tuple[range, ...] = ()  # addresses within which QEMU's log tells what it translates
    log: Log | None = None  # in the clock `record`: what is written, or followed


@dataclass(frozen=True, slots=True)
class Ram:
    """A file that is the guest's memory: shared, it holds what the guest writes; else what it writes is its own."""

    file: Path
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What the harness has prepared for one life of the machine: file descriptors to inherit, and private files."""

    qmp: int
    console: int | Path  # a socket; in the virtual clock the path of a pair of files PATH.in and PATH.out
    control: int | None = None
    proof: int | None = None
    nics: tuple[int, ...] = ()  # one for each card of the launch
    ports: tuple[int, ...] = ()  # one for each port of the launch
    log: int | None = None  # write end of a pipe for QEMU's log
    gdb: Path | None = None
    firmware: tuple[Path, Path] | None = None  # UEFI code, and the private copy of its variables
    esp: Path | None = None  # the private copy
    initrd: Path | None = None  # the private copy with the plan
    disks: Mapping[Path, Path] = field(default_factory=dict)  # private copies of disks, by what they are copies of
    ram: Ram | None = None
    overlays: Mapping[str, Path] = field(default_factory=dict)  # qcow2 over a throw-away disk, by its drive: to keep
    # what is written to it, or, in a machine whose state comes in, to begin with that
    served: Mapping[str, int] = field(default_factory=dict)  # connections of disks that we serve, by their drives
    incoming: bool = False  # the machine's state comes by QMP's migrate-incoming

    def descriptors(self) -> list[int]:
        """Those that the child has to inherit."""
        wires = (*self.nics, *self.ports, *self.served.values())
        wanted = (self.qmp, self.console, self.control, self.proof, *wires, self.log)
        return [fd for fd in wanted if isinstance(fd, int)]


def qemu_argv(profile: Profile, launch: Launch, wires: Wires) -> list[str]:
    """The whole command line, program first.

    :raises UsageError: if profile and launch contradict each other.
    """
    options = [
        *_machine(profile, launch, wires),
        *_clock(profile, launch),
        *_record(profile, launch, wires),
        *_streams(profile, launch, wires),
        *_display(profile, launch),
        *_firmware(profile, wires),
        *_kernel(profile, launch, wires),
        *(_disks(profile, launch, wires) if launch.log is None else with_blkreplay(_disks(profile, launch, wires))),
        *_nics(launch, wires),
        *_ports(launch, wires),
    ]
    # The user's own words come last and as they are: QEMU's syntax is theirs.
    options += [Option("device", device) for device in profile.machine.devices]
    words = [word for item in options for word in item.words()]
    return [f"qemu-system-{profile.machine.arch}", *words, *profile.machine.extra]


def _drive(interface: str, /, **values: Value) -> Option:
    return Option("drive", None, (("if", interface), *values.items()))


def _machine(profile: Profile, launch: Launch, wires: Wires) -> Iterator[Option]:
    machine = profile.machine
    if not machine.defaults:
        yield Option("nodefaults")
        yield Option("no-user-config")
    ram = wires.ram
    if ram is None:
        yield Option("machine", machine.type)
    else:
        place: dict[str, Value] = {"id": _RAM, "size": f"{machine.memory_mb}M", "mem-path": ram.file}
        yield _keyed("object", "memory-backend-file", **place, share=ram.shared)
        yield _keyed("machine", machine.type, **{"memory-backend": _RAM})
    if wires.incoming:
        yield Option("incoming", "defer")
    yield Option("accel", launch.accel)
    yield Option("cpu", machine.cpu or ("host" if launch.accel == "kvm" else _DEFAULT_CPU[machine.arch]))
    yield Option("smp", str(machine.cpus))
    yield Option("m", str(machine.memory_mb))
    yield Option("S")
    if launch.keep:
        yield Option("no-reboot")
        yield Option("no-shutdown")
    if profile.guest.exit_device:
        yield _keyed("device", "isa-debug-exit", iobase=hex(EXIT_PORT), iosize=4)


def _clock(profile: Profile, launch: Launch) -> Iterator[Option]:
    yield Option("seed", str(launch.seed))
    if launch.clock != "virtual":
        return
    if launch.accel != "tcg":
        raise UsageError(f"the virtual clock needs TCG, not {launch.accel}", "use the wall clock, or accelerator tcg")
    if profile.machine.cpus != 1:
        raise UsageError(
            f"the virtual clock has one CPU, and the image {profile.name} wants {profile.machine.cpus}",
            "use the wall clock, or machine.cpus = 1",
        )
    # Each of shift=auto, sleep=on, the default RTC base and clock=host made runs differ.
    yield _keyed("icount", None, shift=profile.clock.shift, sleep=False)
    yield _keyed("rtc", None, base=profile.clock.rtc, clock="vm")
    for driver in _VIRTIO:
        yield _keyed("global", None, **{f"{driver}.ioeventfd": False})


def _record(profile: Profile, launch: Launch, wires: Wires) -> Iterator[Option]:
    if launch.clock != "record":
        return
    if launch.log is None or launch.nics or launch.accel != "tcg" or not isinstance(wires.console, Path):
        raise UsageError("the clock `record` takes TCG, no network card, and a place for its log")
    refuse_recording(profile)
    values: dict[str, Value] = {"rr": launch.log.mode, "rrfile": launch.log.file}
    yield _keyed("icount", None, shift=profile.clock.shift, **values)
    yield _keyed("rtc", None, base=profile.clock.rtc, clock="vm")
    for driver in _VIRTIO:
        yield _keyed("global", None, **{f"{driver}.ioeventfd": False})
    nowhere: dict[str, Value] = {"server": True, "addr.type": "unix", "addr.path": f"{wires.console}.heartbeat"}
    yield _keyed("netdev", "stream", id="harness-heartbeat", **nowhere)
    yield _keyed("object", "filter-buffer", id="heartbeat", netdev="harness-heartbeat", interval=HEARTBEAT_US)


def _streams(profile: Profile, launch: Launch, wires: Wires) -> Iterator[Option]:
    yield _keyed("chardev", "socket", id="qmp", fd=wires.qmp)
    yield _keyed("mon", None, chardev="qmp", mode="control")
    yield Option("monitor", "none")
    if isinstance(wires.console, int):
        yield _keyed("chardev", "socket", id="console", fd=wires.console)
    else:
        # Output into a plain file never waits for its reader, so virtual time cannot depend on it; input is a FIFO.
        yield _keyed("chardev", "pipe", id="console", path=wires.console)
    yield Option("serial", "chardev:console")
    if wires.control is not None:
        yield _keyed("chardev", "socket", id="control", fd=wires.control)
        if profile.guest.control == "com2":
            yield Option("serial", "chardev:control")
        else:
            yield _keyed("device", "virtio-serial-pci", id="harness-control")
            yield _keyed("device", "virtserialport", bus="harness-control.0", chardev="control", name=CONTROL_NAME)
    if wires.proof is not None:
        yield _keyed("chardev", "socket", id="proof", fd=wires.proof)
        # Not by -serial: that would give it COM1's interrupt, and an ISA line has one owner.
        yield _keyed("device", "isa-serial", chardev="proof", iobase=hex(PROOF_PORT), irq=PROOF_IRQ)
    if wires.log is not None:
        if launch.blocks:
            within = ",".join(f"{span.start:#x}..{span.stop - 1:#x}" for span in launch.blocks)
            yield Option("dfilter", within)
        # Each block is told when it is translated, which is once; `exec` would tell each time (14 GB in 200 s).
        # cpu_reset says "Triple fault" where there was one; only TCG does.
        yield Option("d", "cpu_reset,in_asm" if launch.blocks else "cpu_reset")
        yield Option("D", f"/dev/fd/{wires.log}")
    if wires.gdb is not None:
        yield _keyed("chardev", "socket", id="gdb", path=wires.gdb, server=True, wait=False)
        yield Option("gdb", "chardev:gdb")
    yield Option("display", "none")
    if launch.vnc:
        # Its address is set by QMP: with a range of ports (`to=`) here, QEMU 7.2 never starts a kernel through qboot.
        yield Option("vnc", "none")


def _display(profile: Profile, launch: Launch) -> Iterator[Option]:
    machine, guest = profile.machine, profile.guest
    has_own = any(name in device.split(",")[0] for device in machine.devices for name in _DISPLAYS)
    if guest.display and not has_own:
        if machine.arch == "aarch64":
            yield Option("device", "ramfb")
        elif not machine.defaults:
            # qboot runs no option ROMs; every other firmware needs the adapter's for its text and modes.
            yield _keyed("device", "VGA", romfile="" if machine.bios == QBOOT else None)
    if machine.arch == "aarch64" and guest.display and guest.input:  # the machine has neither keyboard nor pointer
        yield _keyed("device", "qemu-xhci", id="harness-usb")
        yield _keyed("device", "usb-kbd", bus="harness-usb.0")
        yield _keyed("device", "usb-tablet", bus="harness-usb.0")


def _firmware(profile: Profile, wires: Wires) -> Iterator[Option]:
    if profile.machine.bios is not None:
        yield Option("bios", profile.machine.bios)
    if wires.firmware is not None:
        code, variables = wires.firmware
        yield _drive("pflash", unit=0, format="raw", readonly=True, file=code)
        yield _drive("pflash", unit=1, format="raw", file=variables)


def _kernel(profile: Profile, launch: Launch, wires: Wires) -> Iterator[Option]:
    boot = profile.boot
    free = profile.guest.free_words if launch.clock == "wall" else ""
    words = " ".join(w for w in (boot.cmdline, free, profile.guest.prove_words if launch.prove else "") if w)
    if boot.kernel is not None:
        yield Option("kernel", str(boot.kernel))
    if boot.initrd is not None:
        yield Option("initrd", str(wires.initrd or boot.initrd))
    if words:
        yield Option("append", words)


def _nics(launch: Launch, wires: Wires) -> Iterator[Option]:
    for nic, wire in zip(launch.nics, wires.nics, strict=True):
        local: dict[str, Value] = {"local.type": "fd", "local.str": wire}
        yield _keyed("netdev", "dgram", id=f"{nic.id}-wire", **local)
        yield _keyed("device", "virtio-net-pci", netdev=f"{nic.id}-wire", id=nic.id, mac=nic.mac, romfile="")


def _ports(launch: Launch, wires: Wires) -> Iterator[Option]:
    if launch.ports:
        yield _keyed("device", "virtio-serial-pci", id="harness-ports")
    for port, wire in zip(launch.ports, wires.ports, strict=True):
        yield _keyed("chardev", "socket", id=port.name, fd=wire)
        yield _keyed("device", "virtserialport", bus="harness-ports.0", chardev=port.name, name=port.name)


def _ide_places(profile: Profile) -> Iterator[dict[str, Value]]:
    """Bus (and unit) of each IDE drive. By itself QEMU puts the second one on a bus of q35's that has room for one."""
    each = 1 if "q35" in profile.machine.type else 2
    for number in count():
        place: dict[str, Value] = {"bus": f"ide.{number // each}"}
        yield place | {"unit": number % each} if each > 1 else place


def _served(name: str, kind: str, wire: int) -> Option:
    place: dict[str, Value] = {"file.driver": "nbd", "file.server.type": "fd", "file.server.str": wire}
    return _drive("none", id=name, format=kind, **place)


def _disks(profile: Profile, launch: Launch, wires: Wires) -> Iterator[Option]:
    boot, arch = profile.boot, profile.machine.arch
    disks = [*([boot.disk] if boot.disk is not None else []), *profile.machine.disks]
    if any(disk.interface == "scsi" for disk in disks) or (boot.cdrom is not None and arch == "aarch64"):
        yield _keyed("device", "virtio-scsi-pci", id="harness-scsi")
    policies: dict[str, dict[str, Value]] = {d.name: {"werror": d.policy, "rerror": d.policy} for d in launch.served}
    order = 0
    ide = _ide_places(profile)
    if wires.esp is not None:
        served: dict[str, Value] = {"file.driver": "vvfat", "file.dir": wires.esp, "file.rw": True}
        yield _drive("none", id="esp", format="raw", **served)
        if arch == "aarch64":
            yield _keyed("device", "virtio-blk-pci", drive="esp", bootindex=order)
        else:
            yield _keyed("device", "ide-hd", drive="esp", **next(ide), bootindex=order)
        order += 1
    if boot.cdrom is not None:
        yield _drive("none", id="cdrom", media="cdrom", format="raw", readonly=True, file=boot.cdrom)
        if arch == "aarch64":
            yield _keyed("device", "scsi-cd", drive="cdrom", bootindex=order)
        else:
            yield _keyed("device", "ide-cd", drive="cdrom", **next(ide), bootindex=order)
        order += 1
    for index, disk in enumerate(disks):
        name = disk.id or f"disk{index}"
        overlay = wires.overlays.get(name)
        file, kind = (wires.disks.get(disk.file, disk.file), disk.format) if overlay is None else (overlay, "qcow2")
        if name in wires.served:
            yield _served(name, kind, wires.served[name])
        else:
            kept = disk.persist or (overlay is not None and not wires.incoming)
            # snapshot: writes go to a file that QEMU makes and unlinks at once, so that nothing can stay behind.
            yield _drive("none", id=name, format=kind, snapshot=not kept, file=file)
        if disk.interface != "none":
            place = next(ide) if disk.interface == "ide" else {}
            if boot.kernel is None:  # QEMU gives a kernel the first place by itself
                place["bootindex"] = order
            yield _keyed("device", _DISK_DEVICES[disk.interface], drive=name, **place, **policies.get(name, {}))
            order += 1
