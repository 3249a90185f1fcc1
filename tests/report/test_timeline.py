"""The timeline's drawing holds all of a run, whatever its length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.journal_scan import Item, Lane
from harness.report.timeline import WIDTH, draw

TIMES = st.integers(-(10**6), 2 * 10**13)


@given(span=st.integers(0, 10**13), times=st.lists(st.tuples(TIMES, TIMES), max_size=20))
def test_everything_lies_inside_the_drawing(span: int, times: list[tuple[int, int]]) -> None:
    lane, serial = Lane("steps", span), Lane("serial", span)
    for start, end in times:
        lane.add(start, "step", "good", end)
        serial.weigh(start, 5)
        serial.total += 5
    drawn = draw([lane, serial], [Item(t, t, "finding", "bad") for t, _ in times], span)
    for row in drawn.rows:
        for shape in row.shapes:
            assert drawn.left <= shape.x <= shape.x + shape.width <= WIDTH
        for column in row.columns:
            assert drawn.left <= column.x < WIDTH
            assert 0 < column.height <= drawn.bar
    assert all(drawn.left <= flag.x <= WIDTH for flag in drawn.flags)
    assert len(drawn.flags) == len(times)


@pytest.mark.parametrize(
    ("span", "texts"),
    [
        (0, ["0.000000000 s", "0.000000001 s"]),
        (264_000_000, ["0.00 s", "0.05 s", "0.10 s", "0.15 s", "0.20 s", "0.25 s"]),
        (30_000_000_000, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]),
        (3_600_000_000_000, ["0 s", "500 s", "1000 s", "1500 s", "2000 s", "2500 s", "3000 s", "3500 s"]),
    ],
)
def test_the_axis_has_round_times(span: int, texts: list[str]) -> None:
    assert [tick.text for tick in draw([], [], span).ticks] == texts


@given(st.integers(1, 10**14))
def test_the_axis_has_few_ticks(span: int) -> None:
    assert 2 <= len(draw([], [], span).ticks) <= 11


def test_a_bar_shows_as_much_of_its_label_as_fits() -> None:
    lane = Lane("steps", 1000)
    for start, end in ((0, 5), (10, 60), (100, 900)):
        lane.add(start, "12 check-frame desk", "good", end)
    texts = [shape.text for shape in draw([lane], [], 1000).rows[0].shapes]
    assert texts == ["", "12 che…", "12 check-frame desk"]


def test_empty_lanes_are_left_out_and_a_long_one_says_what_it_does_not_draw() -> None:
    empty, long = Lane("QMP", 1000), Lane("input", 1000)
    for i in range(1000):
        long.add(i, f"key {i}")
    drawn = draw([empty, long], [], 1000)
    assert [row.name for row in drawn.rows] == ["input"]
    assert len(drawn.rows[0].shapes) == 300
    assert drawn.rows[0].columns
    assert drawn.notes == ["input: 700 of 1,000 are drawn as density only"]


def test_the_list_names_events_in_order_of_time() -> None:
    steps, keys = Lane("steps", 10), Lane("input", 10)
    steps.add(0, "boot", "good", 5)
    steps.add(6, "type", "good", 9)
    keys.add(7, "key a")
    table = draw([steps, keys], [Item(8, 8, "input-lost", "bad")], 10).table
    assert [(name, item.label) for _, name, item in table] == [
        ("steps", "boot"),
        ("steps", "type"),
        ("input", "key a"),
        ("finding", "input-lost"),
    ]


def test_a_mark_leads_only_to_what_the_page_shows() -> None:
    lane = Lane("markers", 10)
    lane.add(1, "RAYOS_A:B", href="#L1")
    lane.add(2, "RAYOS_A:C", href="#L2")
    assert [shape.href for shape in draw([lane], [], 10, {"#L2"}).rows[0].shapes] == ["", "#L2"]
