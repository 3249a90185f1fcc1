"""Serial URLs: a real pty, a real TCP peer, RFC 2217 with pyserial's own server side."""

from __future__ import annotations

import asyncio
import os
import socket
import termios
import threading
import tty
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import serial
from serial.rfc2217 import PortManager

from harness.console.serial_port import SerialPort
from harness.errors import LabError, TargetLost, UsageError


def play(work: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(limited())


class Board:
    """The other end of a pty, reachable under a name that can come and go like /dev/ttyUSB0."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = -1

    def plug_in(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        new = self.link.with_suffix(".new")
        new.symlink_to(os.ttyname(slave))
        new.rename(self.link)
        os.close(slave)

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


@pytest.fixture
def board(tmp_path: Path) -> Any:
    board = Board(tmp_path / "ttyBOARD")
    board.plug_in()
    yield board
    board.unplug()


def test_a_tty_is_read_and_written_without_a_thread(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link), baud=115200)
        await port.open()
        threads = threading.active_count()
        os.write(board.master, b"\x00RAYOS_A:B\r\n\xff")
        got = b""
        while len(got) < 13:
            got += await port.read()
        assert got == b"\x00RAYOS_A:B\r\n\xff"
        await port.write(b"reboot\r")
        assert os.read(board.master, 100) == b"reboot\r"
        assert threading.active_count() == threads
        await port.close()
        assert await port.read() == b""

    play(work())


def test_a_tty_gets_its_settings(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link), baud=57600, flow="xonxoff")
        await port.open()
        iflag, _, _, lflag, _, speed, _ = termios.tcgetattr(board.master)
        assert speed == termios.B57600
        assert iflag & termios.IXON
        assert not lflag & (termios.ECHO | termios.ICANON)
        await port.close()

    play(work())


def test_a_tty_that_another_has_locked_is_refused(board: Board) -> None:
    async def work() -> None:
        first, second = SerialPort(str(board.link)), SerialPort(str(board.link))
        await first.open()
        with pytest.raises(LabError) as caught:
            await second.open()
        assert caught.value.hint == "another program has it open"
        await first.close()
        await second.open()
        await second.close()

    play(work())


def test_a_tty_that_went_away_is_a_loss_that_names_it(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link))
        await port.open()
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        board.unplug()
        with pytest.raises(TargetLost, match="ttyBOARD"):
            await reading
        await port.close()

    play(work())


def test_a_board_that_comes_back_is_attached_again(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link))
        await port.open()
        os.write(board.master, b"RAYOS_SOAK:COMPL")
        assert await port.read() == b"RAYOS_SOAK:COMPL"
        board.unplug()
        with pytest.raises(TargetLost):
            await port.read()
        back = asyncio.create_task(port.reattach(20))
        await asyncio.sleep(0)
        board.plug_in()
        await back
        os.write(board.master, b"boot\n")
        assert await port.read() == b"boot\n"
        await port.close()

    play(work())


def test_a_board_that_comes_back_with_its_folder_is_attached_again(tmp_path: Path) -> None:
    async def work() -> None:
        board = Board(tmp_path / "serial" / "by-id" / "usb-board")
        port = SerialPort(str(board.link))
        back = asyncio.create_task(port.reattach(20))
        await asyncio.sleep(0)
        board.link.parent.mkdir(parents=True)
        await asyncio.sleep(0)
        board.plug_in()
        await back
        await port.close()
        board.unplug()

    play(work())


def test_a_board_that_stays_away_is_lost(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link))
        await port.open()
        board.unplug()
        with pytest.raises(TargetLost, match=r"did not come back within 0\.05 s: cannot open the serial port"):
            await port.reattach(0.05)

    play(work())


def test_a_missing_tty_is_the_labs_fault_and_nonsense_the_callers(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(LabError, match="cannot open"):
            await SerialPort(str(tmp_path / "ttyNONE")).open()
        with pytest.raises(UsageError, match="cannot be"):
            await SerialPort("nosuch://thing").open()
        with pytest.raises(UsageError, match="cannot be"):
            await SerialPort(str(tmp_path), baud=-1).open()
        with pytest.raises(UsageError, match="names no host"):
            await SerialPort("socket://").open()

    play(work())


def test_bytes_are_paced_one_by_one(board: Board) -> None:
    async def work() -> None:
        port = SerialPort(str(board.link), pacing_s=0.001)
        await port.open()
        loop = asyncio.get_running_loop()
        start = loop.time()
        await port.write(b"x" * 21)
        assert loop.time() - start >= 0.02
        await port.close()

    play(work())


def test_a_tcp_port_is_read_written_lost_and_attached_again() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = SerialPort(f"socket://127.0.0.1:{server.getsockname()[1]}")
            await port.open()
            peer, _ = server.accept()
            peer.sendall(b"early bird")
            assert await port.read() == b"early bird"
            await port.write(b"cmd\r")
            assert peer.recv(10) == b"cmd\r"
            peer.close()
            with pytest.raises(TargetLost, match="socket://"):
                await port.read()
            await port.reattach(10)
            peer, _ = server.accept()
            peer.sendall(b"back")
            assert await port.read() == b"back"
            peer.close()
            await port.close()

    play(work())


def test_a_tcp_peer_that_refuses_is_tried_again_until_the_deadline() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TargetLost, match="did not come back"):
            await SerialPort(url).reattach(0.2)

    play(work())


def test_a_loop_port_works_through_its_thread_and_a_cancelled_read_loses_nothing() -> None:
    async def work() -> None:
        port = SerialPort("loop://")
        await port.open()
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await port.write(b"hello")
        got = b""
        while len(got) < 5:
            got += await port.read()
        assert got == b"hello"
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        await port.close()
        assert await reading == b""

    play(work())


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_an_rfc2217_port_works_and_its_loss_is_seen() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            gateway = Gateway(server)
            port = SerialPort(f"rfc2217://127.0.0.1:{server.getsockname()[1]}", baud=57600)
            await port.open()
            await port.write(b"RAYOS_A:B\n\xff")
            got = b""
            while len(got) < 11:
                got += await port.read()
            assert got == b"RAYOS_A:B\n\xff"
            gateway.close()
            with pytest.raises(TargetLost, match="rfc2217://"):
                await port.read()
            await port.close()

    play(work())


class Gateway:
    """A terminal server: one client, a joined port (a pty has no modem lines), pyserial's RFC 2217 in between."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._port = serial.serial_for_url("loop://", timeout=None)
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def write(self, data: bytes) -> None:
        if self._client is not None:
            self._client.sendall(data)

    def close(self) -> None:
        assert self._client is not None
        self._client.shutdown(socket.SHUT_RDWR)
        self._port.cancel_read()
        self._thread.join()
        self._client.close()
        self._port.close()

    def _serve(self) -> None:
        self._client, _ = self._server.accept()
        manager = PortManager(self._port, self)
        reader = threading.Thread(target=self._from_client, args=(self._client, manager))
        reader.start()
        while data := self._port.read(1):
            self.write(b"".join(manager.escape(data)))
        reader.join()

    def _from_client(self, client: socket.socket, manager: PortManager) -> None:
        while data := client.recv(1024):
            self._port.write(b"".join(manager.filter(data)))


def test_a_tty_that_is_back_while_another_has_it_is_attached_when_that_one_gives_it_back(board: Board) -> None:
    async def work() -> None:
        port, other = SerialPort(str(board.link)), SerialPort(str(board.link))
        await port.open()
        board.unplug()
        with pytest.raises(TargetLost):
            await port.read()
        board.plug_in()
        await other.open()
        back = asyncio.create_task(port.reattach(60))
        await asyncio.sleep(0.05)  # until it was refused once; nothing tells of that
        await other.close()
        await back
        await port.close()

    play(work())
