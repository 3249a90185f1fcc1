"""Patterns on markers and text."""

from __future__ import annotations

import pytest

from harness.console.types import Line
from harness.errors import UsageError
from harness.markers.match import REGEX_SCAN, Pattern
from harness.markers.parser import MarkerParser
from harness.markers.types import Marker


def marker(text: str) -> Marker:
    return MarkerParser().feed(Line(1, 0, 0, text.encode(), text, 0))[0]


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("RAYOS_SOAK:COMPLETE", "RAYOS_SOAK:COMPLETE:pass", True),
        ("RAYOS_SOAK:COMPLETE:pass", "RAYOS_SOAK:COMPLETE:pass", True),
        ("RAYOS_SOAK:COMPLETE:pas", "RAYOS_SOAK:COMPLETE:pass", False),
        ("RAYOS_SOAK:COMPLETE:pass", "RAYOS_SOAK:COMPLETE:passed", False),
        ("RAYOS_SOAK:COMPLETE:pass", "RAYOS_SOAK:COMPLETE:pass on paper only", False),
        ("RAYOS_SOAK:COMPLETE:pass", "RAYOS_SOAK:COMPLETE", False),
        ("RAYOS_SOAK", "RAYOS_SOAK:COMPLETE:pass", True),
        ("RAYOS_SOAK", "RAYOS_SOAKED:COMPLETE", False),
        ("RAYOS_SOAK:*:3", "RAYOS_SOAK:CLIENT_CREATED:3", True),
        ("RAYOS_SOAK:*:3", "RAYOS_SOAK:CLIENT_CREATED:31", False),
        ("RAYOS_SOAK:*", "RAYOS_SOAK", False),
        ("RAYOS_VMM:VIRTIO_*:OK", "RAYOS_VMM:VIRTIO_BLK:OK", True),
        ("RAYOS_VMM:VIRTIO_*:OK", "RAYOS_VMM:VIRTIO:BLK:OK", False),
        ("RAYOS_KBD_ASCII", "RAYOS_KBD_ASCII=0x68", True),
        ("RAYOS_KBD_ASCII=0x68", "RAYOS_KBD_ASCII=0x68", True),
        ("RAYOS_KBD_ASCII=0x6", "RAYOS_KBD_ASCII=0x68", False),
        ("RAYOS_A:B=5", "RAYOS_A:B=5", True),
        ("RAYOS_A:B=5", "RAYOS_A:B=5=6", False),
        ("RAYOS_VMM:LINUX:READY", "RAYOS_VMM:LINUX:READY entry=0x1 bp=0x2", True),
        ("RAYOS_VMM:LINUX:READY entry=0x1", "RAYOS_VMM:LINUX:READY entry=0x1 bp=0x2", True),
        ("RAYOS_VMM:LINUX:READY entry=0x1", "RAYOS_VMM:LINUX:READY entry=0x12 bp=0x2", False),
        ("RAYOS_VMM:LINUX:READY entry=*", "RAYOS_VMM:LINUX:READY entry=0x12 bp=0x2", True),
        ("RAYOS_VMM:CHAIN", "RAYOS_VMM:CHAIN#0000000000000001 addr=1", True),
        ("RAYOS_VMM:CHAIN#0000000000000002", "RAYOS_VMM:CHAIN#0000000000000001 addr=1", False),
        ("RAYOS_GUI_CMD:LAUNCH", "[RAYOS_GUI_CMD:LAUNCH] app=terminal, window_id=4", True),
        ("RAYOS_INPUT_LINE::fault pf", "RAYOS_INPUT_LINE::fault pf", True),
        ("RAYOS_INPUT_LINE::*", "RAYOS_INPUT_LINE::fault pf", True),
        ("RAYOS_FIRST_FRAME:ok", "RAYOS_FIRST_FRAME:ok:", True),
        ("RAYOS_FIRST_FRAME:ok:", "RAYOS_FIRST_FRAME:ok:", True),
        ("RAYOS_A:x.y", "RAYOS_A:xzy", False),
        ("RAYOS_A:(", "RAYOS_A:(", True),
    ],
)
def test_a_marker_pattern_matches_by_whole_tokens(pattern: str, text: str, matches: bool) -> None:
    compiled = Pattern.parse(pattern)
    assert compiled.is_marker
    assert compiled.match_marker(marker(text)) is matches
    assert compiled.match_line(text) is None


def test_text_matches_literally_and_says_where() -> None:
    pattern = Pattern.parse("RayOS bicameral loop ready")
    assert not pattern.is_marker
    assert pattern.match_line("> RayOS bicameral loop ready") == (2, 28)
    assert pattern.match_line("> RayOS bicameral loop ready", 3) is None
    assert Pattern.parse("text:RAYOS_A").match_line("x RAYOS_AB") == (2, 9)
    assert Pattern.parse("a.c").match_line("abc") is None


def test_a_regular_expression_matches_a_line_and_says_where() -> None:
    pattern = Pattern.parse(r"re:RIP=[0-9a-f]+")
    assert pattern.match_line("ERR=0 RIP=1f x") == (6, 12)
    assert pattern.match_line("rip") is None


def test_a_regular_expression_sees_only_so_much_of_a_line() -> None:
    pattern = Pattern.parse("re:end")
    assert pattern.match_line("x" * (REGEX_SCAN - 3) + "end") is not None
    assert pattern.match_line("x" * REGEX_SCAN + "end") is None
    assert pattern.match_line("x" * REGEX_SCAN + "end", 3) is not None


@pytest.mark.parametrize("source", ["", "text:", "re:", "re:a*", "re:^", "re:(", "re:(a+)+$", "re:(?:a|b*)*c"])
def test_a_pattern_that_cannot_work_is_refused(source: str) -> None:
    with pytest.raises(UsageError):
        Pattern.parse(source)


def test_prefixes_of_other_systems_make_marker_patterns() -> None:
    assert Pattern.parse("ZOS_A:B", ["ZOS_"]).is_marker
    assert not Pattern.parse("RAYOS_A:B", ["ZOS_"]).is_marker


def test_a_pattern_on_text_matches_no_marker() -> None:
    assert not Pattern.parse("pass").match_marker(marker("RAYOS_SOAK:COMPLETE:pass"))
