"""What must hold for any bytes whatever."""

from __future__ import annotations

import io
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.console.stream import ConsoleStream
from harness.console.types import LINE_LIMIT, Chunk, Line
from harness.markers.grammar import TEXT_LIMIT
from harness.markers.parser import MarkerParser
from harness.markers.scan import scan, scan_file
from harness.markers.types import Marker

# Pieces that mean something to the parser, so that random streams reach its corners.
PIECES = [
    b"RAYOS_",
    b"RAYOS_SOAK",
    b"RAYOS_SOAK:START:4:60",
    b"RAYOS_KBD_ASCII=0x61",
    b"RAYOS_A:B c=d, e=f g",
    b"RAY",
    b"OS_X",
    b":",
    b"::",
    b"=",
    b"#",
    b"*0000",
    b"*0011A7",
    b"[",
    b"]",
    b"] a=b",
    b" ",
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b",",
    b"word ",
    b"[    3.141592] ",
    b"<6>",
    b"\x1b[0m",
    b"\x1b]0;t\x07",
    b"\x1b",
    b"\x00",
    b"\xff",
    b"\xe2\x94\x82",
    b"\xe2",
    b"pass",
    b"00000",
    b"'",
]
stream_bytes = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=60).map(b"".join),
)


def read(chunks: list[bytes]) -> tuple[list[Line], list[Marker]]:
    stream, parser, offset = ConsoleStream(), MarkerParser(), 0
    lines: list[Line] = []
    for data in chunks:
        lines += stream.feed(Chunk(offset, data, 0))
        offset += len(data)
        partial = stream.partial
        assert partial is None or len(partial.text) <= 4096
    lines += stream.finish()
    return lines, [marker for line in lines for marker in parser.feed(line)] + parser.finish()


@given(stream_bytes, st.lists(st.integers(0, 300), max_size=12))
@settings(max_examples=300)
def test_lines_and_markers_do_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert read([data[a:b] for a, b in pairwise(places)]) == read([data])


@given(stream_bytes)
@settings(max_examples=300)
def test_every_byte_is_in_exactly_one_line(data: bytes) -> None:
    lines = read([data])[0]
    assert b"".join(line.raw for line in lines) == data.replace(b"\n", b"") or b"\r" in data
    for line, following in pairwise(lines):
        between = data[line.offset + len(line.raw) : following.offset]
        assert between.strip(b"\r") in {b"\n", b""}
        assert following.number == line.number + 1


@given(stream_bytes)
@settings(max_examples=300)
def test_text_holds_no_control_character_and_marker_text_is_bounded(data: bytes) -> None:
    lines, markers = read([data])
    for line in lines:
        assert not any(
            (ord(c) < 0x20 and c != "\t") or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in line.text
        )
    assert all(len(marker.text) <= TEXT_LIMIT + 1 for marker in markers)


@given(stream_bytes, st.integers(1, 64))
@settings(max_examples=500)
@example(b"RAY\x1b[0mOS_X:Y\n", 64)
@example(b"RAYOS_ARAYOS_B\nrest\n", 1)
def test_the_fast_scan_equals_the_parser_fed_line_by_line(data: bytes, block: int) -> None:
    assert list(scan(_Dribble(data, block), MarkerParser())) == read([data])[1]


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.integers(0, 40), st.sampled_from([b"a", b" "])), max_size=8))
@settings(max_examples=60)
def test_the_fast_scan_equals_the_parser_around_lines_that_are_cut(parts: list[tuple[bytes, int, bytes]]) -> None:
    data = b"".join(fill * (LINE_LIMIT - near) + piece for piece, near, fill in parts)
    assert list(scan(_Dribble(data, 1 << 20), MarkerParser())) == read([data])[1]


@given(stream_bytes)
@settings(max_examples=100)
def test_rules_never_raise(data: bytes) -> None:
    list(scan_file(io.BytesIO(data), validate=True))


class _Dribble(io.BytesIO):
    """A stream that gives at most *block* bytes at once, as a pipe may."""

    def __init__(self, data: bytes, block: int) -> None:
        super().__init__(data)
        self._block = block

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(self._block)
