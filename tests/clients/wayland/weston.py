"""Debian's Weston without a screen, and its demo clients, as processes that end with the test."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness.targets.process import ChildProcess
from harness.timeouts import host

LIMIT = host(60.0)  # Weston is ready after 0.1 s, a client's first frames take as long


@asynccontextmanager
async def weston() -> AsyncIterator[Path]:
    """A Weston that is ready; gives its socket, in a folder where clients may make others."""
    with tempfile.TemporaryDirectory(prefix="weston-") as name:  # short: a socket's path has 107 bytes
        folder = Path(name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(folder / "notices"))
            notices.setblocking(False)
            child = ChildProcess.spawn(
                [
                    "weston",
                    "--backend=headless-backend.so",
                    "--use-pixman",
                    "--no-config",
                    "--idle-time=0",
                    "--socket=weston",
                    "--modules=systemd-notify.so",
                ],
                env={"XDG_RUNTIME_DIR": str(folder), "NOTIFY_SOCKET": str(folder / "notices")},
            )
            try:
                async with asyncio.timeout(LIMIT):
                    ready = asyncio.create_task(_ready(notices))
                    ended = asyncio.create_task(child.wait())
                    await asyncio.wait([ready, ended], return_when=asyncio.FIRST_COMPLETED)
                    ready.cancel()
                    ended.cancel()
                    assert child.returncode is None, child.output
                yield folder / "weston"
            finally:
                await child.end()


async def _ready(notices: socket.socket) -> None:
    while b"READY=1" not in await asyncio.get_running_loop().sock_recv(notices, 4096):
        pass


def start(program: str, display: Path) -> ChildProcess:
    """A client of the compositor whose socket is *display*."""
    fonts = {"XDG_CACHE_HOME": str(display.parent / "cache")}
    environment = {"XDG_RUNTIME_DIR": str(display.parent), "WAYLAND_DISPLAY": str(display), **fonts}
    return ChildProcess.spawn([program], env={**environment, "PATH": os.environ["PATH"]})
