"""A console behind a serial URL: /dev/ttyUSB0, rfc2217://, socket://, loop:// and pyserial's others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from harness.console.pump import write_paced
from harness.console.serial_links import ThreadLink, TtyLink
from harness.console.socket_port import SocketPort
from harness.errors import LabError, TargetLost, UsageError
from harness.timeouts import TIMEOUTS, host

_AGAIN = 0.5  # s from one try to open a port that is there to the next

Flow = Literal["none", "rtscts", "xonxoff"]


class SerialPort:
    """A byte port over a serial URL. `open` it before use; after a TargetLost `reattach` brings the same port back.

    :param baud: bits a second, 8N1; means nothing on a socket.
    :param flow: flow control.
    :param pacing_s: seconds between two bytes sent, for a receiver without a FIFO.
    """

    def __init__(self, url: str, *, baud: int = 115200, flow: Flow = "none", pacing_s: float = 0.0) -> None:
        self.name = url
        self._baud = baud
        self._flow = flow
        self._pacing_s = pacing_s
        self._link: TtyLink | ThreadLink | SocketPort | None = None
        self._closed = False

    async def open(self) -> None:
        """Open and lock the port.

        :raises harness.errors.UsageError: if the URL or a setting makes no sense.
        :raises harness.errors.LabError: if the port is missing, refuses, or another program has it.
        """
        try:
            async with asyncio.timeout(host(TIMEOUTS.port_open)):
                self._link = await (self._connect() if self.name.startswith("socket://") else self._open())
        except TimeoutError:
            raise LabError(f"{self.name} did not open within {host(TIMEOUTS.port_open):g} s") from None

    async def read(self) -> bytes:
        """Next bytes; `b""` only after `close`.

        :raises harness.errors.TargetLost: if the port went away.
        """
        if self._link is not None:
            data = await self._link.read()
            if data:
                return data
        if self._closed:
            return b""
        raise TargetLost(f"the serial port {self.name} went away", "check the cable and the board's power")

    def unread(self) -> int:
        """Always 0: what lies in the other machine's UART, the cable and the driver cannot be known."""
        return 0

    async def write(self, data: bytes) -> None:
        """Send all of *data*.

        :raises harness.errors.TargetLost: if the port went away.
        """
        if self._link is None:
            raise TargetLost(f"the serial port {self.name} is not open")
        await write_paced(self._link.write, data, self._pacing_s)

    async def close(self) -> None:
        """Close and unlock the port; a pending read ends with `b""`."""
        self._closed = True
        await self._drop()

    async def reattach(self, timeout: float) -> None:
        """Open the port again once it is back. A tty's folder tells when; a network peer is tried again and again.

        :param timeout: seconds of host time.
        :raises harness.errors.TargetLost: if it does not come back in time.
        """
        await self._drop()
        reason = ""
        try:
            async with asyncio.timeout(timeout):
                async for _ in _chances(self.name):
                    try:
                        await self.open()
                    except LabError as error:
                        reason = error.what
                    else:
                        return
        except TimeoutError:
            raise TargetLost(f"the serial port {self.name} did not come back within {timeout:g} s: {reason}") from None

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _connect(self) -> SocketPort:
        address = urlsplit(self.name)
        try:
            name, port = address.hostname, address.port
        except ValueError as error:
            raise UsageError(f"{self.name}: {error}") from error
        if not name or not port:
            raise UsageError(f"{self.name} names no host and port", "write socket://HOST:PORT")
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        try:
            infos = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise LabError(f"cannot connect to {self.name}: {error}") from error
        for family, kind, protocol, _, place in infos:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, place)
            except OSError as error:
                failure = error
                sock.close()
            except BaseException:
                sock.close()
                raise
            else:
                return SocketPort(sock, self.name)
        raise LabError(f"cannot connect to {self.name}: {failure}") from failure

    async def _open(self) -> TtyLink | ThreadLink:
        import serial

        try:
            port = serial.serial_for_url(
                self.name,
                do_not_open=True,
                baudrate=self._baud,
                rtscts=self._flow == "rtscts",
                xonxoff=self._flow == "xonxoff",
                exclusive=True,
            )
            await asyncio.to_thread(port.open)  # RFC 2217 negotiates, and sleeps while it does
        except ValueError as error:
            raise UsageError(f"the serial port {self.name} cannot be: {error}") from error
        except (serial.SerialException, OSError) as error:
            hint = (
                "another program has it open"
                if "lock" in str(error)
                else "check the path, the cable and your rights (group dialout)"
            )
            raise LabError(f"cannot open the serial port {self.name}: {error}", hint) from error
        return TtyLink(port, self.name) if type(port) is serial.Serial else ThreadLink(port, self.name)


async def _chances(url: str) -> AsyncIterator[None]:
    """Yield now, and whenever opening *url* may have become possible."""
    if "://" not in url:
        async for _ in _appearances(Path(url)):
            yield
    delay = 0.05
    while True:
        yield
        await asyncio.sleep(delay)  # a peer that refuses connections gives no event when it stops refusing
        delay = min(delay * 2, 1.0)


def _until_next_try(path: Path) -> float | None:
    return _AGAIN if path.exists() else None  # nothing to try before it is there


async def _appearances(path: Path) -> AsyncIterator[None]:
    """Yield now, and whenever the file, or the folder that it will be in, was made or changed; of a file that is there
    from time to time, too: nothing tells when another program that has it open gives it back.
    """
    from asyncinotify import Inotify, Mask

    while True:
        folder, name = path.parent, path.name
        while not folder.is_dir():  # udev removes /dev/serial/by-id with its last link
            folder, name = folder.parent, folder.name
        with Inotify() as inotify:
            inotify.add_watch(folder, Mask.CREATE | Mask.MOVED_TO | Mask.ATTRIB | Mask.DELETE_SELF)
            yield  # with the watch set: what happens from now on is not missed
            while True:
                try:
                    async with asyncio.timeout(_until_next_try(path)):
                        event = await inotify.get()
                except TimeoutError:
                    break
                if event.name is None or event.name.name == name:
                    break
