"""Private copies of what a UEFI guest may write to."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets import firmware
from harness.targets.esp import copy_esp, efi_machine
from harness.targets.firmware import copy_sparse, find_firmware
from harness.targets.profile import Boot, Machine, Profile

UEFI = Profile(name="u", boot=Boot(shape="uefi"))


def program(path: Path, machine: int) -> Path:
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 80)
    path.write_bytes(head.ljust(80, b"\0") + b"PE\0\0" + struct.pack("<H", machine))
    return path


def tree(folder: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime)
        for path in folder.rglob("*")
    }


def test_a_copy_has_the_content_and_times_that_depend_on_nothing(tmp_path: Path) -> None:
    (tmp_path / "esp/EFI/BOOT").mkdir(parents=True)
    (tmp_path / "esp/EFI/BOOT/BOOTX64.EFI").write_bytes(b"program")
    (tmp_path / "esp/startup.nsh").write_text("echo")
    copy_esp(tmp_path / "esp", tmp_path / "one")
    os.utime(tmp_path / "esp/startup.nsh", (1, 1))
    copy_esp(tmp_path / "esp", tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(tmp_path / "one")["EFI/BOOT/BOOTX64.EFI"][0] == b"program"


def test_what_the_guest_writes_does_not_reach_the_original(tmp_path: Path) -> None:
    (tmp_path / "esp").mkdir()
    (tmp_path / "esp/file").write_text("mine")
    (tmp_path / "esp/file").chmod(0o444)
    copy_esp(tmp_path / "esp", tmp_path / "copy")
    (tmp_path / "copy/file").write_text("the guest's")
    assert (tmp_path / "esp/file").read_text() == "mine"


@pytest.mark.parametrize(("machine", "name"), [(0x8664, "BOOTX64.EFI"), (0xAA64, "BOOTAA64.EFI")])
def test_a_single_program_becomes_what_firmware_starts(tmp_path: Path, machine: int, name: str) -> None:
    copy_esp(program(tmp_path / "kernel.efi", machine), tmp_path / "copy")
    assert (tmp_path / "copy/EFI/BOOT" / name).is_file()


def test_what_fat_cannot_hold_and_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "esp").mkdir()
    os.mkfifo(tmp_path / "esp/fifo")
    with pytest.raises(UsageError, match="neither a file nor a directory"):
        copy_esp(tmp_path / "esp", tmp_path / "a")
    with pytest.raises(UsageError, match="there is no EFI directory"):
        copy_esp(tmp_path / "missing", tmp_path / "b")
    with pytest.raises(UsageError, match="not an EFI program"):
        copy_esp(program(tmp_path / "riscv.efi", 0x5064), tmp_path / "c")


@pytest.mark.parametrize("content", [b"", b"MZ", b"ELF" * 100, b"MZ".ljust(60, b"\0") + b"\xff\xff\xff\x7f", bytes(64)])
def test_bytes_that_are_no_program_have_no_machine(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert efi_machine(path) is None


def test_a_sparse_copy_is_equal_and_takes_no_room_for_what_is_empty(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    content = b"x" * 5000 + bytes(8 << 20) + b"y" + bytes(3_000_000)
    source.write_bytes(content)
    copy_sparse(source, target)
    assert target.read_bytes() == content
    assert target.stat().st_blocks * 512 < 3 << 20


def test_the_first_whole_pair_of_firmware_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(str(tmp_path / f"code{n}"), str(tmp_path / f"vars{n}")) for n in range(3)]
    monkeypatch.setattr(firmware, "TABLE", {"x86_64": tuple(pairs), "aarch64": ()})
    Path(pairs[0][0]).touch()  # code without its variables
    for path in (*pairs[1], *pairs[2]):
        Path(path).touch()
    assert find_firmware(UEFI) == (Path(pairs[1][0]), Path(pairs[1][1]))
    with pytest.raises(UsageError, match="no UEFI firmware for aarch64") as caught:
        find_firmware(replace(UEFI, machine=Machine(arch="aarch64", type="virt")))
    assert "qemu-efi-aarch64" in caught.value.hint


def test_half_a_pair_in_the_profile_is_refused() -> None:
    with pytest.raises(UsageError, match="only one of"):
        find_firmware(replace(UEFI, boot=Boot(shape="uefi", firmware_code=Path("/c"))))
