"""Image profile: how to boot one image, as plain data.

The dataclasses are the whole schema: `harness.targets.loader` validates a TOML file against them (unknown keys are
errors), the command line builds them directly. Relative paths are relative to the profile's own folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}  # read by the validation library; the classes stay plain dataclasses


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One disk. Opened through a throw-away overlay unless `persist`; "run": a copy that is kept to the run's end."""

    __pydantic_config__: ClassVar = _STRICT
    file: Path
    format: Literal["raw", "qcow2"] = "raw"
    interface: Literal["virtio", "ide", "scsi", "none"] = "virtio"
    persist: bool | Literal["run"] = False
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What is booted. Only the keys of the chosen shape may be given (see `SHAPE_KEYS`).

    `firmware` boots what `machine.bios` names and nothing else: U-Boot, coreboot, a test of the firmware itself.
    """

    __pydantic_config__: ClassVar = _STRICT
    shape: Literal["kernel", "disk", "cdrom", "uefi", "firmware"] = "kernel"
    kernel: Path | None = None  # PVH or multiboot ELF, bzImage, or what the architecture's -kernel takes
    initrd: Path | None = None
    cmdline: str = ""
    plan: tuple[str, ...] = ()  # control commands that the guest carries out by itself before it waits for us
    symbols: Path | None = None  # unstripped ELF that names the guest's addresses; default: the kernel, if it is ELF
    disk: Disk | None = None
    cdrom: Path | None = None
    esp: Path | None = None  # a directory, or one .efi file; copied with fixed times and served as FAT
    firmware_code: Path | None = None  # default: the distribution's for the architecture
    firmware_vars: Path | None = None  # the file to copy; default: as above


SHAPE_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # shape: keys that it needs, keys that it may have
    "kernel": (frozenset({"kernel"}), frozenset({"initrd", "cmdline", "plan"})),
    "disk": (frozenset({"disk"}), frozenset()),
    "cdrom": (frozenset({"cdrom"}), frozenset({"disk"})),
    "uefi": (frozenset(), frozenset({"disk", "cdrom", "esp", "firmware_code", "firmware_vars"})),
    "firmware": (frozenset(), frozenset()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine around it."""

    __pydantic_config__: ClassVar = _STRICT
    arch: Literal["x86_64", "aarch64"] = "x86_64"
    type: str = "q35"
    cpu: str | None = None  # default: qemu64 (x86_64, reproducible), cortex-a57 (aarch64)
    cpus: int = 1
    memory_mb: int = 256
    bios: str | None = None  # a name QEMU knows (qboot.rom boots a PVH kernel in 35 ms), or a path; None: its own
    defaults: bool = False  # False: -nodefaults -no-user-config
    devices: tuple[str, ...] = ()  # -device arguments, after the ones that the profile's other keys imply
    disks: tuple[Disk, ...] = ()
    extra: tuple[str, ...] = ()  # further argv words


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How the image can run on the virtual clock."""

    __pydantic_config__: ClassVar = _STRICT
    rendezvous: bool = False
    plan: bool = False  # the guest takes `boot.plan`
    shift: int = 1  # 2^shift ns per instruction
    rtc: str = "2024-01-01T00:00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """What the guest inside promises: none of it is needed to boot and watch it."""

    __pydantic_config__: ClassVar = _STRICT
    control: Literal["none", "com2", "virtserial", "inline"] = "none"
    ready: str = ""  # pattern after which it may be spoken to
    display: bool = True  # whether it has a screen (adds stdvga / ramfb unless `devices` names one)
    identity: bool = False  # whether frames carry the identity strip
    oracle: Literal["none", "reference", "clients"] = "none"  # which model knows its scene: all of it, or its clients
    input: bool = True
    confirm_key: str = ""  # marker pattern that confirms one delivered key event; empty: unconfirmed
    confirm_pointer: str = ""
    schema: Path | None = None  # TOML schema of its own marker families
    crash_texts: tuple[str, ...] = ()  # patterns that mean the guest died
    triage_rules: Path | None = None  # TOML rules by which its crashes are recognised, on top of the built-in ones
    exit_device: bool = False  # isa-debug-exit at 0x501
    free_words: str = ""  # kernel command line words added in the wall clock
    prove_words: str = ""  # words that turn on the proof rendezvous on COM3 (docs/protocol.md); empty: it has none

    @property
    def control_port(self) -> bool:
        """Whether control frames have a port of their own."""
        return self.control in {"com2", "virtserial"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How to make the image from its folder."""

    __pydantic_config__: ClassVar = _STRICT
    command: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()  # builds of exactly what the lock file names, or fails
    update: tuple[str, ...] = ()  # builds of what is current, and writes the lock file anew
    inputs: tuple[str, ...] = ()  # globs in the image's folder: what it is made from, for "is it stale"
    packages: tuple[str, ...] = ()  # Debian packages with the files it takes from the host


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One image and how to boot it."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    summary: str = ""
    version: Literal[1] = 1
    boot: Boot = field(default_factory=Boot)
    machine: Machine = field(default_factory=Machine)
    clock: Clock = field(default_factory=Clock)
    guest: Guest = field(default_factory=Guest)
    build: Build = field(default_factory=Build)
    folder: Path = Path()  # set by the loader: where the profile file lies

    @property
    def self_paced(self) -> bool:
        """Whether all that is done to the guest can be done at instants of its own: it has a rendezvous, or a plan."""
        return self.clock.rendezvous or bool(self.boot.plan)

    @property
    def default_clock(self) -> Literal["virtual", "wall"]:
        return "virtual" if self.self_paced else "wall"
