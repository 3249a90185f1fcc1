"""From unpacked Debian packages to the files of the image."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cpio
import elf
from apt import BuildError

_MULTIARCH = "lib/x86_64-linux-gnu"
_LIBRARIES = (f"usr/{_MULTIARCH}", _MULTIARCH, f"usr/{_MULTIARCH}/weston", f"usr/{_MULTIARCH}/libweston-10")
_LOADER = "ld-linux-x86-64.so.2"


def image_tree(
    contents: Mapping[str, Any], root: Path, modules: Path, ours: Mapping[str, bytes]
) -> dict[str, cpio.Node]:
    """All files of the image, by path.

    :param modules: the folder with them.
    :param ours: what was compiled here.
    :raises BuildError: if a pattern matches nothing, or a program needs a library that no named package has.
    """
    nodes = {
        **{name: cpio.directory() for name in ("dev", "proc", "sys", "run", "tmp", "root", "var/cache/fontconfig")},
        **{name: cpio.link(f"usr/{name}") for name in ("bin", "lib", "lib64")},
        f"usr/lib64/{_LOADER}": cpio.link(f"../{_MULTIARCH}/{_LOADER}"),
        "usr/bin/sh": cpio.link("busybox"),
        "dev/console": cpio.character_device(5, 1),
        "dev/null": cpio.character_device(1, 3),
    }
    programs = [path for path in _matching(root, contents["programs"]) if not _is_any(path, contents["without"])]
    elves = {_place(path): (root / path).read_bytes() for path in programs} | dict(ours)
    elves |= _libraries(root, elves)
    nodes |= {path: cpio.file(data, executable=True) for path, data in elves.items()}
    nodes |= {_place(path): cpio.file((root / path).read_bytes()) for path in _matching(root, contents["files"])}
    nodes |= {f"modules/{path.name}": cpio.file(path.read_bytes()) for path in modules.iterdir()}
    return nodes


def _libraries(root: Path, elves: Mapping[str, bytes]) -> dict[str, bytes]:
    """The libraries that *elves* need, and those need, by path in the image."""
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    ahead = [(path, name) for path, data in elves.items() if elf.is_elf(data) for name in elf.needed(data)]
    while ahead:
        who, name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        folder = next((folder for folder in _LIBRARIES if (root / folder / name).is_file()), None)
        if folder is None:
            raise BuildError(f"{who} needs {name}, which no package of contents.toml has: find and add it")
        data = (root / folder / name).resolve().read_bytes()
        found[f"{_place(folder)}/{name}"] = data
        ahead += [(name, other) for other in elf.needed(data)]
    return found


def _matching(root: Path, patterns: list[str]) -> list[str]:
    """Files that match, relative to *root*, sorted."""
    found: set[str] = set()
    for pattern in patterns:
        hits = [str(path.relative_to(root)) for path in root.glob(pattern) if path.is_file()]
        if not hits:
            raise BuildError(f"contents.toml: nothing in the packages matches {pattern}")
        found.update(hits)
    return sorted(found)


def _is_any(path: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _place(path: str) -> str:
    """Where a package's path is in the image: /bin and /lib are links into /usr."""
    return path if path.split("/", maxsplit=1)[0] not in {"bin", "lib", "lib64"} else f"usr/{path}"
