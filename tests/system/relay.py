"""A serial cable as a test has it: a pty on our side, a socket on the board's, and what is done to the bytes between.

Runs in a thread of its own, so that it serves a harness in the same process or in another.
"""

from __future__ import annotations

import json
import os
import random
import selectors
import socket
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Self

from harness.console.distortion import Damage

KERNEL = Path(__file__).parents[2] / "images/reference/build/reference.elf"
Spoil = Callable[[bytes], bytes]


def harmless(data: bytes) -> bytes:
    return data


def loses(every: int, seed: int) -> Spoil:
    """On average one byte in *every* is lost."""
    line = Damage(random.Random(seed).randrange, 10**9, every, lose=True)
    return lambda data: line.take(data, 0).data


def spoils(every: int, seed: int) -> Spoil:
    """On average one byte in *every* arrives as another one, and one in *every* comes from nowhere."""
    draw = random.Random(seed)
    line = Damage(draw.randrange, 10**9, every, lose=False)

    def take(data: bytes) -> bytes:
        noise = (bytes([draw.randrange(256)]) if draw.randrange(every) == 0 else b"" for _ in data)
        return b"".join(bytes([byte]) + more for byte, more in zip(line.take(data, 0).data, noise, strict=True))

    return take


def loses_behind(text: bytes) -> Spoil:
    """The one byte behind the first *text* is lost, however the bytes come."""
    seen = bytearray()
    done: list[bool] = []

    def take(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if not done and seen.endswith(text):
                done.append(True)
                continue
            seen.append(byte)
            out.append(byte)
        return bytes(out)

    return take


def received(board: socket.socket) -> bytes:
    """What the board sent; nothing once it is gone, also where it left without reading what we sent."""
    try:
        return board.recv(4096)
    except ConnectionResetError:
        return b""


class Cable:
    """`link` is the path of our end, `socket` where the board's machine connects its serial port.

    :param ours: what is done to the bytes on their way to us; *theirs*: to the board.
    :param delay: seconds that the bytes to us are on their way.
    :param unplug_after: bytes to us after which the plug is pulled.
    :param away: seconds after which it is put in again; None: it never is.
    """

    def __init__(
        self,
        folder: Path,
        ours: Spoil = harmless,
        theirs: Spoil = harmless,
        *,
        delay: float = 0.0,
        unplug_after: int | None = None,
        away: float | None = None,
    ) -> None:
        self.link = folder / "ttyBOARD"
        self.socket = folder / "cable"
        self.passed = 0
        self._ours, self._theirs, self._left, self._away = ours, theirs, unplug_after, away
        self._delay = delay
        self._back = inf  # when the plug is put in again
        self._late: deque[tuple[float, bytes]] = deque()  # what is on its way to us, and when it arrives
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(1)
        self._master = self._slave = -1
        self._plug()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        self._listener.close()
        self._woken.close()
        self._unplug()

    def _plug(self) -> None:
        self._master, self._slave = os.openpty()  # kept: with nobody on the other side the master reads an error
        tty.setraw(self._slave)
        self.link.symlink_to(os.ttyname(self._slave))

    def _unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        for name in ("_slave", "_master"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)

    def _run(self) -> None:
        with selectors.DefaultSelector() as events:
            board: socket.socket | None = None
            events.register(self._listener, selectors.EVENT_READ)
            events.register(self._master, selectors.EVENT_READ)
            events.register(self._woken, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                due = min(self._late[0][0] if self._late else inf, self._back)
                ready = events.select(None if due == inf else max(due - now, 0))
                while self._late and self._late[0][0] <= time.monotonic():
                    self._to_us(self._late.popleft()[1], events)
                if self._back <= time.monotonic():
                    self._back = inf
                    self._plug()
                    events.register(self._master, selectors.EVENT_READ)
                for key, _ in ready:
                    if key.fileobj is self._woken:
                        if board is not None:
                            board.close()
                        return
                    if key.fileobj is self._listener:
                        board = self._listener.accept()[0]
                        events.register(board, selectors.EVENT_READ)
                    elif key.fileobj is board and board is not None:
                        data = received(board)
                        if not data:
                            events.unregister(board)
                            board.close()
                            board = None
                            continue
                        self._late.append((time.monotonic() + self._delay, self._ours(data)))
                    elif self._master >= 0:
                        data = self._theirs(os.read(self._master, 4096))
                        if board is not None and data:
                            with suppress(OSError):  # it was switched off in this moment
                                board.sendall(data)

    def _to_us(self, data: bytes, events: selectors.BaseSelector) -> None:
        if self._master < 0:
            return
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        while data:
            written = os.write(self._master, data)
            self.passed += written
            data = data[written:]
        if self._left == 0:
            self._left = None
            events.unregister(self._master)
            self._unplug()
            self._back = inf if self._away is None else time.monotonic() + self._away


def reference(cable: Cable, cmdline: str, *more: str, kernel: Path | None = None) -> list[str]:
    """The machine that stands for the board: QEMU with the reference guest, its first serial port on *cable*."""
    argv = ["qemu-system-x86_64", "-nodefaults", "-machine", "q35", "-m", "64", "-bios", "qboot.rom"]
    argv += ["-device", "VGA,romfile=", "-kernel", str(kernel or KERNEL), "-append", cmdline]
    return [
        *argv,
        "-display",
        "none",
        "-chardev",
        f"socket,id=cable,path={cable.socket}",
        "-serial",
        "chardev:cable",
        *more,
    ]


def board_file(
    folder: Path, url: Path | str, machine: list[str], *, head: str = "", power: str = "", tables: str = ""
) -> Path:
    """A board's file: *machine* is started by its power-on command and killed by its power-off.

    :param head: further keys; *power*: of its [power] table; *tables*: behind that.
    """
    pid = folder / "pid"
    switched = [*machine, "-daemonize", "-pidfile", str(pid)]
    off = f"[ ! -e '{pid}' ] || {{ kill $(cat '{pid}'); rm -f '{pid}'; }}"
    on = json.dumps(switched)
    path = folder / "board.toml"
    switching = f'[power]\non = {on}\noff = ["sh", "-c", """{off}"""]\n{power}'
    path.write_text(f'name = "desk"\nurl = "{url}"\n{head}\n{switching}\n{tables}\n')
    return path
