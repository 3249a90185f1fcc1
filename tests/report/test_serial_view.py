"""What the report shows of a serial log: its end and the first cause, numbered as the console numbers."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from harness.console import lines as console_lines
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, LineFlag
from harness.report import serial_view as module
from harness.report.journal_scan import Arrival
from harness.report.serial_view import SerialRow, describe, serial_view


def console_numbers(data: bytes, epochs: list[int]) -> list[tuple[int, str]]:
    """Number and text of each line as the console makes them; the pieces of an over-long one put together."""
    stream, found = ConsoleStream(), []
    for begin, end in pairwise([0, *epochs, len(data)]):
        found += stream.feed(Chunk(begin, data[begin:end], 0)) if end > begin else []
        found += stream.new_epoch() if end < len(data) else stream.finish()
    whole: list[tuple[int, str]] = []
    cut = False
    for line in found:
        if cut:
            whole[-1] = whole[-1][0], whole[-1][1] + line.text
        else:
            whole.append((line.number, line.text))
        cut = bool(line.flags & LineFlag.CUT)
    return whole


@given(
    data=st.lists(
        st.sampled_from([b"a", b"b" * 7, b"c" * 16, b"d" * 40, b"\n", b"\n", b"\n\n"]), min_size=1, max_size=60
    ).map(b"".join),
    places=st.lists(st.integers(1, 200), max_size=3),
)
def test_lines_have_the_numbers_that_the_console_gives_them(tmp_path_factory, data: bytes, places: list[int]) -> None:
    log = tmp_path_factory.mktemp("log") / "serial.bin"
    log.write_bytes(data)
    epochs = sorted({p for p in places if p < len(data)})
    small = {"HEAD": 0, "TAIL": 64, "_ALIGN": 8, "LINE_LIMIT": 16, "_BLOCK": 16}
    with patch.multiple(module, **small), patch.object(console_lines, "LINE_LIMIT", 16):
        rows = serial_view(log, epochs=epochs).rows
        expected = console_numbers(data, epochs)
    whole = [(row.number, row.text) for row in rows if row.kind == "line"]
    assert whole == (expected[-len(whole) :] if whole else [])
    for row in rows:
        if row.kind == "rest":
            assert row.text
            assert dict(expected)[row.number].endswith(row.text)


def test_the_real_limits_number_a_long_log_as_the_console_does(tmp_path: Path) -> None:
    data = (
        b"x" * 200_000
        + b"\n"
        + b"short\n" * 50_000
        + b"y" * 65_536
        + b"\n"
        + b"z" * 65_537
        + b"\nlogin: "
        + b"\xc5\x99\r\n" * 10_000
    )
    log = tmp_path / "serial.bin"
    log.write_bytes(data)
    epoch = data.index(b"login: ") + 7
    expected = console_numbers(data, [epoch])
    shown = serial_view(log, epochs=[epoch]).rows
    gap = [row.kind for row in shown].index("gap")
    rows = [(row.number, row.text) for row in shown[gap:] if row.kind == "line"]
    assert len(rows) > 2900
    assert rows == expected[-len(rows) :]


def test_the_line_of_the_first_cause_is_found_far_before_the_end(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    filler = [f"line {i} of a long boot\n".encode() for i in range(1, 20_001)]
    filler[4999] = b"=== PAGE FAULT EXCEPTION ===\n"
    log.write_bytes(b"".join(filler))
    view = serial_view(log, cause_at=sum(map(len, filler[:4999])))
    kinds = [row.kind for row in view.rows]
    cause = next(row for row in view.rows if row.kind == "cause")
    assert cause == SerialRow("cause", 5000, "", "=== PAGE FAULT EXCEPTION ===")
    assert kinds.count("gap") == 2
    assert (kinds[0], view.rows[0].number) == ("line", 1)
    assert 5000 in view.numbers
    assert view.rows[-1].number == 20_000
    around = [row.number for row in view.rows[kinds.index("gap") : view.rows.index(cause) + 200] if row.kind == "line"]
    assert min(around) < 4920
    assert max(around) > 5080


def test_without_a_line_the_place_of_the_first_cause_is_marked(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    log.write_bytes(b"one\ntwo\nthree\n")
    assert [row.text for row in serial_view(log, mark_at=8, mark="silent").rows] == ["one", "two", "silent", "three"]
    assert [row.text for row in serial_view(log, mark_at=0, mark="silent").rows] == ["silent", "one", "two", "three"]
    assert [row.text for row in serial_view(log, mark_at=99, mark="silent").rows][-1] == "silent"
    assert [row.kind for row in serial_view(log, cause_at=4, mark_at=8, mark="not needed").rows] == [
        "line",
        "cause",
        "line",
    ]


def test_lines_have_the_time_of_their_last_byte_where_it_is_known(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    log.write_bytes(b"one\ntwo\nthree\nfour")
    arrivals = [Arrival(0, 5, 1_000_000), Arrival(5, 8, 2_000_000), Arrival(14, 18, 9_000_000)]
    assert [row.time for row in serial_view(log, arrivals=arrivals).rows] == ["0.001 s", "0.002 s", "", "0.009 s"]


def test_a_part_that_begins_inside_a_line_says_so_and_starts_with_a_whole_character(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    log.write_bytes("é".encode() * 100_000 + b"x\n")
    _, gap, rest = serial_view(log).rows
    assert gap.kind == "gap"
    assert rest.kind == "rest"
    assert rest.text.startswith("é")
    assert rest.text.endswith("x")
    assert "characters …" in rest.text
    assert len(rest.text) < 2100


def test_escape_sequences_go_and_control_characters_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    log.write_bytes(b"\x1b[1;31mred\x1b[0m \x07\x00\xff\xe2\x80\xae\r\n")
    assert serial_view(log).rows[0].text == "red ␇␀\ufffd\ufffd"


def test_a_missing_or_empty_log_is_empty(tmp_path: Path) -> None:
    assert serial_view(tmp_path / "serial.bin").rows == []
    (tmp_path / "serial.bin").touch()
    assert serial_view(tmp_path / "serial.bin", mark_at=0, mark="x").rows == []


def test_what_is_shown_is_said(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    log.write_bytes(b"one\ntwo\n")
    view = serial_view(log)
    assert describe(view, 8, 0) == "All 8 bytes, 2 lines."
    assert describe(view, 8, 2048) == "All 8 bytes, 2 lines. 2.0 KiB more came after serial.bin was full."
    assert describe(view, 3000, 0) == "All 8 bytes, 2 lines. The journal knows of 2.9 KiB: serial.bin is cut."
    log.write_bytes(b"0123456\n" * 10_000)
    assert describe(serial_view(log), 80_000, 0) == "4,500 lines, 35.2 KiB of 78.1 KiB."


def test_a_hundred_megabytes_are_not_read_into_memory(tmp_path: Path) -> None:
    log = tmp_path / "serial.bin"
    with log.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    view = serial_view(log, cause_at=50 * 1024 * 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024
    assert view.rows[-1].number == 1
