"""The reference guest's log on its disk, read from outside (docs/reference-guest.md, "The disk's log").

One record a sector of 512 bytes: magic `RLG1`, sequence number (u64), length (u32, at most 480), data, zeros, and at
offset 508 the CRC-32 of all before it; little-endian. The first record's number is 1, or follows on what was trimmed
away; the log ends before the first sector that is no valid record with the next number.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

SECTOR = 512
MOST_DATA = 480
MOST_RECORDS = 1 << 17  # of a log that is read: 64 MiB
_MAGIC = b"RLG1"
_HEAD = struct.Struct("<4sQI")
_CHUNK = 128  # sectors


@dataclass(frozen=True, slots=True)
class DiskLog:
    """What stands on the disk: record n is `records[n - first]`; `torn`: what follows is no record, nor zero."""

    first: int
    records: tuple[bytes, ...]
    torn: bool

    def record(self, sequence: int) -> bytes | None:
        """The data of that record; None if it is not there."""
        index = sequence - self.first
        return self.records[index] if 0 <= index < len(self.records) else None


def read_log(read: Callable[[int, int], bytes]) -> DiskLog:
    """The log on the disk of which *read* gives bytes: (offset, length), fewer at its end.

    :raises: what *read* raises.
    """
    records: list[bytes] = []
    first = 1
    while len(records) < MOST_RECORDS:
        chunk = read(len(records) * SECTOR, _CHUNK * SECTOR)
        whole = len(chunk) // SECTOR
        for number in range(whole):
            sector = chunk[number * SECTOR : (number + 1) * SECTOR]
            if not records:
                first = max(1, int.from_bytes(sector[4:12], "little"))
            data = record_data(sector, first + len(records))
            if data is None:
                return DiskLog(first if records else 1, tuple(records), any(sector))
            records.append(data)
        if whole < _CHUNK:
            break
    return DiskLog(first, tuple(records), torn=False)


def record_data(sector: bytes, sequence: int) -> bytes | None:
    """The data of the record in *sector*; None if it is not exactly the record *sequence*."""
    if len(sector) != SECTOR:
        return None
    magic, number, length = _HEAD.unpack_from(sector)
    if magic != _MAGIC or number != sequence or length > MOST_DATA:
        return None
    if zlib.crc32(sector[:-4]) != int.from_bytes(sector[-4:], "little"):
        return None
    data, rest = sector[_HEAD.size : _HEAD.size + length], sector[_HEAD.size + length : -4]
    return None if any(rest) else data
