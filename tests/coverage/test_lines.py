"""Addresses become source lines and functions, by the compiler's own tables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.coverage.blocks import Blocks
from harness.coverage.collect import Collector
from harness.coverage.lines import cover, lines_of, text_of
from harness.coverage.model import Function
from harness.errors import UsageError
from harness.targets.argv import Launch
from harness.targets.profile import Boot, Profile
from harness.targets.qemu import QemuTarget
from harness.targets.symbols import Symbols

SOURCE = """\
int twice(int x)
{
    return 2 * x;
}

static inline __attribute__((always_inline)) int more(int x)
{
    return x + 40;
}

int _start(int x)
{
    int sum = more(x);
    if (sum > 100)
        sum = twice(sum);
    return sum;
}
"""


def build(folder: Path, *options: str) -> Path:
    (folder / "src").mkdir()
    (folder / "src/main.c").write_text(SOURCE)
    words = [
        "gcc",
        *options,
        "-O0",
        "-ffreestanding",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-o",
        "build.elf",
        "src/main.c",
    ]
    subprocess.run([*words, "-ffile-prefix-map=" + str(folder) + "=."], cwd=folder, check=True)
    return folder / "build.elf"


def reached(elf: Path, *names: str) -> Blocks:
    """As if each instruction of these functions had been translated."""
    blocks, symbols = Blocks(text_of(elf).ranges), Symbols.of(elf)
    for name in names:
        (symbol,) = symbols.by_name[name]
        for address in range(symbol.address, symbol.address + symbol.size):
            blocks.feed(b"0x%08x:  90  nop\n" % address)
    return blocks


def test_lines_and_functions_that_ran_are_told_from_those_that_did_not(tmp_path: Path) -> None:
    elf = build(tmp_path, "-g")
    found = cover(elf, reached(elf, "_start"))
    (file,) = found.files.values()
    assert list(found.files) == [str(tmp_path / "src/main.c")]  # found beside the result of the build
    assert {line: bool(hits) for line, hits in file.lines.items()} == {
        2: False, 3: False, 4: False, 8: True, 12: True, 13: True, 14: True, 15: True, 16: True, 17: True,
    }  # fmt: skip
    assert {name: (f.line, bool(f.hits)) for name, f in file.functions.items()} == {
        "twice": (2, False),
        "_start": (12, True),
    }
    assert found.told() == "7 of 10 lines (70.0 %), 1 of 2 functions"


def test_nothing_reached_is_nothing_covered(tmp_path: Path) -> None:
    elf = build(tmp_path, "-g")
    assert cover(elf, reached(elf)).lines_hit == 0


def test_an_image_without_debug_information_is_refused_before_it_runs(tmp_path: Path) -> None:
    elf = build(tmp_path)
    profile = Profile(name="bare", boot=Boot(shape="elf", kernel=elf))
    with pytest.raises(UsageError, match="no debug information") as refused:
        Collector(profile, QemuTarget(profile, Launch()))
    assert "-g" in refused.value.hint


def test_with_kvm_there_is_nothing_to_see(tmp_path: Path) -> None:
    elf = build(tmp_path, "-g")
    profile = Profile(name="bare", boot=Boot(shape="elf", kernel=elf))
    with pytest.raises(UsageError, match="KVM"):
        Collector(profile, QemuTarget(profile, Launch(accel="kvm")))


def built_in_folders(top: Path, *options: str, compiled_in: str = "") -> Path:
    """kernel/main.c and lib/main.c, each compiled in its own folder, with a function of a header of both.

    *compiled_in* is what the folders were called there, as in a container.
    """
    (top / "include").mkdir(parents=True)
    (top / "include/h.h").write_text("static int shared(int x)\n{\n    return x + 1;\n}\n")
    for folder, code in (
        ("kernel", "int _start(int x)\n{\n    return shared(x);\n}\n"),
        ("lib", "\n\n\nint other(int x)\n{\n    return shared(x) * 2;\n}\n"),
    ):
        (top / folder).mkdir()
        (top / folder / "main.c").write_text('#include "../include/h.h"\n' + code)
        renamed = [f"-ffile-prefix-map={top}={compiled_in}"] if compiled_in else []
        words = ["gcc", "-g", *options, *renamed, "-O0", "-ffreestanding", "-fno-pie", "-c", "main.c"]
        subprocess.run([*words, "-o", "main.o"], cwd=top / folder, check=True)
    words = ["gcc", "-nostdlib", "-static", "-no-pie", "-o", "build.elf", "kernel/main.o", "lib/main.o"]
    subprocess.run(words, cwd=top, check=True)
    return top / "build.elf"


@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("compiled_in", ["", ".", "/in/a/container"])
def test_files_of_one_name_are_those_of_the_folders_in_which_they_were_compiled(
    tmp_path: Path, version: str, compiled_in: str
) -> None:
    top = tmp_path.resolve() / "top"
    elf = built_in_folders(top, version, compiled_in=compiled_in)
    found = cover(elf, reached(elf, "_start"))
    assert set(found.files) == {str(top / name) for name in ("kernel/main.c", "lib/main.c", "include/h.h")}
    assert found.files[str(top / "kernel/main.c")].functions == {"_start": Function(3, 1)}
    assert found.files[str(top / "lib/main.c")].functions == {"other": Function(6, 0)}
    assert lines_of(elf).root == top


def test_a_function_of_a_header_ran_if_one_of_its_copies_did(tmp_path: Path) -> None:
    elf = built_in_folders(tmp_path.resolve() / "top")
    blocks, symbols = reached(elf), Symbols.of(elf)
    first, last = sorted(symbols.by_name["shared"], key=lambda symbol: symbol.address)
    for address in range(first.address, first.address + first.size):
        blocks.feed(b"0x%08x:  90  nop\n" % address)
    header = cover(elf, blocks).files[str(tmp_path.resolve() / "top/include/h.h")]
    assert header.functions == {"shared": Function(2, 1)}
    assert last.address > first.address
