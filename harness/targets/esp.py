"""A private copy of an EFI directory, in an order and with times that do not depend on the host."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

from harness.errors import UsageError

# The times of all files: what FAT counts from, and a day, so that no time zone of a guest reads it as before that.
# QEMU takes creation times from the inode's change time, which nobody can set: they alone differ between runs.
_TIME = 315619200  # 1980-01-02 00:00:00 UTC
_FILE_NAMES = {0x8664: "BOOTX64.EFI", 0xAA64: "BOOTAA64.EFI"}


def copy_esp(source: Path, target: Path) -> None:
    """Copy the directory *source* to the new directory *target*; a single .efi file becomes what firmware starts.

    :raises UsageError: if there is no such directory, it holds what FAT cannot, or the file is no EFI program.
    """
    if source.is_file():
        name = _FILE_NAMES.get(efi_machine(source) or 0)
        if name is None:
            raise UsageError(f"{source} is not an EFI program for x86_64 or aarch64")
        (target / "EFI/BOOT").mkdir(parents=True)
        shutil.copyfile(source, target / "EFI/BOOT" / name)
    elif source.is_dir():
        _copy(source, target)
    else:
        raise UsageError(f"there is no EFI directory {source}")
    for path in [target, *target.rglob("*")]:
        os.utime(path, (_TIME, _TIME))


def efi_machine(path: Path) -> int | None:
    """The machine number in the header of an EFI program (a PE image); None if it is none."""
    with path.open("rb") as stream:
        head = stream.read(64)
        if len(head) < 64 or head[:2] != b"MZ":
            return None
        stream.seek(struct.unpack_from("<I", head, 60)[0])
        found = stream.read(6)
    return int(struct.unpack_from("<H", found, 4)[0]) if len(found) == 6 and found[:4] == b"PE\0\0" else None


def _copy(source: Path, target: Path) -> None:
    # QEMU lists a directory in the file system's order; where that is the order of creation, sorting makes it the same.
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            _copy(entry, target / entry.name)
        elif entry.is_file():
            shutil.copyfile(entry, target / entry.name)
        else:
            raise UsageError(f"{entry} is neither a file nor a directory, and FAT has nothing else")
