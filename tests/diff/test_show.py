"""What people and machines get to see: on any terminal, in any page, whatever the guest printed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.diff import Comparison, Picture, compare
from harness.diff.page import write_page
from harness.diff.point import points
from harness.diff.show import lines, to_json
from harness.diff.streams import of_log

from .logs import log, stream

HOSTILE = "RAYOS_X:<script>alert(1)</script>:\x1b]0;title\x07:\x9b31m:&amp;:\u202etxet\u200b"


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    good = log(
        tmp_path / "good.log", "hello", "RAYOS_X:A", "RAYOS_CONTROL:READY:0:8966", "RAYOS_X:B:1", "RAYOS_X:C", "bye"
    )
    bad = log(
        tmp_path / "bad.log",
        "hello",
        "RAYOS_X:A",
        "RAYOS_CONTROL:READY:0:8999",
        "<script>alert(2)</script>",
        HOSTILE,
        "RAYOS_X:\u202etxet",
    )
    return compare(of_log(good), of_log(bad))


@pytest.mark.parametrize("width", [24, 40, 89, 90, 200])
def test_no_line_of_markers_is_wider_than_the_terminal(width: int, found: Comparison) -> None:
    shown = list(lines(found, width))
    free = ("A  ", "B  ", "  signature", "first", "A there", "B there")
    counts = next(line for line in shown if "in both" in line)
    assert [line for line in shown if len(line) > width and not line.startswith(free) and line != counts] == []
    assert any("signature" in line for line in shown)


def test_wide_terminals_get_both_runs_side_by_side_and_narrow_ones_in_one_column(found: Comparison) -> None:
    wide, narrow = ("\n".join(lines(found, width)) for width in (120, 60))
    assert re.search(r"RAYOS_X:A +\| +1  RAYOS_X:A", wide)
    assert re.search(r"^- +3  RAYOS_X:B:1$", narrow, re.M)


def test_no_control_character_of_the_guest_reaches_the_terminal(found: Comparison) -> None:
    shown = "\n".join(lines(found, 200))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", shown)
    assert "alert(2)" in shown
    assert "RAYOS_X:\ufffdtxet" in shown


def test_colour_changes_nothing_that_is_said(found: Comparison) -> None:
    painted = "\n".join(lines(found, 120, style=lambda text, colour: f"{{{colour}}}{text}{{/}}"))
    assert re.sub(r"\{[a-z/]*\}", "", painted) == "\n".join(lines(found, 120))
    assert "{red}" in painted


def test_both_runs_are_shown_with_time_and_serial_bytes_at_the_place(found: Comparison) -> None:
    assert found.first is not None
    here, there = points(found, found.first)
    assert (here.guest_us, there.guest_us) == (8966, 8999)
    assert [text for mark, text in here.lines if mark] == ["RAYOS_X:B:1"]
    assert "<script>alert(2)</script>" in [text for _, text in there.lines]
    assert (here.offset, here.line) == (43, 4)


def test_the_frame_at_a_place_is_the_last_that_was_taken_before_it() -> None:
    pictures = [Picture(name, "aa", None, offset) for name, offset in (("first", 150), ("second", 250), ("third", 350))]
    a = stream(["RAYOS_X:A", "RAYOS_X:B", "RAYOS_X:C"], pictures=pictures)
    found = compare(a, stream(["RAYOS_X:A", "RAYOS_X:B"]))
    assert found.first is not None
    here, there = points(found, found.first)
    assert here.picture == pictures[1]
    assert there.picture is None


def test_the_document_is_json_with_both_places(found: Comparison) -> None:
    document = json.loads(json.dumps(to_json(found)))
    assert (document["same"], document["signature"]) == (False, found.signature)
    assert document["first"]["at_a"]["marker"] == "RAYOS_X:B:1"
    assert document["counts"] == {str(kind): count for kind, count in found.counts.items()}


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "href" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_shows_what_the_guest_printed_and_runs_none_of_it(found: Comparison, tmp_path: Path) -> None:
    write_page(found, tmp_path / "diff.html")
    text = (tmp_path / "diff.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "<script>alert(2)</script>" in page.words
    assert "default-src 'none'" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]", text)
    assert found.signature in page.words


def test_the_page_holds_the_frames_of_both_runs(tmp_path: Path) -> None:
    frames = []
    for name in ("a", "b"):
        file = tmp_path / f"{name}.png"
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + name.encode())
        frames.append(Picture("desk", name, file, 150))
    a, b = (stream(["RAYOS_X:A"], pictures=[one], steady=True) for one in frames)
    write_page(compare(a, b), tmp_path / "diff.html")
    text = (tmp_path / "diff.html").read_text()
    assert text.count("data:image/png;base64,") == 2


def test_a_page_of_runs_that_are_the_same_says_so(tmp_path: Path) -> None:
    write_page(compare(stream(["RAYOS_X:A"]), stream(["RAYOS_X:A"])), tmp_path / "diff.html")
    assert "The same" in Page((tmp_path / "diff.html").read_text()).words


def test_runs_that_are_the_same_are_told_so() -> None:
    assert list(lines(compare(stream(["RAYOS_X:A"]), stream(["RAYOS_X:A"]))))[-1] == "the same: 1 marker in both"
