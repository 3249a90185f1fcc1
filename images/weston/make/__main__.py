"""Makes build/vmlinux and build/initrd.cpio of Debian packages and our own sources: no root, the same bytes each time.

Standard library only, so that any Python 3.11 will do: python3 make [--locked | --lock]
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
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
from kernel import vmlinux
from tree import image_tree, unpack, unpack_kernel

FOLDER = Path(__file__).resolve().parent.parent
LOCK = FOLDER / "lock.json"


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
        packages = archive.locked([tuple(entry) for entry in json.loads(LOCK.read_text())])
    else:
        names = [archive.newest_kernel(contents["kernel"]), *contents["packages"], *contents["compile"]]
        packages = archive.current(names)
    kernel, rest = packages[0], packages[1:]
    guest, tools = rest[: len(contents["packages"])], rest[len(contents["packages"]) :]
    say(f"{kernel.file.name} and {len(rest)} more packages are there after {time.monotonic() - started:.1f} s")

    root, dev = scratch / "root", scratch / "dev"
    unpack([package.file for package in guest], root)
    unpack([package.file for package in tools], dev)
    boot, modules = unpack_kernel(kernel.file, scratch / "kernel", contents["modules"])
    ours = compiling.programs(FOLDER, root, dev, scratch / "ours")
    nodes = image_tree(contents, root, modules, ours)
    nodes["etc/weston.ini"] = cpio.file((FOLDER / "weston.ini").read_bytes())
    made = scratch / "made"
    made.mkdir()
    (made / "vmlinux").write_bytes(vmlinux(boot))
    with (made / "initrd.cpio").open("wb") as out:
        cpio.write(out, nodes)
    (made / "manifest.json").write_text(manifest(made, packages, len(nodes)))
    for result in sorted(made.iterdir()):
        shutil.move(result, into / result.name)
    if renew:
        LOCK.write_text(lock_text(packages))
    megabytes = sum((into / name).stat().st_size for name in ("vmlinux", "initrd.cpio")) / 1e6
    say(f"{len(nodes)} files, {megabytes:.1f} MB with the kernel, in {time.monotonic() - started:.1f} s")


def manifest(made: Path, packages: Sequence[Package], files: int) -> str:
    """What was built and of what, as JSON."""
    results = {path.name: digest(path) for path in sorted(made.iterdir())}
    document: Mapping[str, object] = {
        "version": 1,
        "results": results,
        "files": files,
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
