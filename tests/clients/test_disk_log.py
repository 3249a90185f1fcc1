"""The disk's log, read from outside."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients.disk_log import DiskLog, read_log

SECTOR = 512


def sector(
    sequence: int, data: bytes, *, length: int | None = None, rest: bytes = b"", magic: bytes = b"RLG1"
) -> bytes:
    body = magic + struct.pack("<QI", sequence, len(data) if length is None else length) + data + rest
    body = body.ljust(SECTOR - 4, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))


def log_of(*sectors: bytes, count: int = 300) -> DiskLog:
    disk = b"".join(sectors).ljust(count * SECTOR, b"\0")
    return read_log(lambda offset, length: disk[offset : offset + length])


def test_an_empty_disk_holds_no_record_and_nothing_torn() -> None:
    assert log_of() == DiskLog(1, (), torn=False)


@given(st.lists(st.binary(max_size=480), max_size=300), st.integers(1, 2**40))
def test_every_record_up_to_the_first_gap_is_found_with_its_number(data: list[bytes], first: int) -> None:
    log = log_of(*[sector(first + i, d) for i, d in enumerate(data)])
    assert log.records == tuple(data)
    assert [log.record(first + i) for i in range(len(data))] == data
    assert log.record(first + len(data)) is None
    assert log.record(0) is None


@pytest.mark.parametrize(
    "wrong",
    [
        sector(3, b"x"),
        sector(2, b"x", magic=b"RLG2"),
        sector(2, b"x" * 481),
        sector(2, b"x", length=0),
        sector(2, b"x", rest=b"\0y"),
        sector(2, b"x")[:-1] + b"\0",
        b"\0" * 511 + b"\1",
    ],
)
def test_what_is_not_exactly_the_next_record_ends_the_log(wrong: bytes) -> None:
    assert log_of(sector(1, b"one"), wrong, sector(3, b"three")) == DiskLog(1, (b"one",), torn=True)


def test_a_log_that_fills_its_disk_ends_with_it() -> None:
    assert log_of(sector(1, b"a"), sector(2, b"b"), count=2) == DiskLog(1, (b"a", b"b"), torn=False)
