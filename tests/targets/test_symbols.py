"""Names and addresses of an ELF file that the toolchain makes on the spot."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets.loader import load_profile
from harness.targets.profile import Boot, Profile
from harness.targets.symbols import Symbols

ONE = """
static int __attribute__((noinline)) twice(int x) { return x + x; }
int counter[4];
int first(int x) { return twice(x) + counter[1]; }
"""
TWO = """
extern int first(int);
static int __attribute__((noinline)) twice(int x) { return x * 2 + first(x); }
void _start(void) { twice(3); for (;;) ; }
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    for name, text in (("one.c", ONE), ("two.c", TWO)):
        (folder / name).write_text(text)
    command = [
        "gcc",
        "-O1",
        "-falign-functions=64",
        "-ffreestanding",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-o",
        "a.elf",
        "one.c",
        "two.c",
    ]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return folder / "a.elf"


def test_a_name_gives_an_address_and_the_address_gives_the_name(elf: Path) -> None:
    symbols = Symbols.of(elf)
    for name in ("first", "_start", "counter"):
        assert str(symbols.place(symbols.address(name))) == name
    assert symbols.address("counter+0x8") == symbols.address("counter+8") == symbols.address("counter") + 8
    assert str(symbols.place(symbols.address("counter") + 4)) == "counter+0x4"


def test_an_address_outside_all_symbols_belongs_to_none(elf: Path) -> None:
    symbols = Symbols.of(elf)
    last = max(symbol.address for named in symbols.by_name.values() for symbol in named)
    assert symbols.place(1) is None
    assert symbols.place(last + (1 << 20)) is None  # behind the linker's `_end`, which has no size
    (first,) = symbols.by_name["first"]
    assert first.size % 64  # so there is padding before the next function
    assert str(symbols.place(first.address + first.size - 1)).startswith("first+")
    assert symbols.place(first.address + first.size) is None


def test_a_name_that_several_files_have_is_told_apart_by_the_file(elf: Path) -> None:
    symbols = Symbols.of(elf)
    with pytest.raises(UsageError, match=r"2 symbols .* are called 'twice'") as refused:
        symbols.address("twice")
    assert "one.c:twice, two.c:twice" in refused.value.hint
    assert symbols.address("one.c:twice") != symbols.address("two.c:twice")


def test_an_unknown_name_comes_back_with_the_nearest(elf: Path) -> None:
    with pytest.raises(UsageError, match=r"no symbol 'countr' .*did you mean 'counter'"):
        Symbols.of(elf).address("countr+4")


def test_a_stripped_file_no_elf_and_no_file_are_refused_with_what_to_do(elf: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped.elf"
    subprocess.run(["strip", "-o", stripped, elf], check=True, timeout=60)
    with pytest.raises(UsageError, match="stripped") as refused:
        Symbols.of(stripped)
    assert "boot.symbols" in refused.value.hint
    (tmp_path / "bzImage").write_bytes(b"MZ" + bytes(500))
    with pytest.raises(UsageError, match="no ELF"):
        Symbols.of(tmp_path / "bzImage")
    with pytest.raises(UsageError, match="No such file"):
        Symbols.of(tmp_path / "none")


def test_a_profile_names_its_symbols_or_boots_them(elf: Path, tmp_path: Path) -> None:
    profile = Profile(name="mine", boot=Boot(kernel=elf))
    assert Symbols.of_profile(profile).address("first")
    (tmp_path / "bzImage").write_bytes(b"MZ" + bytes(500))
    packed = replace(profile, boot=Boot(kernel=tmp_path / "bzImage", symbols=elf))
    assert Symbols.of_profile(packed).address("first")
    with pytest.raises(UsageError, match="names no file with symbols"):
        Symbols.of_profile(replace(profile, boot=Boot(shape="firmware")))


def test_the_profile_key_is_a_path_in_the_profiles_folder_of_any_shape(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text('version = 1\nname = "box"\n[boot]\nshape = "disk"\ndisk = { file = "d" }\nsymbols = "vmlinux"\n')
    assert load_profile(file).boot.symbols == tmp_path / "vmlinux"
