"""The gdbstub's client against a stub that says what it is told to: packets, stray stops, refusals, silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import LabError, ProtocolError, TargetLost, UsageError
from harness.targets import gdbstub
from harness.targets.gdbline import GdbError
from harness.targets.gdbpacket import Acknowledged, Packets, Refused, packet
from harness.targets.gdbstub import GdbStub, Stop
from harness.timeouts import Timeouts

RIP = 16 * 16  # hex digits of the 16 registers before it


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main

    asyncio.run(bounded())


def registers(rip: int) -> bytes:
    values = bytearray(b"0" * (17 * 16 + 7 * 8))
    values[RIP : RIP + 16] = rip.to_bytes(8, "little").hex().encode()
    return bytes(values)


class Stub:
    """A gdbstub of canned answers. `asked` is what came, without acknowledgements."""

    def __init__(self, answers: dict[bytes, list[bytes]], greeting: bytes) -> None:
        self.answers = {b"qSupported": [b"PacketSize=1000"], **answers}
        self.greeting = greeting
        self.asked: list[bytes] = []
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        writer.write(self.greeting)
        packets = Packets()
        while data := await reader.read(4096):
            interrupted = data.endswith(b"\x03")
            for item in packets.feed(data.removesuffix(b"\x03")):
                if isinstance(item, bytes):
                    self.asked.append(item)
                    writer.write(b"+" + b"".join(self._answer(item)))
            if interrupted:
                self.asked.append(b"\x03")
                writer.write(packet(b"T02thread:01;"))
        writer.close()

    def _answer(self, asked: bytes) -> Iterable[bytes]:
        waiting = self.answers.get(asked, [])
        return [packet(waiting.pop(0) if len(waiting) > 1 else waiting[0])] if waiting else []


@asynccontextmanager
async def joined(folder: Path, answers: dict[bytes, list[bytes]], greeting: bytes = b"") -> AsyncIterator[Any]:
    stub = Stub(answers, greeting)
    path = folder / "stub"
    async with await asyncio.start_unix_server(stub.serve, path):
        client = await GdbStub.connect(path)
        try:
            yield client, stub
        finally:
            await client.close()


@pytest.mark.parametrize("cut", range(1, 12))
def test_packets_come_out_whole_wherever_the_stream_is_cut(cut: int) -> None:
    stream, packets = b"+" + packet(b"T05thread:01;") + b"-" + packet(b""), Packets()
    out = [*packets.feed(stream[:cut]), *packets.feed(stream[cut:])]
    assert out == [Acknowledged.YES, b"T05thread:01;", Refused.YES, b""]


def test_runs_and_escapes_unfold() -> None:
    assert list(Packets().feed(packet(b"0*\x22x}\x03"))) == [b"000000x#"]  # 0x22 - 29 = 5 more


@pytest.mark.parametrize(
    ("stream", "what"),
    [(b"$OK#00", "wrong checksum"), (b"HTTP/1.1", "no gdbstub"), (b"$" + b"0" * 70000, "more than")],
)
def test_what_is_no_packet_is_a_protocol_error(stream: bytes, what: str) -> None:
    with pytest.raises(ProtocolError, match=what):
        list(Packets().feed(stream))


def test_the_stop_that_connecting_causes_is_no_answer_and_no_stop(tmp_path: Path) -> None:
    async def main() -> None:
        stray = packet(b"T02thread:01;")
        async with joined(tmp_path, {b"g": [registers(0x1234)]}, stray) as (gdb, _):
            assert (await gdb.registers()).pc == 0x1234
            with pytest.raises(LabError, match="did not stop within"):
                await gdb.stopped(0)

    run(main())


def test_a_machine_at_a_breakpoint_is_stepped_over_it(tmp_path: Path) -> None:
    async def main() -> None:
        answers = {
            b"g": [registers(0x1000), registers(0x1001), registers(0x2000)],
            b"Z0,1000,1": [b"OK"],
            b"s": [b"T05thread:01;"],
            b"c": [b"T05thread:01;watch:8000;"],
        }
        async with joined(tmp_path, answers) as (gdb, stub):
            await gdb.set_breakpoint(0x1000)
            await gdb.resume()
            assert await gdb.stopped(10) == Stop(gdbstub.SIGTRAP, 0x2000, 0x8000)
            assert stub.asked == [b"qSupported", b"Z0,1000,1", b"g", b"s", b"g", b"c", b"g"]

    run(main())


def test_a_running_machine_is_asked_nothing(tmp_path: Path) -> None:
    """QEMU would drop the packet's first byte and stop."""

    async def main() -> None:
        async with joined(tmp_path, {b"g": [registers(0)], b"c": []}) as (gdb, stub):
            await gdb.resume()
            with pytest.raises(LabError, match="the machine runs"):
                await gdb.read(0, 1)
            await gdb.interrupt()
            assert stub.asked == [b"qSupported", b"g", b"c", b"\x03", b"g"]

    run(main())


def test_memory_is_taken_in_pieces_that_fit_and_refused_where_it_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        answers = {
            b"Qqemu.PhyMemMode:0": [b"OK"],
            b"m1000,400": [b"ab" * 1024],
            b"m1400,1": [b"cd"],
            b"m9000,4": [b"E14"],
            b"M1000,2:0102": [b"OK"],
        }
        async with joined(tmp_path, answers) as (gdb, _):
            assert await gdb.read(0x1000, 1025) == b"\xab" * 1024 + b"\xcd"
            await gdb.write(0x1000, b"\1\2")
            with pytest.raises(GdbError, match="4 bytes at 0x9000"):
                await gdb.read(0x9000, 4)

    run(main())


@pytest.mark.long
def test_a_stub_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with joined(tmp_path, {}) as (gdb, _):
            monkeypatch.setattr(gdbstub, "TIMEOUTS", Timeouts(gdb_command=0.0))
            with pytest.raises(LabError, match="did not answer g"):
                await gdb.registers()

    run(main())


def test_who_waits_for_a_stop_hears_that_qemu_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with joined(tmp_path, {b"g": [registers(0)], b"c": []}) as (gdb, stub):
            await gdb.resume()
            waiting = asyncio.create_task(gdb.stopped())
            assert stub.writer is not None
            stub.writer.close()
            with pytest.raises(TargetLost, match="gdbstub"):
                await waiting
            with pytest.raises(TargetLost):
                await gdb.interrupt()

    run(main())


def test_nobody_there_is_a_lost_target_and_an_unknown_machine_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(TargetLost, match="no gdbstub listens"):
        asyncio.run(GdbStub.connect(tmp_path / "none"))
    with pytest.raises(UsageError, match="mips"):
        asyncio.run(GdbStub.connect(tmp_path / "none", "mips"))
