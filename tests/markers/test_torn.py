"""Markers that an interrupt handler tore apart."""

from __future__ import annotations

import pytest

from harness.console.stream import ConsoleStream
from harness.console.types import LINE_LIMIT, Chunk, Line
from harness.markers.parser import MarkerParser
from harness.markers.types import Marker, MarkerFlag


def markers(log: str) -> list[Marker]:
    stream, parser = ConsoleStream(), MarkerParser()
    lines = stream.feed(Chunk(0, log.encode(), 0)) + stream.finish()
    return [marker for line in lines for marker in parser.feed(line)] + parser.finish()


WHOLE = [
    "RAYOS_HOST_EVENT_V0:LINUX_PRESENTATION:HIDDEN",
    "RAYOS_SOAK:METRICS_SNAPSHOT:10:2048:1500:60",
    "RAYOS_LINUX_AGENT_READY",
    "RAYOS_KBD_ASCII=0x0000000000000068",
    "RAYOS_VMM:LINUX:READY entry=0x0000000000100200 bp=0x0000000000090000",
    "RAYOS_INTEGRATION:MILESTONE:the desktop is up",
]
INTRUDERS = [
    "RAYOS_KBD_ASCII=0x0000000000000061",
    "RAYOS_INPUT:KEY:3:down:1e:1",
    "[    3.141592] RAYOS_LINUX_AGENT_UP",
    "[RAYOS_GUI_CMD:LAUNCH] app=terminal, window_id=4",
]


@pytest.mark.parametrize("intruder", INTRUDERS)
@pytest.mark.parametrize("whole", WHOLE)
def test_a_marker_torn_at_any_byte_is_joined_again_and_its_intruder_comes_whole(whole: str, intruder: str) -> None:
    alone = markers(intruder + "\n")[0]
    intact = markers(whole + "\n")[0]
    for at in range(1, len(whole)):
        found = markers(f"{whole[:at]}{intruder}\n{whole[at:]}\nplain text\n")
        if whole[at - 1] == " ":  # the first part looks whole, and two markers on a line are nothing special
            assert {m.text for m in found} >= {alone.text, markers(whole[:at] + "\n")[0].text}
            continue
        torn = [m for m in found if m.flags & (MarkerFlag.REJOINED | MarkerFlag.TORN)]
        others = [m for m in found if m not in torn]
        assert [m.text for m in others] == [alone.text], f"torn at {at}: {whole[:at]!r}"
        assert others[0].values == alone.values
        assert [(m.text, m.values, m.tokens) for m in torn] == [(intact.text, intact.values, intact.tokens)], (
            f"torn at {at}"
        )
        assert not torn[0].trusted


@pytest.mark.parametrize("whole", WHOLE[:2])
def test_the_intruder_is_trusted_unless_it_stands_where_a_value_would(whole: str) -> None:
    for at in range(1, len(whole)):
        intruder = next(m for m in markers(f"{whole[:at]}{INTRUDERS[0]}\n{whole[at:]}\n") if m.family == "KBD_ASCII")
        assert intruder.trusted == (whole[at - 1] != ":")


def test_a_torn_marker_whose_rest_never_comes_is_delivered_flagged() -> None:
    found = markers("RAYOS_SOAK:COMPLRAYOS_KBD_ASCII=0x61\nnothing of it here\n")
    assert [(m.text, m.flags) for m in found] == [
        ("RAYOS_KBD_ASCII=0x61", MarkerFlag.PREFIXED),
        ("RAYOS_SOAK:COMPL", MarkerFlag.TORN),
    ]


def test_a_torn_marker_at_the_end_of_the_log_is_not_dropped() -> None:
    assert [m.text for m in markers("RAYOS_SOAK:COMPLRAYOS_KBD_ASCII=0x61\n")] == [
        "RAYOS_KBD_ASCII=0x61",
        "RAYOS_SOAK:COMPL",
    ]


def test_a_marker_without_its_line_end_is_torn() -> None:
    (marker,) = markers("RAYOS_SOAK:START:1")
    assert marker.flags == MarkerFlag.TORN
    assert markers("RAYOS_SOAK:START:1\n")[0].trusted


def test_an_epoch_ends_what_was_torn_in_it() -> None:
    stream, parser = ConsoleStream(), MarkerParser()
    found = [m for line in stream.feed(Chunk(0, b"RAYOS_SOAK:COMRAYOS_KBD_ASCII=0x61\n", 0)) for m in parser.feed(line)]
    for line in [*stream.new_epoch(), *stream.feed(Chunk(35, b"PLETE:pass\n", 0))]:
        found += parser.feed(line)
    assert [(m.text, m.epoch) for m in found] == [("RAYOS_KBD_ASCII=0x61", 0), ("RAYOS_SOAK:COM", 0)]


@pytest.mark.parametrize("before", [LINE_LIMIT - at for at in range(1, 24)])
def test_a_marker_across_the_place_where_a_long_line_is_cut_is_joined_again(before: int) -> None:
    (marker,) = markers("x" * before + "RAYOS_SOAK:COMPLETE:pass\n")
    assert marker.text == "RAYOS_SOAK:COMPLETE:pass"
    assert MarkerFlag.REJOINED in marker.flags
    assert marker.offset == before


def test_a_marker_that_names_another_is_not_torn() -> None:
    named, forged, _ = markers("RAYOS_HOST_EVENT_V0:SENDTEXT:RAYOS_SOAK:COMPLETE:pass\n\x01 next\nRAYOS_A:B\n")
    if named.text.startswith("RAYOS_SOAK"):
        named, forged = forged, named
    assert named.text == "RAYOS_HOST_EVENT_V0:SENDTEXT:"
    assert not forged.trusted


class _Never:
    """A pattern that nothing matches."""

    def match(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(
    "front", ["[    1.250000] ", "<6>[   12.000001] ", "[1.234]", "[1.23] ", f"[{' ' * 70}1.234567] "]
)
@pytest.mark.parametrize(
    "body", ["RAYOS_X:A:1", "RAYOS_K=0x61", "RAYOS_X:A*0001AB", "RAYOS_X:A RAYOS_X:B", "RAYOS_X:A,"]
)
def test_the_short_way_for_lines_with_the_kernels_time_gives_what_the_long_way_does(front: str, body: str) -> None:
    text = front + body
    lines = [Line(n + 1, 0, n * 100, line.encode(), line, 0) for n, line in enumerate((body, text, text))]
    short, long = MarkerParser(), MarkerParser()
    long.grammar.kmsg = _Never()  # type: ignore[assignment]
    found = [[marker for line in lines for marker in parser.feed(line)] + parser.finish() for parser in (short, long)]
    assert found[0] == found[1]
    assert found[0]
