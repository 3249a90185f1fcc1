"""Makes build/vmlinux and build/initrd.lz4 of Debian packages and our own sources: no root, the same bytes each time.

Standard library only, so that any Python 3.11 will do: python3 make [--locked | --lock]
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import compiling
import cpio
from apt import Archive, BuildError, Package
from packing import packed
from tree import image_tree
from unpacking import Kept, unpack, unpack_kernel

FOLDER = Path(__file__).resolve().parent.parent
LOCK = FOLDER / "lock.json"
LZ4 = "usr/lib/x86_64-linux-gnu/liblz4.so.1"


def main() -> None:
    """Build, or end with one line that says why not."""
    parser = argparse.ArgumentParser(prog="python3 make", description="Build the Weston image.")
    parser.add_argument("--locked", action="store_true", help="exactly the packages of lock.json, or none")
    parser.add_argument("--lock", action="store_true", help="write lock.json anew: what this build was made of")
    parser.add_argument("--into", type=Path, default=FOLDER / "build", metavar="DIR", help="default: build")
    options = parser.parse_args()
    os.umask(0o022)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rayos-harness"
    (cache / "weston").mkdir(parents=True, exist_ok=True)
    options.into.mkdir(exist_ok=True)
    try:
        with (cache / "weston.lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="weston-") as scratch:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would pull the packages from under each other
            build(cache / "weston", Path(scratch), options.into, locked=options.locked, renew=options.lock)
    except BuildError as error:
        sys.exit(f"weston: {error}")


def build(cache: Path, scratch: Path, into: Path, *, locked: bool, renew: bool) -> None:
    """The whole build. Results replace old ones when all of them are there."""
    started = time.monotonic()
    contents = tomllib.loads((FOLDER / "contents.toml").read_text())
    archive = Archive(cache, scratch)
    if locked:
        entries = [tuple(entry) for entry in json.loads(LOCK.read_text())]
        if [name for name, *_ in entries[1:]] != [*contents["packages"], *contents["compile"]]:
            raise BuildError("lock.json names other packages than contents.toml: renew it with --lock")
        packages = archive.locked(entries)
    else:
        names = [archive.newest_kernel(contents["kernel"]), *contents["packages"], *contents["compile"]]
        packages = archive.current(names)
    kernel, rest = packages[0], packages[1:]
    guest, tools = rest[: len(contents["packages"])], rest[len(contents["packages"]) :]
    say(f"{kernel.file.name} and {len(rest)} more packages are there after {time.monotonic() - started:.1f} s")

    tools_here = compiling.toolchain()
    kept = Kept(cache / "unpacked")
    root = kept.get(guest, [], lambda into: unpack(guest, into))
    dev = kept.get(tools, [], lambda into: unpack(tools, into))
    stripped = [*contents["modules"], tools_here["strip"]]
    linux = kept.get([kernel], stripped, lambda into: unpack_kernel(kernel, into, contents["modules"]))
    kept.prune()
    ours = compiling.programs(FOLDER, root, dev, scratch / "ours")
    nodes = image_tree(contents, root, linux / "modules", ours)
    nodes["etc/weston.ini"] = cpio.file((FOLDER / "weston.ini").read_bytes())
    made = scratch / "made"
    made.mkdir()
    shutil.copyfile(linux / "vmlinux", made / "vmlinux")
    initramfs = io.BytesIO()
    cpio.write(initramfs, nodes)
    (made / "initrd.lz4").write_bytes(packed(initramfs.getvalue(), root / LZ4))
    (made / "manifest.json").write_text(manifest(made, packages, len(nodes), tools_here))
    with (made / "disk.img").open("wb") as disk:
        disk.truncate(1 << 20)  # empty, for scenarios with a disk
    for result in sorted(made.iterdir()):
        beside = into / f".{result.name}"
        shutil.copyfile(result, beside)
        beside.replace(into / result.name)  # whoever boots meanwhile has the old one, whole
    if renew:
        LOCK.write_text(lock_text(packages))
    megabytes = sum((into / name).stat().st_size for name in ("vmlinux", "initrd.lz4")) / 1e6
    say(f"{len(nodes)} files, {megabytes:.1f} MB with the kernel, in {time.monotonic() - started:.1f} s")


def manifest(made: Path, packages: Sequence[Package], files: int, toolchain: Mapping[str, str]) -> str:
    """What was built and of what, as JSON."""
    results = {path.name: digest(path) for path in sorted(made.iterdir())}
    document: Mapping[str, object] = {
        "version": 1,
        "results": results,
        "files": files,
        "toolchain": toolchain,
        "packages": [{"name": p.name, "version": p.version, "sha256": p.sha256} for p in packages],
    }
    return json.dumps(document, indent=1) + "\n"


def lock_text(packages: Sequence[Package]) -> str:
    """The lock file: one package a line."""
    lines = (json.dumps([p.name, p.version, p.file.name, p.sha256]) for p in packages)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def digest(path: Path) -> dict[str, object]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def say(text: str) -> None:
    print(f"weston: {text}", file=sys.stderr, flush=True)


main()
