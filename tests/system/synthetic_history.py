"""A git history of the reference guest, made by a script: each commit patches the prebuilt kernel, nothing is compiled.

One commit makes `window_raise` return at once: a raised window stays where it is, and every commit after it has that
defect. Commits that cannot be built exit with 1, those with an unrelated crash die in `command_window`'s first
instruction. Every image has its commit's number behind its end, so that no two are the same.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "images/reference/build/reference.elf"

SCENARIO = """version = 1
name = "raise"
image = "reference"
[[step]]
do = "boot"
[[step]]
do = "command"
send = ["create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "create id=2 x=99 y=99 w=90 h=90 color=8b5a2b", "raise id=1"]
[[step]]
do = "frames"
[[step]]
do = "check-frame"
name = "raised"
against = "scene"
"""

_BUILD = """
import os, pathlib
kernel = bytearray(pathlib.Path({kernel!r}).read_bytes())
words = pathlib.Path("kernel.txt").read_text().split()
if "broken" in words:
    raise SystemExit("kernel.c:1: error: expected ';'")
for word, offset, code in {patches!r}:
    if word in words:
        kernel[offset:offset + len(code)] = code
pathlib.Path(os.environ["HARNESS_OUTPUT"]).write_bytes(kernel + words[0].encode())
"""


@dataclass(frozen=True)
class Synthetic:
    """The repository; `commits[n]` is the hash of commit n, of which the first is the good end."""

    folder: Path
    commits: list[str]
    build: str


def make(
    folder: Path, count: int, culprit: int, *, broken: Collection[int] = (), crashing: Collection[int] = ()
) -> Synthetic:
    """*count* commits on top of a good one."""
    build = _BUILD.format(
        kernel=str(KERNEL),
        patches=[("lame", _offset("window_raise"), b"\xc3"), ("crash", _offset("command_window"), b"\x0f\x0b")],
    ).encode()
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    stream = bytearray()
    for number in range(count + 1):
        words = [f"{number}", *["lame"] * (number >= culprit), *["broken"] * (number in broken)]
        text = " ".join([*words, *["crash"] * (number in crashing)]).encode()
        stream += b"commit refs/heads/main\nmark :%d\ncommitter Someone <s@example.org> %d +0000\n" % (
            number + 1, 1_700_000_000 + number
        )  # fmt: skip
        stream += _data(b"change %d" % number)
        if number == 0:
            stream += b"M 100644 inline build.py\n" + _data(build)
        stream += b"M 100644 inline kernel.txt\n" + _data(text)
    _git(folder, "fast-import", "--quiet", given=bytes(stream))
    _git(folder, "checkout", "--quiet", "main")
    listed = _git(folder, "rev-list", "--reverse", "main").split()
    return Synthetic(folder, listed, f"{shlex.quote(sys.executable)} build.py")


def make_series(folder: Path, count: int, culprit: int) -> list[Path]:
    """kernel-1.elf … kernel-COUNT.elf: from *culprit* on no text is drawn."""
    kernel, offset = KERNEL.read_bytes(), _offset("draw_character")
    images = []
    for number in range(1, count + 1):
        code = bytearray(kernel + b"%d" % number)
        if number >= culprit:
            code[offset] = 0xC3  # ret
        images.append(folder / f"kernel-{number}.elf")
        images[-1].write_bytes(code)
    return images


def _data(text: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(text), text)


def _git(folder: Path, *words: str, given: bytes | None = None) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], input=given, capture_output=True, check=True, timeout=60
    ).stdout.decode()


def _offset(function: str) -> int:
    """Where the code of *function* lies in the kernel's file."""
    with KERNEL.open("rb") as stream:
        elf = ELFFile(stream)
        (symbol,) = elf.get_section_by_name(".symtab").get_symbol_by_name(function)
        return next(iter(elf.address_offsets(symbol["st_value"])))
