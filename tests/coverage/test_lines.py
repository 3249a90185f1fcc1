"""Addresses become source lines and functions, by the compiler's own tables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.coverage.blocks import Blocks
from harness.coverage.collect import Collector
from harness.coverage.lines import cover, text_of
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
