"""Writes an initramfs (cpio, "newc") whose bytes depend on its contents alone: no times, no owners, sorted names."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Node:
    """One entry. `mode` has the file type; `data` is a file's bytes or a symbolic link's target."""

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)  # major, minor


def directory() -> Node:
    return Node(stat.S_IFDIR | 0o755)


def file(data: bytes, *, executable: bool = False) -> Node:
    return Node(stat.S_IFREG | (0o755 if executable else 0o644), data)


def link(target: str) -> Node:
    return Node(stat.S_IFLNK | 0o777, target.encode())


def character_device(major: int, minor: int) -> Node:
    return Node(stat.S_IFCHR | 0o600, device=(major, minor))


def write(out: BinaryIO, nodes: dict[str, Node]) -> None:
    """Write *nodes*, by path without a leading slash, and the directories above them."""
    everything = {parent: directory() for path in nodes for parent in _above(path)} | nodes
    for inode, (path, node) in enumerate(sorted(everything.items()), start=1):
        _entry(out, path, node, inode)
    _entry(out, "TRAILER!!!", Node(0), 0)


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _entry(out: BinaryIO, path: str, node: Node, inode: int) -> None:
    name = path.encode() + b"\0"
    major, minor = node.device
    links = 2 if stat.S_ISDIR(node.mode) else 1
    fields = (inode, node.mode, 0, 0, links, 0, len(node.data), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    out.write(head + bytes(-len(head) % 4))
    out.write(node.data + bytes(-len(node.data) % 4))
