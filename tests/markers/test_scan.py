"""The scan of whole logs."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.markers.rules import Violation
from harness.markers.scan import scan_file
from harness.markers.types import Marker


def test_a_file_and_a_stream_give_the_same(tmp_path: Path) -> None:
    data = b"text\nRAYOS_A:B\n" * 1000
    path = tmp_path / "serial.log"
    path.write_bytes(data)
    assert list(scan_file(path)) == list(scan_file(io.BytesIO(data)))


def test_a_violation_follows_the_marker_that_breaks_the_rule() -> None:
    found = list(scan_file(io.BytesIO(b"RAYOS_SOAK:START:0:1\nRAYOS_SOAK:COMPLETE:maybe\nRAYOS_A:B\n"), validate=True))
    assert [type(item) for item in found] == [Marker, Marker, Violation, Marker]


def test_line_numbers_and_offsets_are_those_of_the_file() -> None:
    data = b"text\n" * 300_000 + b"RAYOS_A:B\n" + b"\n" * 70_000 + b"x RAYOS_C:D\n"
    assert [(m.line, m.offset) for m in scan_file(io.BytesIO(data)) if isinstance(m, Marker)] == [
        (300_001, 1_500_000),
        (370_002, 1_570_012),
    ]


def test_memory_stays_flat_whatever_the_input() -> None:
    class Zeroes(io.RawIOBase):
        """100 MB without one newline."""

        left = 100

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            return b"x" * (1 << 20) if self.left >= 0 else b""

    tracemalloc.start()
    try:
        assert list(scan_file(Zeroes())) == []  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        list(scan_file(tmp_path / "none.log"))
