"""Ports of a started QEMU: files and FIFO, several lives, guests on the console."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.console.socket_port import SocketPort
from harness.errors import TargetLost
from harness.targets.birth import make_file_pair
from harness.targets.ports import FilePair, LifePort, SharedConsole


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main

    asyncio.run(bounded())


def pair() -> tuple[SocketPort, socket.socket]:
    near, far = socket.socketpair()
    return SocketPort(near), far


async def read_all(port: LifePort) -> bytes:
    out = b""
    while data := await port.read():
        out += data
    return out


def test_what_qemu_writes_to_the_file_is_read_and_what_we_send_is_in_the_fifo(tmp_path: Path) -> None:
    async def main() -> None:
        make_file_pair(tmp_path / "console")
        port = FilePair(tmp_path / "console")
        qemu_in = os.open(tmp_path / "console.in", os.O_RDWR)
        qemu_out = os.open(tmp_path / "console.out", os.O_RDWR)
        os.write(qemu_out, b"hello")
        assert await port.read() == b"hello"
        await port.write(b"x" * 10)
        assert os.read(qemu_in, 100) == b"x" * 10
        os.write(qemu_out, b"last")
        port.finish()
        assert await port.read() == b"last"
        assert await port.read() == b""
        await port.close()
        await port.close()
        with pytest.raises(TargetLost):
            await port.write(b"y")
        os.close(qemu_in)
        os.close(qemu_out)

    run(main())


def test_a_fifo_that_nobody_empties_holds_the_writer_and_not_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        make_file_pair(tmp_path / "console")
        port = FilePair(tmp_path / "console")
        qemu_in = os.open(tmp_path / "console.in", os.O_RDWR)
        data = os.urandom(200_000)
        writing = asyncio.create_task(port.write(data))
        got = b""
        while len(got) < len(data):
            got += await asyncio.to_thread(os.read, qemu_in, 65536)
        await writing
        assert got == data
        await port.close()
        os.close(qemu_in)

    run(main())


def test_the_end_of_the_only_life_is_the_end() -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        far.send(b"abc")
        far.close()
        assert await read_all(port) == b"abc"
        assert first._closed
        with pytest.raises(TargetLost):
            await port.write(b"x")

    run(main())


def test_an_announced_life_goes_on_where_the_last_byte_of_the_old_one_was() -> None:
    async def main() -> None:
        port, (first, far1), (second, far2) = LifePort(), pair(), pair()
        port.attach(first)
        reader = asyncio.create_task(read_all(port))
        far1.send(b"one ")
        await asyncio.sleep(0)
        drained = await port.announce()
        assert not drained.done()
        far1.send(b"end ")
        far1.close()
        await drained
        port.attach(second)
        await port.write(b"in")
        assert far2.recv(10) == b"in"
        far2.send(b"two")
        far2.close()
        assert await reader == b"one end two"

    run(main())


def test_a_port_that_nobody_reads_is_drained_at_once() -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        assert (await port.announce()).done()
        assert first._closed
        far.close()

    run(main())


def test_a_relaunch_that_fails_ends_the_reader() -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        reader = asyncio.create_task(read_all(port))
        await asyncio.sleep(0)
        drained = await port.announce()
        far.close()
        await drained
        await port.abandon()
        assert await reader == b""

    run(main())


def test_a_reader_that_goes_while_a_life_is_awaited_does_not_end_the_wait() -> None:
    async def main() -> None:
        port, (first, far1), (second, far2) = LifePort(), pair(), pair()
        port.attach(first)
        reader = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        drained = await port.announce()
        far1.close()
        await drained
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        port.attach(second)
        far2.send(b"two")
        assert await port.read() == b"two"
        await port.close()
        far2.close()

    run(main())


def test_an_abandoned_port_gives_its_rest_and_keeps_no_descriptor() -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        far.send(b"abc")
        assert await port.read() == b"abc"
        far.send(b"rest")
        far.close()
        await port.abandon()
        assert first._closed
        assert port.unread() == 4
        assert await port.read() == b"rest"
        assert port.unread() == 0
        assert await port.read() == b""

    run(main())


def test_abandoning_leaves_a_reader_to_its_end() -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        reader = asyncio.create_task(read_all(port))
        await asyncio.sleep(0)
        await port.abandon()
        far.send(b"late")
        far.close()
        assert await reader == b"late"

    run(main())


def test_nothing_can_be_read_or_written_before_the_first_life() -> None:
    async def main() -> None:
        port = LifePort()
        with pytest.raises(TargetLost, match="not been started"):
            await port.write(b"x")
        assert await port.read() == b""
        await port.close()

    run(main())


def test_people_who_join_see_the_console_and_can_type(tmp_path: Path) -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        shared = SharedConsole(port, tmp_path / "console")
        await shared.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "console")
        writer.write(b"typed")
        assert await asyncio.to_thread(far.recv, 100) == b"typed"
        pump = asyncio.create_task(read_all(port))
        far.send(b"shown")
        assert await reader.readexactly(5) == b"shown"
        far.close()
        assert await pump == b"shown"
        await shared.close()
        assert await reader.read() == b""
        writer.close()

    run(main())


def test_one_who_joins_and_does_not_read_holds_up_nobody_and_no_memory(tmp_path: Path) -> None:
    async def main() -> None:
        port, (first, far) = LifePort(), pair()
        port.attach(first)
        shared = SharedConsole(port, tmp_path / "console")
        await shared.start()
        stuck = socket.socket(socket.AF_UNIX)
        await asyncio.to_thread(stuck.connect, str(tmp_path / "console"))
        stuck.send(b"!")
        assert await asyncio.to_thread(far.recv, 1) == b"!"  # it has been let in
        sending = asyncio.create_task(asyncio.to_thread(lambda: (far.sendall(b"x" * 8_000_000), far.close())))
        assert len(await read_all(port)) == 8_000_000
        await sending
        (guest,) = shared._guests
        assert guest.transport.get_write_buffer_size() < 2 << 20
        await shared.close()
        stuck.close()

    run(main())
