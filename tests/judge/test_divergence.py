"""The first event that differs between two runs, with what was around it."""

from __future__ import annotations

import pytest

from harness.evidence.fingerprint import Fingerprint, Trace
from harness.judge.divergence import CONTEXT, Divergence, Record, compare


def _markers(*texts: str) -> list[Record]:
    return [("M", "0", text) for text in texts]


def _found(ours: list[Record], theirs: list[Record]) -> Divergence:
    found = compare(ours, theirs, (1, 3))
    assert found is not None
    return found


def test_equal_sequences_have_no_difference() -> None:
    assert compare(_markers("A", "B"), _markers("A", "B")) is None
    assert compare([], []) is None


@pytest.mark.parametrize(
    ("mine", "other", "said"),
    [
        (("M", "0", "RAYOS_A:1"), ("M", "0", "RAYOS_B"), "the marker RAYOS_A:1 in run 1, the marker RAYOS_B in run 3"),
        (
            ("M", "0", "RAYOS_CONTROL:READY:1:90"),
            ("M", "0", "RAYOS_CONTROL:READY:1:91"),
            "the guest's time, RAYOS_CONTROL:READY:1:90 in run 1 and RAYOS_CONTROL:READY:1:91 in run 3",
        ),
        (("F", "desk", "aa"), ("F", "desk", "bb"), "the pixels of desk (digest aa in run 1, bb in run 3)"),
        (("F", "desk", "aa"), ("M", "0", "X"), "desk with the digest aa in run 1, the marker X in run 3"),
        (("M", "0", "X"), ("M", "1", "X"), "the marker X in run 1, the marker X in run 3"),
    ],
)
def test_the_first_event_that_differs_is_named(mine: Record, other: Record, said: str) -> None:
    before = _markers("S", "T")
    found = _found([*before, mine, *_markers("Y")], [*before, other, *_markers("Z")])
    assert (found.event, found.what) == (3, f"event 3 of the fingerprint: {said}")


def test_a_run_that_ended_before_the_other_is_named() -> None:
    assert "the marker B in run 1, and run 3 had ended before it" in _found(_markers("A", "B"), _markers("A")).what
    found = _found(_markers("A"), _markers("A", "B"))
    assert "the marker B in run 3, and run 1 had ended before it" in found.what
    assert found.first[-1] == ">     2  (nothing more)"


def test_ten_lines_of_each_run_are_shown_with_the_one_that_differs_marked() -> None:
    ours = _markers(*(f"M{n}" for n in range(40)))
    theirs = _markers(*(f"M{n}" if n != 20 else "other" for n in range(40)))
    found = _found(ours, theirs)
    assert len(found.first) == len(found.second) == CONTEXT
    assert [line.split() for line in found.first if line.startswith(">")] == [[">", "21", "M20"]]
    assert [line.split() for line in found.second if line.startswith(">")] == [[">", "21", "other"]]
    assert found.first[0].split() == ["15", "M14"]
    assert sum(line.startswith("  run 3  ") for line in found.lines()) == CONTEXT


def test_control_characters_of_a_guest_reach_no_terminal() -> None:
    found = _found(_markers("A\x1b[2J"), _markers("B"))
    assert "\x1b" not in "".join([found.what, *found.lines()])


def test_a_trace_has_the_value_of_its_fingerprint_and_ends_where_that_does() -> None:
    plain, trace = Fingerprint(), Trace()
    for each in (plain, trace):
        each.marker(0, "A")
        each.frame("desk", "aa")
        each.cut()
        each.marker(0, "after the cut")
    assert trace.value == plain.value
    assert trace.records == [("M", "0", "A"), ("F", "desk", "aa")]
