"""Image profiles from TOML, found by name, path or content."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets.implied import implied_profile, profile_of_file
from harness.targets.loader import find_image, image_files, load_profile, override, typed_image

MINIMAL = 'name = "toy"\n[boot]\nkernel = "build/toy.elf"\n'


def write(tmp_path: Path, text: str, name: str = "toy.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.what.splitlines()]


@pytest.mark.parametrize("name", sorted(image_files()))
def test_every_profile_that_ships_is_valid(name: str) -> None:
    assert find_image(name).name == name


def test_the_reference_guest_and_its_zoo_ship() -> None:
    assert {"reference", "reference-zoo"} <= set(image_files())
    assert "markers" not in image_files()


def test_relative_paths_start_at_the_profiles_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """\
name = "toy"
[boot]
kernel = "build/toy.elf"
initrd = "/abs/initrd"
[machine]
bios = "fw/rom.bin"
[[machine.disks]]
file = "disk,1.img"
[guest]
schema = "markers.toml"
"""
    write(tmp_path, text)
    monkeypatch.chdir(tmp_path.parent)
    profile = load_profile(Path(tmp_path.name) / "toy.toml")
    assert profile.folder == tmp_path
    assert profile.boot.kernel == tmp_path / "build/toy.elf"
    assert profile.boot.initrd == Path("/abs/initrd")
    assert profile.machine.bios == str(tmp_path / "fw/rom.bin")
    assert profile.machine.disks[0].file == tmp_path / "disk,1.img"
    assert profile.guest.schema == tmp_path / "markers.toml"


def test_a_bare_firmware_name_is_qemus_unless_the_file_lies_beside_the_profile(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + '[machine]\nbios = "qboot.rom"\n')
    assert load_profile(path).machine.bios == "qboot.rom"
    (tmp_path / "qboot.rom").touch()
    assert load_profile(path).machine.bios == str(tmp_path / "qboot.rom")


def test_all_wrong_keys_are_listed_with_line_and_nearest_key(tmp_path: Path) -> None:
    text = """\
name = "toy"
sumary = ""
[boot]
kernel = "k"
[machine]
memory = 64
cpus = "2"
[[machine.disks]]
fil = "x"
"""
    assert refusal(tmp_path, text) == [
        "2: unknown key 'sumary' at the top level (did you mean 'summary'?)",
        "6: unknown key 'memory' in [machine] (did you mean 'memory_mb'?)",
        "7: machine.cpus: should be a valid integer, not '2'",
        "8: the key 'file' is missing in machine.disks[0]",
        "9: unknown key 'fil' in machine.disks[0] (did you mean 'file'?)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'name = "toy"\n[boot]\nshape = "kernel"\n',
            "2: the key 'kernel' is missing in [boot]: shape 'kernel' needs it",
        ),
        (MINIMAL + 'esp = "x"\n', "4: boot.esp: shape 'kernel' has no such key"),
        (
            'name = "toy"\n[boot]\nshape = "disk"\ndisk.file = "d"\ncmdline = "x"\n',
            "5: boot.cmdline: shape 'disk' has no",
        ),
        ('name = "toy"\n[boot]\nshape = "uefi"\n[machine]\nbios = "b"\n', "5: machine.bios: shape 'uefi' has firmware"),
        ('name = "toy"\n[boot]\nshape = "firmware"\n', "1: the key 'bios' is missing in [machine]"),
        ('name = "toy"\n[boot]\nshape = "kernle"\nkernel = "k"\n', "3: boot.shape: should be"),
        (MINIMAL + "[machine]\ncpus = 0\n", "5: machine.cpus: should be 1 to 1024, not 0"),
        (MINIMAL + "[machine]\nmemory_mb = -1\n", "5: machine.memory_mb: should be 1 to"),
        (
            MINIMAL + "[machine]\ncpus = 2\n[clock]\nrendezvous = true\n",
            "5: machine.cpus: a guest on the virtual clock",
        ),
        (MINIMAL + "[clock]\nshift = 11\n", "5: clock.shift: should be 0 to 10"),
        (MINIMAL + '[machine]\narch = "aarch64"\n', "4: machine.type: 'q35' is no machine of aarch64: use 'virt'"),
        (
            MINIMAL + '[machine]\narch = "aarch64"\ntype = "virt"\n[guest]\nexit_device = true\n',
            "8: guest.exit_device: isa-debug-exit is a device of x86_64",
        ),
        (
            MINIMAL + '[machine]\narch = "aarch64"\ntype = "virt"\n[guest]\ncontrol = "com2"\n',
            "8: guest.control: virt has one serial port",
        ),
        (
            MINIMAL + '[[machine.disks]]\nfile = "a"\nid = "d"\n[[machine.disks]]\nfile = "b"\nid = "d"\n',
            "9: disk id 'd' is used twice",
        ),
        (MINIMAL + '[[machine.disks]]\nfile = "a"\nid = "a,b"\n', "6: disk id 'a,b': is taken, or no letter"),
        (MINIMAL + '[[machine.disks]]\nfile = "a"\nid = "esp"\n', "6: disk id 'esp': is taken"),
        (
            MINIMAL + '[[machine.disks]]\nfile = "a"\ninterface = "none"\n',
            "4: a disk with interface 'none' needs an id",
        ),
        (MINIMAL.replace("toy", "yot", 1), "1: name: should be 'toy', as the file is called"),
        ("folder = 'x'\n" + MINIMAL, "1: unknown key 'folder' at the top level"),
        ("version = 2\n" + MINIMAL, "1: version: should be 1"),
    ],
)
def test_a_contradiction_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert [line for line in refusal(tmp_path, text) if line.startswith(problem)]


def test_keys_can_be_set_by_their_dotted_name(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, MINIMAL))
    changed = override(
        profile, {"machine.memory_mb": 128, "boot.cmdline": "a", "boot.initrd": "i", "machine.extra": ["-x"]}
    )
    assert (changed.machine.memory_mb, changed.boot.cmdline, changed.machine.extra) == (128, "a", ("-x",))
    assert changed.boot.initrd == tmp_path / "i"
    assert changed.boot.kernel == profile.boot.kernel
    assert changed.folder == tmp_path


def test_setting_nothing_changes_nothing() -> None:
    for name in image_files():
        assert override(find_image(name), {}) == find_image(name)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("machine.memry_mb", 1, r"unknown key 'memry_mb' in \[machine\] \(did you mean 'memory_mb'\?\)"),
        (
            "machin.memory_mb",
            1,
            r"'machin.memory_mb' is no key of an image profile \(did you mean 'machine.memory_mb'\?\)",
        ),
        ("machine.memory_mb", "1", "machine.memory_mb: should be a valid integer, not '1'"),
        ("machine.cpus", 0, "machine.cpus: should be 1 to 1024"),
        ("boot.shape", "disk", "the key 'disk' is missing"),
        ("name", "x", "is no key"),
        ("folder", "/", "is no key"),
        ("name.x.y", "x", "is no key"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path: Path, key: str, value: object, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        override(load_profile(write(tmp_path, MINIMAL)), {key: value})


def test_an_unknown_name_brings_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError, match=r"there is no image 'refrence' \(did you mean 'reference'\?\)") as caught:
        find_image("refrence")
    assert "reference-zoo" in caught.value.hint


def test_a_path_is_taken_from_the_folder_of_who_names_it(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL)
    assert find_image("toy.toml", relative_to=tmp_path).name == "toy"
    assert find_image(str(tmp_path / "toy.toml"), relative_to=Path("/nowhere")).name == "toy"
    with pytest.raises(UsageError, match="there is no image file"):
        find_image("other.toml", relative_to=tmp_path)


# ---- bare files ------------------------------------------------------------------------------------------------------


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + struct.pack("<H", machine) + bytes(44)


def efi(machine: int) -> bytes:
    return (
        b"MZ".ljust(60, b"\0") + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + struct.pack("<H", machine) + bytes(64)
    )


BZIMAGE = b"MZ".ljust(0x202, b"\0") + b"HdrS" + bytes(100)
ISO = bytes(0x8001) + b"CD001" + bytes(100)
HYBRID_ISO = bytes(510) + b"\x55\xaa" + bytes(0x8001 - 512) + b"CD001" + bytes(100)
SECTOR = bytes(510) + b"\x55\xaa"


@pytest.mark.parametrize(
    ("content", "arch", "shape"),
    [
        (elf(0x3E), "x86_64", "kernel"),
        (elf(3), "x86_64", "kernel"),
        (elf(0xB7), "aarch64", "kernel"),
        (BZIMAGE, "x86_64", "kernel"),
        (b"MZ".ljust(56, b"\0") + b"ARM\x64" + bytes(64), "aarch64", "kernel"),
        (efi(0x8664), "x86_64", "uefi"),
        (efi(0xAA64), "aarch64", "uefi"),
        (ISO, "x86_64", "cdrom"),
        (HYBRID_ISO, "x86_64", "cdrom"),
        (SECTOR, "x86_64", "disk"),
        (b"QFI\xfb" + bytes(600), "x86_64", "disk"),
    ],
)
def test_a_bare_file_is_known_by_its_content(tmp_path: Path, content: bytes, arch: str, shape: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    profile = find_image(str(path))
    assert (profile.machine.arch, profile.boot.shape, profile.default_clock) == (arch, shape, "wall")


def test_a_qcow2_disk_is_not_read_as_raw(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"QFI\xfb" + bytes(600))
    disk = profile_of_file(path).boot.disk
    assert disk is not None
    assert (disk.format, disk.persist) == ("qcow2", False)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (elf(0xF3), "for machine 243"),
        (b"text\n", "cannot tell what"),
        (b"", "cannot tell what"),
        (b"MZ", "cannot tell what"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        profile_of_file(path)


@pytest.mark.parametrize(("name", "arch"), [("BOOTX64.EFI", "x86_64"), ("bootaa64.efi", "aarch64")])
def test_a_directory_is_an_efi_partition_for_the_machine_of_its_loader(tmp_path: Path, name: str, arch: str) -> None:
    (tmp_path / "EFI/Boot").mkdir(parents=True)
    (tmp_path / "EFI/Boot" / name).touch()
    profile = profile_of_file(tmp_path)
    assert (profile.boot.shape, profile.machine.arch, profile.boot.esp) == ("uefi", arch, tmp_path)


def test_a_path_on_the_command_line_is_taken_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "k").write_bytes(elf(0x3E))
    monkeypatch.chdir(tmp_path)
    profile = implied_profile(kernel=Path("k"), cmdline="a", memory_mb=32)
    os.chdir("/")
    assert profile.boot.kernel == tmp_path / "k"
    assert profile.name == "k"


@pytest.mark.parametrize("given", [{}, {"initrd": Path("/dev/null")}, {"cmdline": "x", "esp": Path("/tmp")}])
def test_what_cannot_be_booted_is_refused(given: dict[str, Path]) -> None:
    with pytest.raises(UsageError):
        implied_profile(**given)  # type: ignore[arg-type]


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no image file /nowhere/k"):
        implied_profile(kernel=Path("/nowhere/k"))


def test_the_profile_alone_needs_no_validation_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; import harness.targets.implied, harness.targets.qemu; print(*(m for m in sys.modules if m in BAD))"
    )
    bad = "BAD = {'pydantic', 'numpy', 'wand', 'PIL', 'serial', 'pexpect', 'elftools', 'click', 'rich'}; "
    out = subprocess.run([sys.executable, "-c", bad + code], capture_output=True, text=True, check=True).stdout
    assert out.split() == []


def test_a_path_that_is_typed_means_the_same_from_any_folder_and_a_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare").write_text("")
    (tmp_path / "reference").mkdir()
    typed = {name: typed_image(name) for name in ("kern.elf", "build/kern", "bare", "/boot/kern.elf")}
    assert typed == {
        "kern.elf": str(tmp_path / "kern.elf"),
        "build/kern": str(tmp_path / "build/kern"),
        "bare": str(tmp_path / "bare"),
        "/boot/kern.elf": "/boot/kern.elf",
    }
    assert [typed_image(name) for name in ("reference", "nosuch", None)] == ["reference", "nosuch", None]
