"""The profile that a bare file implies: a kernel, a disk, an ISO, an EFI program or directory."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

from harness.errors import UsageError
from harness.targets.esp import efi_machine
from harness.targets.profile import Boot, Disk, Machine, Profile

Arch = Literal["x86_64", "aarch64"]
_ELF_MACHINES: dict[int, Arch] = {3: "x86_64", 0x3E: "x86_64", 0xB7: "aarch64"}  # EM_386, EM_X86_64, EM_AARCH64
_PE_MACHINES: dict[int, Arch] = {0x8664: "x86_64", 0xAA64: "aarch64"}
_HEAD = 0x9000  # enough for the volume descriptor of an ISO, the deepest of the marks looked for


def implied_profile(
    *,
    kernel: Path | None = None,
    initrd: Path | None = None,
    cmdline: str = "",
    disk: Path | None = None,
    cdrom: Path | None = None,
    esp: Path | None = None,
    arch: Arch = "x86_64",
    memory_mb: int = 256,
    extra: tuple[str, ...] = (),
) -> Profile:
    """The profile for exactly one of *kernel*, *disk*, *cdrom*, *esp*; paths are relative to the current directory.

    The machine's own firmware boots it: unlike qboot it places PCI BARs, which a kernel may well rely on.

    :raises UsageError: if what was named is not there, or initrd or command line come without a kernel.
    """
    given = [path for path in (kernel, initrd, disk, cdrom, esp) if path is not None]
    for path in given:
        if not path.exists():
            raise UsageError(f"there is no image file {path}")
    if kernel is None and (initrd is not None or cmdline):
        raise UsageError("an initrd or a kernel command line needs a kernel")
    main = kernel or disk or cdrom or esp
    if main is None:
        raise UsageError("nothing to boot: name a kernel, a disk, an ISO or an EFI directory")
    uefi = esp is not None or (arch == "aarch64" and kernel is None)
    shape: Literal["kernel", "disk", "cdrom", "uefi"] = (
        "uefi" if uefi else "kernel" if kernel is not None else "disk" if disk is not None else "cdrom"
    )
    boot = Boot(
        shape=shape,
        kernel=_absolute(kernel),
        initrd=_absolute(initrd),
        cmdline=cmdline,
        disk=Disk(file=disk.absolute(), format=disk_format(disk), interface=_disk_interface(arch)) if disk else None,
        cdrom=_absolute(cdrom),
        esp=_absolute(esp),
    )
    machine = Machine(arch=arch, type="q35" if arch == "x86_64" else "virt", memory_mb=memory_mb, extra=extra)
    return Profile(name=main.resolve().stem, boot=boot, machine=machine, folder=Path().absolute())


def profile_of_file(path: Path) -> Profile:
    """The profile that *path* implies by its content.

    :raises UsageError: if it cannot be told what it is.
    """
    if path.is_dir():
        return implied_profile(esp=path, arch=_esp_arch(path))
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        machine = struct.unpack_from("<H", head, 18)[0]
        if machine not in _ELF_MACHINES:
            raise UsageError(f"{path} is an ELF file for machine {machine}, not for x86_64 or aarch64")
        return implied_profile(kernel=path, arch=_ELF_MACHINES[machine])
    if head[0x202:0x206] == b"HdrS":  # Linux boot protocol
        return implied_profile(kernel=path)
    if head[56:60] == b"ARM\x64":  # arm64 Linux image, which may be an EFI program as well
        return implied_profile(kernel=path, arch="aarch64")
    if head[:2] == b"MZ":
        arch = _PE_MACHINES.get(efi_machine(path) or 0)
        if arch is not None:
            return implied_profile(esp=path, arch=arch)
    if head[0x8001:0x8006] == b"CD001":  # ISO 9660; before the boot sector, which hybrid images have too
        return implied_profile(cdrom=path)
    if head[:4] == b"QFI\xfb" or head[510:512] == b"\x55\xaa":
        return implied_profile(disk=path)
    raise UsageError(
        f"cannot tell what {path} is: neither ELF, bzImage, ISO, qcow2, EFI program nor a disk with a boot sector",
        "say so with --kernel, --disk, --cdrom or --esp, or write a profile for it",
    )


def disk_format(path: Path) -> Literal["raw", "qcow2"]:
    """Format of a disk image by its first bytes."""
    with path.open("rb") as stream:
        return "qcow2" if stream.read(4) == b"QFI\xfb" else "raw"


def _disk_interface(arch: Arch) -> Literal["virtio", "ide"]:
    """What a guest nobody knows is most likely to have a driver for."""
    return "ide" if arch == "x86_64" else "virtio"


def _esp_arch(path: Path) -> Arch:
    names = {entry.name.upper() for entry in path.glob("[eE][fF][iI]/[bB][oO][oO][tT]/*")}
    return "aarch64" if "BOOTAA64.EFI" in names and "BOOTX64.EFI" not in names else "x86_64"


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()
