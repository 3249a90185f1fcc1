"""Unpacks Debian packages, once: what came of them is kept for the next build of the same ones."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import elf
from apt import BuildError, Package
from kernel import vmlinux

_BUSES = ("pci:", "virtio:", "acpi")  # whose devices the agent looks at before it loads a module
_WANTED = ("./boot/vmlinuz-*", "./lib/modules/*/kernel/*.ko")


class Kept:
    """Folders of unpacked packages below *folder*. Those that a build did not ask for go when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"
        self._used: set[Path] = set()

    def get(self, packages: Iterable[Package], more: Iterable[str], make: Callable[[Path], None]) -> Path:
        """The folder that *make* filled from *packages*, now or in a build before.

        :param more: what else it depends on. This program's own text is one of it.
        """
        sources = sorted(Path(__file__).parent.glob("*.py"))
        parts = [*(p.sha256 for p in packages), *more, *(source.read_text() for source in sources)]
        ready = self._folder / hashlib.sha256("\0".join(parts).encode()).hexdigest()
        if not ready.is_dir():
            self._clear()
            self._unfinished.mkdir(parents=True)
            make(self._unfinished)
            self._unfinished.rename(ready)
        self._used.add(ready)
        return ready

    def prune(self) -> None:
        """Remove the folders of other packages."""
        self._clear()
        for folder in [folder for folder in self._folder.iterdir() if folder not in self._used]:
            folder.rename(self._unfinished)  # or who is killed here would leave half of one under its valid name
            self._clear()

    def _clear(self) -> None:
        """Remove what a build that was killed has left."""
        if self._unfinished.exists():
            shutil.rmtree(self._unfinished)


def unpack(packages: Iterable[Package], into: Path) -> None:
    """Unpack *packages* over each other.

    :raises BuildError: if one cannot be.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        files = [package.file for package in packages]
        for file, done in pool.map(lambda f: (f, _run("dpkg-deb", "-x", f, into)), files):
            _check(done, f"{file.name} cannot be unpacked")


def unpack_kernel(package: Package, into: Path, wanted: list[str]) -> None:
    """The kernel as `vmlinux`, its modules *wanted* and those they depend on as `modules/NAME.ko`, and `modules/order`:
    one a line in loading order, its name and the patterns of the devices that it is for (none: it is wanted without).

    Modules are without debugging types and names that nobody links to (a sixth of them), and without their signatures:
    Debian's kernel does not insist on them, and verifying takes time under TCG.
    """
    everything, modules = into / "everything", into / "modules"
    everything.mkdir()
    modules.mkdir()
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package.file], stdout=subprocess.PIPE) as source:
        command = ["tar", "--extract", "--wildcards", "--directory", everything, *_WANTED]
        subprocess.run(command, stdin=source.stdout, check=True)
    if source.returncode:
        raise BuildError(f"{package.file.name} cannot be unpacked")
    files = {path.stem.replace("-", "_"): path for path in everything.rglob("*.ko")}
    needs: dict[str, set[str] | None] = {}  # by module: the aliases of what needs it; None: needed without a device
    for name in wanted:
        _add(name, _aliases(files, name), needs, files)
    _check(_run("strip", "--strip-unneeded", "-R.BTF", *(files[name] for name in needs)), "modules cannot be stripped")
    for name in needs:
        (modules / f"{name}.ko").write_bytes(elf.without_signature(files[name].read_bytes()))
    lines = (" ".join((name, *sorted(aliases or ()))) for name, aliases in needs.items())
    (modules / "order").write_text("".join(f"{line}\n" for line in lines))
    (into / "vmlinux").write_bytes(vmlinux(next(everything.glob("boot/vmlinuz-*")).read_bytes()))
    shutil.rmtree(everything)


def _add(name: str, aliases: set[str], needs: dict[str, set[str] | None], files: Mapping[str, Path]) -> None:
    """Put *name* behind what it depends on; *aliases* are those of the module that it is loaded for."""
    for other in filter(None, elf.module_info(_module(files, name)).get("depends", [""])[0].split(",")):
        _add(other.replace("-", "_"), aliases, needs, files)
    before = needs.get(name, set())
    needs[name] = before | aliases if aliases and before is not None else None


def _aliases(files: Mapping[str, Path], name: str) -> set[str]:
    return {text for text in elf.module_info(_module(files, name)).get("alias", []) if text.startswith(_BUSES)}


def _module(files: Mapping[str, Path], name: str) -> bytes:
    if name not in files:
        raise BuildError(f"the kernel package has no module {name}")
    return files[name].read_bytes()


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"there is no {command[0]} here: install the Debian packages dpkg, gcc and binutils") from None


def _check(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode:
        raise BuildError(f"{what}: {done.stderr.strip()}")
