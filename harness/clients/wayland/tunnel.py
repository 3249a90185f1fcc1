"""The way to a guest's compositor through its control channel (docs/protocol.md, "Wayland tunnel")."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Protocol, Self

from harness.clients.codec import PAYLOAD_LIMIT, Reply
from harness.clients.wayland.codec import Fd
from harness.clients.wayland.errors import Refused
from harness.clients.wayland.transport import Received, Runs, check_range, run_words, split_runs
from harness.errors import ProtocolError, UsageError

READ_LIMIT = 300  # bytes that one answer carries


class Commands(Protocol):
    """What a tunnel needs of a `harness.clients.control.ControlLink`."""

    async def command(self, payload: str) -> Reply:
        """Send one command and return its answer."""


class TunnelFile:
    """A `File` in the guest. Shared memory gets its handle, and what was written before, when it is sent."""

    def __init__(self, tunnel: TunnelTransport, size: int | None, handle: int | None = None) -> None:
        self._tunnel = tunnel
        self._size = size
        self._waiting: list[tuple[int, bytes | Runs]] = []
        self.handle = handle

    async def read(self, at: int = 0, length: int | None = None) -> bytes:
        """See `File.read`.

        :raises UsageError: if it is memory that was not sent yet.
        """
        if self.handle is None:
            raise UsageError("shared memory that was not sent has no content in the guest yet")
        found = bytearray()
        while length is None or len(found) < length:
            want = READ_LIMIT if length is None else min(READ_LIMIT, length - len(found))
            words = await self._tunnel.ask("wire-get", fd=self.handle, at=at + len(found), length=want)
            data = _data(words)
            found += data[:want]
            if not data or at + len(found) >= _number(words, "size"):
                break
        return bytes(found)

    async def put(self, at: int, data: bytes) -> None:
        self._check(at, len(data))
        await self._write(at, data)

    async def fill(self, at: int, runs: Runs) -> None:
        self._check(at, 4 * sum(count for count, _ in runs))
        await self._write(at, runs)

    async def get_handle(self) -> None:
        """Make the memory, which is then the next file descriptor of the connection, and write what waits."""
        if self.handle is not None:
            raise UsageError("a file goes through the tunnel once: make another one")
        assert self._size is not None
        self.handle = _number(await self._tunnel.ask("wire-memory", size=self._size), "fd")
        for at, content in self._waiting:
            await self._write(at, content)
        self._waiting.clear()

    def _check(self, at: int, length: int) -> None:
        if self._size is not None:  # of what the guest sent the guest knows the size
            check_range(self._size, at, length)

    async def _write(self, at: int, content: bytes | Runs) -> None:
        if self.handle is None:
            self._waiting.append((at, content))
        elif isinstance(content, bytes):
            room = self._tunnel.room("wire-put", "data", fd=self.handle, at=at + len(content))
            for start in range(0, len(content), room):
                piece = _text(content[start : start + room])
                await self._tunnel.ask("wire-put", fd=self.handle, at=at + start, data=piece)
        else:
            end = at + 4 * sum(count for count, _ in content)
            room = self._tunnel.room("wire-fill", "runs", fd=self.handle, at=end)
            for runs in split_runs(content, room // 8):
                await self._tunnel.ask("wire-fill", fd=self.handle, at=at, runs=_text(run_words(runs)))
                at += 4 * sum(count for count, _ in runs)


class TunnelTransport:
    """A `Transport` to a guest that handles requests completely before it answers: events come with the answers, and an
    empty answer means that the guest's compositor is idle.

    :param link: the control link, which may be in use for other commands too.
    :param connection: what the guest called it; `open` asks for a new one.
    """

    def __init__(self, link: Commands, connection: int) -> None:
        self._link = link
        self._connection = connection
        self._came: list[Received] = []
        self._closed = False  # by the compositor
        self._done = False  # by us

    @classmethod
    async def open(cls, link: Commands) -> Self:
        """A new connection.

        :raises Refused: if the guest has none left (`limit`).
        """
        return cls(link, _number(await _ask(link, "wire-open"), "conn"))

    async def send(self, data: bytes, fds: Sequence[Fd]) -> None:
        for file in fds:
            if not isinstance(file, TunnelFile):
                raise UsageError(f"{file!r} cannot go through the tunnel: send what its memory() gives")
            await file.get_handle()
        room = self.room("wire-send", "data")
        for start in range(0, len(data), room):
            if self._closed:
                return
            self._take(await self.ask("wire-send", data=_text(data[start : start + room])))

    async def recv(self) -> Received:
        if not self._came and not self._closed:
            self._take(await self.ask("wire-recv"))
        return self._came.pop(0) if self._came else Received(closed=self._closed)

    async def memory(self, size: int) -> TunnelFile:
        return TunnelFile(self, size)

    async def close(self) -> None:
        if not self._done:
            self._done = self._closed = True
            await self.ask("wire-close")

    def room(self, verb: str, last: str, **words: int) -> int:
        """Bytes whose base64 fits in one command behind the verb, these words and the key of the last."""
        return (PAYLOAD_LIMIT - len(self._payload(verb, **words)) - len(f" {last}=")) // 4 * 3

    async def ask(self, verb: str, **words: int | str) -> dict[str, str]:
        """One command about this connection, and the words of its answer.

        :raises Refused: if the guest refused it.
        """
        return await _ask(self._link, self._payload(verb, **words))

    def _payload(self, verb: str, **words: int | str) -> str:
        return " ".join([verb, f"conn={self._connection}", *(f"{key}={value}" for key, value in words.items())])

    def _take(self, words: dict[str, str]) -> None:
        data = _data(words)
        handles = [_decimal(handle, "fds", words) for handle in words["fds"].split(",")] if "fds" in words else []
        queued = _number(words, "queued")
        self._closed = self._closed or words.get("closed") == "1"
        fds = tuple(TunnelFile(self, None, handle) for handle in handles)
        if data or fds:
            self._came.append(Received(data, fds, more=queued > 0 or self._closed))


async def _ask(link: Commands, payload: str) -> dict[str, str]:
    reply = await link.command(payload)
    if not reply.ok:
        raise Refused(payload.partition(" data=")[0], reply.payload)
    return dict(reply.words)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _data(words: dict[str, str]) -> bytes:
    try:
        return b64decode(words.get("data", ""), validate=True)
    except binascii.Error as error:
        raise ProtocolError(f"the guest's answer has unreadable data: {error}: {words['data'][:80]!r}") from None


def _number(words: dict[str, str], key: str) -> int:
    return _decimal(words.get(key, ""), key, words)


def _decimal(text: str, key: str, words: dict[str, str]) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ProtocolError(f"the guest's answer has no number {key}: {words}")
    return int(text)
