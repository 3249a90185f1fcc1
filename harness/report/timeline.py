"""The geometry of the report's timeline: lanes of a run on one axis of host time."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from math import log1p
from typing import NamedTuple

from harness.report.journal_scan import BINS, Item, Lane
from harness.report.words import plural, seconds, size

WIDTH = 1160  # px: the page's width at 1200
_LEFT = 76  # of them for the names of the lanes
_ROW = 24
_BAR = 14
_TOP = 22  # the axis
_CHAR = 6.1  # width of a character of a bar's text
_TICKS = 10  # about that many
_TITLE_LINES = 500


class Tick(NamedTuple):
    x: float
    text: str


class Shape(NamedTuple):
    """A bar if it has a width, else an instant."""

    x: float
    width: float
    mood: str
    title: str
    text: str = ""  # as much of the label as fits
    href: str = ""  # where on the page it is shown


class Column(NamedTuple):
    """One column of a lane's density."""

    x: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One lane as drawn, its top at `y`."""

    name: str
    y: int
    shapes: list[Shape] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    column_width: float = (WIDTH - _LEFT) / BINS
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it; sizes in px of the drawing."""

    height: int
    ticks: list[Tick]
    rows: list[Row]
    flags: list[Shape]  # findings: lines through all lanes
    notes: list[str]  # what is not drawn
    table: list[tuple[str, str, Item]]  # time, lane, item: the same as text
    width: int = WIDTH
    left: int = _LEFT
    bar: int = _BAR
    row: int = _ROW
    top: int = _TOP


def draw(
    lanes: Iterable[Lane], findings: Sequence[Item], span_ns: int, places: Container[str] = frozenset()
) -> Timeline:
    """Lay out *lanes* (the empty ones are left out) and *findings* over *span_ns*.

    :param places: the `href`s that lead somewhere.
    """
    span_ns = max(span_ns, 1)
    used = [lane for lane in lanes if lane.total]
    rows = [_row(lane, _TOP + i * _ROW, span_ns, places) for i, lane in enumerate(used)]
    listed = sorted(
        [(lane.name, item) for lane in used for item in lane.items] + [("finding", item) for item in findings],
        key=lambda entry: entry[1].start_ns,
    )
    notes = [row.note for row in rows if row.note]
    if len(listed) > _TITLE_LINES:
        notes.append(f"the list below ends with the last {_TITLE_LINES} of {len(listed)} events drawn")
    return Timeline(
        height=_TOP + len(rows) * _ROW + 4,
        ticks=_ticks(span_ns),
        rows=rows,
        flags=[_shape(item, span_ns, places) for item in findings],
        notes=notes,
        table=[(seconds(item.start_ns), name, item) for name, item in listed[-_TITLE_LINES:]],
    )


def _row(lane: Lane, y: int, span_ns: int, places: Container[str]) -> Row:
    if lane.name == "serial":
        return Row("serial", y, columns=_columns(lane, span_ns, size))
    note = ""
    columns: list[Column] = []
    if lane.left_out:
        note = f"{lane.name}: {lane.left_out:,} of {lane.total:,} are drawn as density only"
        columns = _columns(lane, span_ns, lambda count: plural(count, "event"))
    return Row(lane.name, y, [_shape(item, span_ns, places) for item in lane.items], columns, note=note)


def _columns(lane: Lane, span_ns: int, words: Callable[[int], str]) -> list[Column]:
    """Log scale: one line of text must be seen beside a flood."""
    most = log1p(max(lane.density))
    step = (WIDTH - _LEFT) / BINS
    return [
        Column(
            round(_LEFT + i * step, 1),
            round(max(_BAR * log1p(weight) / most, 1.5), 1),
            f"{words(weight)} at {seconds(span_ns * i // BINS)} to {seconds(span_ns * (i + 1) // BINS)}",
        )
        for i, weight in enumerate(lane.density)
        if weight
    ]


def _shape(item: Item, span_ns: int, places: Container[str]) -> Shape:
    href = item.href if item.href in places else ""
    x, end = _x(item.start_ns, span_ns), _x(item.end_ns, span_ns)
    if item.end_ns <= item.start_ns:
        return Shape(x, 0, item.mood, f"{seconds(item.start_ns)}  {item.label}", href=href)
    width = round(max(end - x, 1.5), 1)
    room = int((width - 6) / _CHAR)
    text = item.label if len(item.label) <= room else item.label[: room - 1] + "…" if room > 3 else ""
    return Shape(x, width, item.mood, f"{seconds(item.start_ns)} to {seconds(item.end_ns)}  {item.label}", text, href)


def _x(host_ns: int, span_ns: int) -> float:
    return round(_LEFT + min(max(host_ns, 0), span_ns) / span_ns * (WIDTH - _LEFT - 4), 1)


def _ticks(span_ns: int) -> list[Tick]:
    """Round times: 1, 2 or 5 times a power of ten."""
    step = 1
    while span_ns / step > _TICKS:
        step *= 10
    for part in (5, 2):
        if step % part == 0 and span_ns / (step // part) <= _TICKS:
            step //= part
            break
    digits = max(0, 9 - (len(str(step)) - 1))
    return [Tick(_x(at, span_ns), f"{at / 1e9:.{digits}f} s") for at in range(0, span_ns + 1, step)]
