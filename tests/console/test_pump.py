"""The pump: evidence first, then the listeners, and one writer at a time."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from harness.console.pump import Console
from harness.console.recording import RecordingPort, file_chunks, recorded_chunks
from harness.console.socket_port import SocketPort
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk
from harness.errors import LabError, UsageError
from harness.evidence.journal import Journal, read_events


class FakePort:
    """A port whose reads and writes the test sees."""

    def __init__(self, *reads: bytes) -> None:
        self.reads = list(reads)
        self.written: list[bytes] = []

    async def read(self) -> bytes:
        return self.reads.pop(0) if self.reads else b""

    async def write(self, data: bytes) -> None:
        self.written.append(data)
        await asyncio.sleep(0)

    async def close(self) -> None:
        pass


def run(tmp_path: Path, port: FakePort, cap: int = 1 << 20) -> list[Chunk]:
    journal = Journal(tmp_path / "journal.jsonl")
    console = Console(port, journal, tmp_path / "serial.bin", cap=cap)
    chunks: list[Chunk] = []
    console.on_chunk.append(chunks.append)
    asyncio.run(console.run())
    console.close()
    journal.close()
    return chunks


def test_bytes_are_logged_journalled_and_handed_on(tmp_path: Path) -> None:
    chunks = run(tmp_path, FakePort(b"one\n", b"two"))
    assert (tmp_path / "serial.bin").read_bytes() == b"one\ntwo"
    events = list(read_events(tmp_path / "journal.jsonl"))
    assert [(e.kind, dict(e.data)) for e in events] == [
        ("serial", {"offset": 0, "len": 4}),
        ("serial", {"offset": 4, "len": 3}),
        ("serial.end", {"kept": 7, "dropped": 0}),
    ]
    assert [(c.offset, c.data, c.host_ns) for c in chunks] == [
        (0, b"one\n", events[0].host_ns),
        (4, b"two", events[1].host_ns),
    ]


def test_a_finished_run_plays_back_the_same_chunks(tmp_path: Path) -> None:
    chunks = run(tmp_path, FakePort(b"RAYOS_A:B\n", b"half", b" a line\n"))
    again = list(recorded_chunks(tmp_path / "serial.bin", read_events(tmp_path / "journal.jsonl")))
    assert again == chunks
    (tmp_path / "serial.bin").write_bytes(b"RAYOS_A:B\nha")
    assert list(recorded_chunks(tmp_path / "serial.bin", read_events(tmp_path / "journal.jsonl"))) == chunks[:1]


def test_over_the_cap_bytes_are_counted_and_nobody_gets_them(tmp_path: Path) -> None:
    chunks = run(tmp_path, FakePort(b"12345", b"67890", b"abcde"), cap=7)
    assert (tmp_path / "serial.bin").read_bytes() == b"1234567"
    assert b"".join(c.data for c in chunks) == b"1234567"
    events = [(e.kind, dict(e.data)) for e in read_events(tmp_path / "journal.jsonl")]
    assert events[2:] == [("serial.cap", {"kept": 7}), ("serial.end", {"kept": 7, "dropped": 8})]


def test_a_log_that_cannot_be_written_is_the_labs_fault(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(LabError, match="serial log"):
        Console(FakePort(), journal, tmp_path / "none" / "serial.bin")
    journal.close()


def test_a_guest_that_dribbles_bytes_cannot_flood_the_journal(tmp_path: Path) -> None:
    async def play() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        port = SocketPort(ours)
        console = Console(port, journal, tmp_path / "serial.bin")
        pump = asyncio.create_task(console.run())
        for _ in range(20_000):
            await asyncio.get_running_loop().sock_sendall(theirs, b"x")
            await asyncio.sleep(0)  # one byte, one turn of the loop: the worst there can be
        theirs.close()
        await pump
        await port.close()
        console.close()

    journal = Journal(tmp_path / "journal.jsonl")
    asyncio.run(play())
    journal.close()
    events = list(read_events(tmp_path / "journal.jsonl"))
    assert sum(e.data["len"] for e in events if e.kind == "serial") == 20_000
    seconds = (events[-1].host_ns - events[0].host_ns) / 1e9
    assert len(events) <= 256 + 4000 * seconds + 8


def test_writes_are_journalled_before_they_are_sent_and_never_mix(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    port = FakePort()
    console = Console(port, journal, tmp_path / "serial.bin")

    async def play() -> None:
        await asyncio.gather(console.write(b"abc", pacing_s=1e-6), console.write(b"xyz", pacing_s=1e-6))

    asyncio.run(play())
    console.close()
    journal.close()
    assert port.written == [b"a", b"b", b"c", b"x", b"y", b"z"]
    assert [e.data["text"] for e in read_events(tmp_path / "journal.jsonl")] == ["abc", "xyz"]


def test_a_recording_plays_any_file_and_refuses_input(tmp_path: Path) -> None:
    path = tmp_path / "any.log"
    path.write_bytes(b"line\n" * 30_000)
    port = RecordingPort(file_chunks(path))
    stream = ConsoleStream()

    async def play() -> int:
        offset = count = 0
        while data := await port.read():
            count += len(stream.feed(Chunk(offset, data, port.stamp_ns())))
            offset += len(data)
        with pytest.raises(UsageError, match="recording"):
            await port.write(b"x")
        await port.close()
        return count

    assert asyncio.run(play()) == 30_000
