"""From unpacked Debian packages to the files of the image."""

from __future__ import annotations

import fnmatch
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cpio
import elf
from apt import BuildError

_MULTIARCH = "lib/x86_64-linux-gnu"
_LIBRARIES = (f"usr/{_MULTIARCH}", _MULTIARCH, f"usr/{_MULTIARCH}/weston", f"usr/{_MULTIARCH}/libweston-10")
_LOADER = "ld-linux-x86-64.so.2"


def unpack(packages: Iterable[Path], into: Path) -> None:
    """Unpack *packages* over each other.

    :raises BuildError: if one cannot be.
    """
    into.mkdir()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for package, done in pool.map(lambda p: (p, _run("dpkg-deb", "-x", p, into)), list(packages)):
            if done.returncode:
                raise BuildError(f"{package.name} cannot be unpacked: {done.stderr.strip()}")


def unpack_kernel(package: Path, into: Path, wanted: list[str]) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The bzImage of the kernel *package*, and its modules *wanted* with those they depend on, in loading order."""
    into.mkdir()
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as source:
        patterns = ["./boot/vmlinuz-*", "./lib/modules/*/kernel/*.ko"]
        subprocess.run(
            ["tar", "--extract", "--wildcards", "--directory", into, *patterns], stdin=source.stdout, check=True
        )
    files = {path.stem.replace("-", "_"): path for path in into.rglob("*.ko")}
    return next(into.glob("boot/vmlinuz-*")).read_bytes(), list(_with_needed(wanted, files))


def _with_needed(wanted: list[str], files: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    done: set[str] = set()

    def take(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done:
            return
        done.add(name)
        if name not in files:
            raise BuildError(f"the kernel package has no module {name}")
        data = files[name].read_bytes()
        for other in filter(None, elf.module_info(data).get("depends", "").split(",")):
            yield from take(other.replace("-", "_"))
        yield name, data

    for name in wanted:
        yield from take(name)


def image_tree(
    contents: Mapping[str, Any], root: Path, modules: list[tuple[str, bytes]], ours: Mapping[str, bytes]
) -> dict[str, cpio.Node]:
    """All files of the image, by path.

    :param ours: what was compiled here.
    :raises BuildError: if a pattern matches nothing, or a program needs a library that no named package has.
    """
    nodes = {
        **{name: cpio.directory() for name in ("dev", "proc", "sys", "run", "tmp", "root", "var/cache/fontconfig")},
        **{name: cpio.link(f"usr/{name}") for name in ("bin", "lib", "lib64")},
        f"usr/lib64/{_LOADER}": cpio.link(f"../{_MULTIARCH}/{_LOADER}"),
        "dev/console": cpio.character_device(5, 1),
        "dev/null": cpio.character_device(1, 3),
    }
    programs = [path for path in _matching(root, contents["programs"]) if not _is_any(path, contents["without"])]
    elves = {_place(path): (root / path).read_bytes() for path in programs} | dict(ours)
    elves |= _libraries(root, elves)
    nodes |= {path: cpio.file(data, executable=True) for path, data in elves.items()}
    nodes |= {_place(path): cpio.file((root / path).read_bytes()) for path in _matching(root, contents["files"])}
    # Without their signatures: Debian's kernel does not insist on them, and verifying takes time under TCG.
    nodes |= {f"modules/{name}.ko": cpio.file(elf.without_signature(data)) for name, data in modules}
    nodes["modules/order"] = cpio.file("".join(f"{name}\n" for name, _ in modules).encode())
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


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
