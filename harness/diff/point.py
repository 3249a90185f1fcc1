"""What there was of one run at a place in its stream: time, serial bytes, the frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.console.safe import safe
from harness.console.text import render
from harness.diff.model import Comparison, Difference, Kind, Picture, Stream

_BYTES = 1024  # of the log before and behind the place
_LINES = 4  # of them
_LONG = 400  # characters of a line


@dataclass(frozen=True, slots=True)
class Point:
    """`lines` are (is it the place, text, safe to show); `line` is the number of the place's line in the log, from 1.

    `guest_us` is the time of the last marker up to here that tells one, in the same boot.
    """

    run: str
    place: int
    marker: str = ""
    epoch: int | None = None
    offset: int | None = None
    line: int | None = None
    guest_us: int | None = None
    lines: tuple[tuple[bool, str], ...] = ()
    picture: Picture | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "place": self.place,
            "marker": self.marker,
            "epoch": self.epoch,
            "offset": self.offset,
            "line": self.line,
            "guest_us": self.guest_us,
            "serial": [text for _, text in self.lines],
            "frame": picture_json(self.picture),
        }


def picture_json(picture: Picture | None) -> dict[str, Any] | None:
    if picture is None:
        return None
    return {
        "name": safe(picture.name, _LONG),
        "digest": picture.digest,
        "file": str(picture.file) if picture.file else None,
    }


def points(comparison: Comparison, difference: Difference) -> tuple[Point, Point]:
    """Both runs at a difference."""
    found = point(comparison.a, difference.a), point(comparison.b, difference.b)
    if difference.kind is Kind.PICTURE and difference.picture is not None:
        return replace(found[0], picture=difference.picture[0]), replace(found[1], picture=difference.picture[1])
    return found


def point(stream: Stream, place: int) -> Point:
    """The run at a marker; at its end for a place behind the last.

    :raises OSError: if its serial log cannot be read.
    """
    markers, ending = stream.markers, stream.ending
    here = markers[place] if place < len(markers) else None
    if here is not None:
        at: int | None = here.offset
    elif ending is not None and ending.offset is not None:
        at = ending.offset
    else:
        at = stream.serial.stat().st_size if stream.serial is not None else None
    last = here or (markers[-1] if markers else None)
    epoch = last.epoch if last is not None else None
    picture = None if at is None else next((p for p in reversed(stream.pictures) if p.offset <= at), None)
    return Point(
        safe(stream.name, _LONG),
        place,
        safe(here.text if here is not None else "", _LONG),
        epoch,
        at,
        here.line if here is not None else None,
        _time(stream, place, epoch),
        _serial(stream, at) if at is not None else (),
        picture,
    )


def _time(stream: Stream, place: int, epoch: int | None) -> int | None:
    """The last time that was told in this boot up to *place*."""
    for index in range(min(place, len(stream.guest_us) - 1), -1, -1):
        if stream.markers[index].epoch != epoch:
            return None
        if stream.guest_us[index] is not None:
            return stream.guest_us[index]
    return None


def _serial(stream: Stream, at: int) -> tuple[tuple[bool, str], ...]:
    """The lines about a byte of the log."""
    if stream.serial is None:
        return ()
    with stream.serial.open("rb") as log:
        start = max(at - _BYTES, 0)
        log.seek(start)
        data = log.read(at - start + _BYTES)
    before, behind = data[: at - start], data[at - start :]
    head, _, rest = before.rpartition(b"\n")
    lines = [(False, one) for one in head.split(b"\n")[-_LINES:]] if head else []
    here, *more = behind.split(b"\n")[: _LINES + 1]
    lines += [(True, rest + here), *((False, one) for one in more)]
    shown = [(mark, safe(render(one)[0], _LONG)) for mark, one in lines]
    while shown and not shown[-1][1] and not shown[-1][0]:
        shown.pop()
    return tuple(shown)
