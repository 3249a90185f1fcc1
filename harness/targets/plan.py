"""A plan: commands that the guest has before it starts, and carries out by itself at instants of its own.

They are the file `plan` of a cpio archive ("newc") in front of the image's initrd, which may be packed: Linux unpacks
one after the other (Documentation/driver-api/early-userspace/buffer-format.rst), and so may a boot loader on a board.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

NAME = "plan"


def plan_archive(commands: Sequence[str]) -> bytes:
    """An archive with the file `plan`: one command a line, in UTF-8."""
    text = "".join(f"{command}\n" for command in commands).encode()
    return _entry(NAME, stat.S_IFREG | 0o444, text, links=1) + _entry("TRAILER!!!", 0, b"", links=0)


def write_with_plan(initrd: Path, commands: Sequence[str], into: Path) -> None:
    """Copy *initrd* to *into*, behind the plan.

    :raises OSError: if one cannot be read or the other not be written.
    """
    with initrd.open("rb") as source, into.open("xb") as target:
        target.write(plan_archive(commands))  # whole words: the kernel looks for the next archive there
        shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str, mode: int, data: bytes, links: int) -> bytes:
    fields = (0, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
