"""The seal of docs/protocol.md: `*`, four hex digits of sequence, two of CRC-8 over all before the CRC."""

from __future__ import annotations

import re


def _table() -> bytes:
    table = bytearray()
    for value in range(256):
        for _ in range(8):
            value = ((value << 1) ^ 0x07 if value & 0x80 else value << 1) & 0xFF  # noqa: PLW2901 - a shift register
        table.append(value)
    return bytes(table)


_TABLE = _table()
SEAL = re.compile(r"\*([0-9A-F]{4})([0-9A-F]{2})(?=[\s\]]|\Z)")
"""A seal at the end of a marker's text."""


def crc8(data: bytes) -> int:
    """CRC-8, polynomial 0x07, initial value 0, not reflected, over *data*."""
    crc = 0
    table = _TABLE
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def seal_ok(text: str, seq: str, crc: str) -> bool:
    """Whether *crc* (two hex digits) is right for the marker *text* with sequence number *seq* (four hex digits)."""
    return crc8((text + seq).encode("utf-8", "surrogatepass")) == int(crc, 16)
