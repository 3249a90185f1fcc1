"""Compiles our own programs against the image's libraries."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from apt import BuildError

_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none", "-s"]
_PROTOCOLS = {
    "xdg-shell": "stable/xdg-shell/xdg-shell.xml",
    "presentation-time": "stable/presentation-time/presentation-time.xml",
}
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def toolchain() -> dict[str, str]:
    """What of this host goes into the image: the versions of its tools, and the C library that /init is linked with.

    :raises BuildError: if a tool is missing.
    """
    library = Path(_output("gcc", "-print-file-name=libc.a"))
    if not library.is_absolute():
        raise BuildError("gcc has no libc.a here: install the Debian package libc6-dev")
    tools = {name: _output(name, "--version").partition("\n")[0] for name in ("gcc", "ld", "strip")}
    return {**tools, "libc.a": hashlib.sha256(library.read_bytes()).hexdigest()}


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except FileNotFoundError:
        raise BuildError(f"there is no {command[0]} here: install the Debian packages gcc and binutils") from None
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{' '.join(command)} failed: {error.stderr.strip()}") from None


def programs(folder: Path, root: Path, dev: Path, into: Path) -> dict[str, bytes]:
    """The agent, the client and the Weston module, by path in the image.

    :param folder: of this image. Its neighbour `reference` has the porting kit, which the agent speaks by.
    :param root: the image's packages, unpacked; *dev*: those with headers and the protocol compiler.
    :raises BuildError: with the compiler's words.
    """
    into.mkdir()
    kit = folder.parent / "reference/kit"
    shared = [f"-I{folder / 'client'}"]
    agent = [*sorted(folder.glob("agent/*.c")), kit / "rayos_kit.c"]
    _compile(into / "init", agent, [f"-I{kit}", *shared, "-static"])

    headers = [f"-I{dev}/usr/include", f"-I{into}"]
    glue = [_protocol(dev, root, name, file, into) for name, file in _PROTOCOLS.items()]
    client = [*sorted(folder.glob("client/*.c")), *glue]
    _compile(into / "rayos-client", client, [*headers, *_libraries(root, "libwayland-client.so.0")])

    weston = [*headers, f"-I{dev}/usr/include/libweston-10", f"-I{dev}/usr/include/pixman-1", "-shared", "-fPIC"]
    libraries = _libraries(root, "libweston-10.so.0", "libweston-desktop-10.so.0", "libwayland-server.so.0")
    _compile(into / "rayos-place.so", sorted(folder.glob("place/*.c")), [*weston, *libraries])
    return {
        "init": (into / "init").read_bytes(),
        "usr/bin/rayos-client": (into / "rayos-client").read_bytes(),
        f"{_LIBRARIES}/weston/rayos-place.so": (into / "rayos-place.so").read_bytes(),
    }


def _libraries(root: Path, *names: str) -> list[str]:
    # What these need in their turn is looked up by the image's loader, not here.
    return [*(str(root / _LIBRARIES / name) for name in names), "-Wl,--allow-shlib-undefined"]


def _protocol(dev: Path, root: Path, name: str, file: str, into: Path) -> Path:
    """Header and code of a Wayland protocol; the path of the code."""
    source = dev / "usr/share/wayland-protocols" / file
    folders = [tree / lib for tree in (dev, root) for lib in (_LIBRARIES, "lib/x86_64-linux-gnu")]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}
    for kind, suffix in (("client-header", "-client.h"), ("private-code", ".c")):
        _run([dev / "usr/bin/wayland-scanner", kind, source, into / f"{name}{suffix}"], environment)
    return into / f"{name}.c"


def _compile(target: Path, sources: list[Path], flags: list[str]) -> None:
    # -ffile-prefix-map: no path of this host in the program.
    _run(["gcc", *_FLAGS, f"-ffile-prefix-map={target.parent}=.", "-o", target, *sources, *flags])


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"there is no {command[0]} here: install the Debian packages gcc and libc6-dev") from None
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed:\n{done.stderr.strip()}")
