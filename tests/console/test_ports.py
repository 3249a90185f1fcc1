"""Ports on sockets and files: real ones."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.console.file_port import FilePort
from harness.console.socket_port import SocketPort
from harness.errors import LabError, TargetLost, UsageError


def play(work: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(limited())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_socket_gives_its_bytes_and_then_its_end() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        port = SocketPort(ours)
        pending = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        theirs.send(b"hello")
        assert await pending == b"hello"
        theirs.send(b"rest")
        theirs.close()
        assert [await port.read(), await port.read()] == [b"rest", b""]
        await port.close()
        await port.close()

    play(work())


def test_a_peer_that_died_with_our_bytes_unread_is_an_end_and_no_accident() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        port = SocketPort(ours)
        await port.write(b"never read")
        theirs.send(b"last words")
        theirs.close()  # as SIGKILL does: the kernel answers our next read with ECONNRESET
        assert await port.read() == b"last words"
        assert await port.read() == b""
        with pytest.raises(TargetLost):
            await port.write(b"x")
        await port.close()

    play(work())


def test_a_write_waits_for_a_slow_reader_and_loses_nothing() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        port, peer = SocketPort(ours), SocketPort(theirs)
        data = bytes(range(256)) * 8192
        writing = asyncio.create_task(port.write(data))
        got = bytearray()
        while len(got) < len(data):
            got += await peer.read()
        await writing
        assert bytes(got) == data
        await port.close()
        await peer.close()

    play(work())


def test_closing_ends_a_pending_read_and_a_pending_write() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        port = SocketPort(ours)
        reading = asyncio.create_task(port.read())
        writing = asyncio.create_task(port.write(b"x" * (1 << 22)))
        await asyncio.sleep(0)
        assert not reading.done()
        assert not writing.done()
        await port.close()
        assert await reading == b""
        with pytest.raises(TargetLost):
            await writing
        theirs.close()

    play(work())


def test_a_cancelled_read_loses_nothing() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        port = SocketPort(ours)
        for _ in range(3):
            reading = asyncio.create_task(port.read())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        theirs.send(b"still here")
        assert await port.read() == b"still here"
        await port.close()
        theirs.close()

    play(work())


def test_a_growing_file_is_followed_without_polling(tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "serial.out"
        path.touch()
        port = FilePort(path)
        writer = os.open(path, os.O_WRONLY)
        reading = asyncio.create_task(port.read())
        for _ in range(3):
            await asyncio.sleep(0)
        assert not reading.done()
        os.write(writer, b"first")
        assert await reading == b"first"
        os.write(writer, b"second")
        assert await port.read() == b"second"
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        os.write(writer, b"last")
        os.close(writer)
        port.finish()
        assert await reading == b"last"
        assert await port.read() == b""
        await port.close()
        await port.close()

    play(work())


def test_an_idle_file_ends_only_when_its_writer_is_known_to_be_gone(tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "serial.out"
        path.write_bytes(b"all")
        port = FilePort(path)
        assert await port.read() == b"all"
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        port.finish()
        assert await reading == b""
        await port.close()

    play(work())


def test_closing_a_followed_file_ends_its_read_and_frees_its_descriptors(tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "serial.out"
        path.touch()
        before = open_files()
        port = FilePort(path)
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        await port.close()
        assert await reading == b""
        assert open_files() == before

    play(work())


def test_a_file_takes_no_input_and_must_exist(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(LabError, match="cannot follow"):
            FilePort(tmp_path / "none")
        path = tmp_path / "serial.out"
        path.touch()
        port = FilePort(path)
        with pytest.raises(UsageError, match="nothing can be sent"):
            await port.write(b"x")
        await port.close()

    play(work())
