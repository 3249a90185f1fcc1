"""Line assembly and the text of lines."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.console.lines import PARTIAL_LIMIT, LineAssembler
from harness.console.safe import safe
from harness.console.types import LINE_LIMIT, Chunk, Line, LineFlag


def lines(*chunks: bytes) -> list[Line]:
    assembler, out, offset = LineAssembler(), [], 0
    for number, data in enumerate(chunks):
        out += assembler.feed(Chunk(offset, data, number))
        offset += len(data)
    return out


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"tab\there", "tab\there"),
        (b"crlf\r", "crlf"),
        (b"doubled\r\r", "doubled"),
        (b"\rlfcr", "lfcr"),
        (b"10%\r20%", "10%\u240d20%"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07shown", "shown"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPq#0;2\x1b\\after", "after"),
        (b"\x1b(B\x1b)0\x1b=\x1b>\x1b7\x1b8\x1bcdone", "done"),
        (b"\x1b[2J\x1b[01;01HBdsDxe", "BdsDxe"),
        (b"\x1b]never ended", "\u241b]never ended"),
        (b"\x1bRAYOS_A:B", "\u241bRAYOS_A:B"),
        (b"bell\x07nul\x00del\x7f", "bell\u2407nul\u2400del\u2421"),
        ("box │ ok".encode(), "box │ ok"),
        (b"bad \xff byte", "bad \ufffd byte"),
        ("c1 \x9b31m".encode(), "c1 \ufffd31m"),
        ("line\u2028separator".encode(), "line\ufffdseparator"),
    ],
)
def test_text_is_what_a_person_would_read(raw: bytes, text: str) -> None:
    assert [line.text for line in lines(raw + b"\n")] == [text]


def test_raw_keeps_every_byte_but_the_line_end() -> None:
    assert [line.raw for line in lines(b"\x1b[0ma\xff\r\nb\n\r\n")] == [b"\x1b[0ma\xff", b"b", b""]


def test_lines_know_their_place() -> None:
    got = lines(b"a\r\nbb\r\n", b"cc\n", b"d\nee", b"e\n")
    assert [(line.number, line.offset, line.text, line.host_ns) for line in got] == [
        (1, 0, "a", 0),
        (2, 3, "bb", 0),
        (3, 7, "cc", 1),
        (4, 10, "d", 2),
        (5, 12, "eee", 3),
    ]


@given(st.lists(st.sampled_from([b"ab\n", b"c\r\n", b"\n", b"\r\n", b"\r", b"x", b"\xff\n"]), max_size=20))
def test_fast_and_slow_ways_agree(parts: list[bytes]) -> None:
    data = b"".join(parts)
    whole = lines(data)
    byte_by_byte = lines(*(data[n : n + 1] for n in range(len(data))))
    assert [line._replace(host_ns=0) for line in byte_by_byte] == whole


def test_invalid_utf8_is_flagged() -> None:
    assert [line.flags for line in lines(b"ok\n\xff\n\xc3\xa9\n")] == [LineFlag.NONE, LineFlag.INVALID, LineFlag.NONE]


@pytest.mark.parametrize("chunk", [1 << 20, 65_537, 4096])
def test_a_line_too_long_is_cut_and_flagged(chunk: int) -> None:
    data = b"x" * (2 * LINE_LIMIT + 10) + b"\r\nnext\n"
    got = lines(*(data[n : n + chunk] for n in range(0, len(data), chunk)))
    assert [(len(line.raw), line.flags) for line in got] == [
        (LINE_LIMIT, LineFlag.CUT),
        (LINE_LIMIT, LineFlag.CUT),
        (10, LineFlag.NONE),
        (4, LineFlag.NONE),
    ]
    assert [line.offset for line in got] == [0, LINE_LIMIT, 2 * LINE_LIMIT, 2 * LINE_LIMIT + 12]


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    assert [line.flags for line in lines(b"x" * LINE_LIMIT + b"\n")] == [LineFlag.NONE]


def test_a_cut_does_not_split_a_character() -> None:
    got = lines("é".encode() * LINE_LIMIT + b"\n")
    assert not any(LineFlag.INVALID in line.flags for line in got)
    got = lines(b"x" + "é".encode() * LINE_LIMIT + b"\n")
    assert not any(LineFlag.INVALID in line.flags for line in got)


def test_a_prompt_is_visible_before_its_line_ends() -> None:
    assembler = LineAssembler()
    assert assembler.partial() is None
    assembler.feed(Chunk(0, b"boot\nlogin: \x1b[", 7))
    partial = assembler.partial()
    assert partial is not None
    assert (partial.text, partial.flags, partial.number, partial.offset) == ("login: ", LineFlag.PARTIAL, 2, 5)
    assembler.feed(Chunk(14, b"1mroot\xc3", 8))
    partial = assembler.partial()
    assert partial is not None
    assert partial.text == "login: root"
    assert [line.text for line in assembler.feed(Chunk(21, b"\xa9\n", 9))] == ["login: rooté"]
    assert assembler.partial() is None


def test_the_partial_line_is_bounded() -> None:
    assembler = LineAssembler()
    assembler.feed(Chunk(0, b"x" * 60_000 + b"# ", 0))
    partial = assembler.partial()
    assert partial is not None
    assert (len(partial.raw), partial.offset, partial.text[-2:]) == (PARTIAL_LIMIT, 60_002 - PARTIAL_LIMIT, "# ")
    assert assembler.pending == 60_002


def test_pending_counts_the_pieces_of_an_endless_line() -> None:
    assembler = LineAssembler()
    assembler.feed(Chunk(0, b"x" * 200_000, 0))
    assert assembler.pending == 200_000
    assembler.feed(Chunk(200_000, b"\nab", 0))
    assert assembler.pending == 2


def test_flush_ends_the_line_as_it_stands() -> None:
    assembler = LineAssembler()
    assembler.feed(Chunk(0, b"half a li", 0))
    assert [(line.text, line.flags) for line in assembler.flush()] == [("half a li", LineFlag.UNENDED)]
    assert assembler.flush() == []


def test_a_100_mb_line_takes_no_memory() -> None:
    assembler = LineAssembler()
    block = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        for number in range(100):
            for line in assembler.feed(Chunk(number << 20, block, 0)):
                assert LineFlag.CUT in line.flags
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@given(st.text(), st.integers(0, 50))
def test_safe_text_is_safe_and_bounded(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert len(shown) <= limit
    for char in shown:
        code = ord(char)
        assert char == "\t" or (0x20 <= code < 0x7F) or code >= 0xA0
        assert not 0xD800 <= code < 0xE000
        assert code not in {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x2028, 0x2029, 0xFFFE}


def test_safe_text_shows_what_was_there() -> None:
    assert safe("a\x1b[31m\n\u202eb\ud800", 100) == "a\u241b[31m\u240a\ufffdb\ufffd"
    assert safe("a\nb", 100, newlines=True) == "a\nb"
    assert safe("abcdef", 4) == "abc…"
    assert safe("<&>", 9) == "<&>"
