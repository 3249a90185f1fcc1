"""A comparison for people, on a terminal of any width, and as a JSON document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.console.safe import safe
from harness.diff.model import Comparison, Difference, Row, Stream
from harness.diff.point import Point, picture_json, points

LISTED = 40  # differences that are listed
WIDE = 90  # columns from which on the two runs stand side by side
_NARROWEST = 24  # columns
_TEXT = 500  # characters of a marker
_COLOURS = {"<": "red", ">": "green", "~": "yellow"}

Style = Callable[[str, str], str]
"""(text, colour) in that colour."""


def plain(text: str, _colour: str) -> str:
    """No colour."""
    return text


def lines(found: Comparison, width: int = 100, limit: int = LISTED, style: Style = plain) -> Iterator[str]:
    """What is printed; no line is longer than *width*, but for names of files and the signature."""
    width = max(width, _NARROWEST)
    for letter, stream in (("A", found.a), ("B", found.b)):
        yield f"{letter}  {describe(stream)}"
    first = found.first
    if first is None:
        yield style("the same", "green") + f": {_many(found.matched, 'marker')} in both"
        return
    yield style("first divergence", "red") + f"  {first.kind}{_boot(first)}"
    yield from _wrapped(first.what, width)
    yield f"  signature  {found.signature}"
    yield ""
    if found.around:
        yield from _side_by_side(found, width, style) if width >= WIDE else _one_column(found, width, style)
        yield ""
    for letter, point in zip("AB", points(found, first), strict=True):
        yield from _point(letter, point, width, style)
    yield ", ".join(f"{count} {kind}" for kind, count in found.counts.items()) + f"; {found.matched} in both"
    listed = found.differences[:limit]
    for one in listed:
        places = f"{one.a + 1}:{one.b + 1}"
        yield _cut(f"  {places:>13}  {one.kind:<8}  {one.what}", width)
    left = sum(found.counts.values()) - sum(1 if None in one.boot else one.count for one in listed)
    if left > 0 and len(found.differences) > len(listed):
        yield f"  … and {left} more"


def describe(stream: Stream) -> str:
    """A stream in a line."""
    boots = len({marker.epoch for marker in stream.markers})
    parts = [_many(len(stream.markers), "marker"), *([_many(boots, "boot")] if boots > 1 else [])]
    if stream.lost:
        parts.append(f"{stream.lost} lost or damaged on the line")
    if stream.truncated:
        parts.append("more were left out")
    if stream.ending is not None:
        parts.append(f"{stream.ending.kind}: {safe(stream.ending.signature, 80)}")
    return f"{safe(stream.name, 200)}  ({', '.join(parts)})"


def to_json(found: Comparison) -> dict[str, Any]:
    """The whole comparison, as one document."""
    first = found.first
    return {
        "same": found.same,
        "signature": found.signature,
        "a": _stream_json(found.a),
        "b": _stream_json(found.b),
        "matched": found.matched,
        "counts": {str(kind): count for kind, count in found.counts.items()},
        "first": None
        if first is None
        else {
            **_difference_json(first),
            "around": [
                {"mark": row.mark, "a": _marker(found.a, row.a), "b": _marker(found.b, row.b)} for row in found.around
            ],
            **{side: point.to_json() for side, point in zip(("at_a", "at_b"), points(found, first), strict=True)},
        },
        "differences": [_difference_json(one) for one in found.differences],
    }


def _stream_json(stream: Stream) -> dict[str, Any]:
    ending = stream.ending
    return {
        "name": stream.name,
        "markers": len(stream.markers),
        "lost": stream.lost,
        "truncated": stream.truncated,
        "ending": None if ending is None else {"kind": ending.kind, "signature": ending.signature, "text": ending.text},
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "a": one.a,
        "b": one.b,
        "count": one.count,
        "what": one.what,
        "signature": one.signature,
        "boot": list(one.boot),
        **({"pictures": [picture_json(picture) for picture in one.picture]} if one.picture else {}),
    }


def _marker(stream: Stream, place: int | None) -> str | None:
    return None if place is None or place >= len(stream.markers) else stream.markers[place].text


def text_of(stream: Stream, place: int | None) -> str:
    """The marker at a place, safe to show; empty for none."""
    return safe(_marker(stream, place) or "", _TEXT)


def _side_by_side(found: Comparison, width: int, style: Style) -> Iterator[str]:
    column = (width - 3) // 2
    yield style(f"{'A':<{column}} | B", "cyan")
    for row in found.around:
        left, right = (
            _cut(f"{'' if place is None else place + 1:>7}  {text_of(stream, place)}", column)
            for stream, place in ((found.a, row.a), (found.b, row.b))
        )
        yield _painted(f"{left:<{column}} {row.mark if row.mark != ' ' else '|'} {right}".rstrip(), row, style)


def _one_column(found: Comparison, width: int, style: Style) -> Iterator[str]:
    for row in found.around:
        if row.a is not None:
            mark = " " if row.mark == " " else "-"
            yield _painted(_cut(f"{mark} {row.a + 1:>6}  {text_of(found.a, row.a)}", width), row, style)
        if row.b is not None and row.mark != " ":
            yield _painted(_cut(f"+ {row.b + 1:>6}  {text_of(found.b, row.b)}", width), row, style)


def _painted(line: str, row: Row, style: Style) -> str:
    return style(line, _COLOURS[row.mark]) if row.mark in _COLOURS else line


def _point(letter: str, point: Point, width: int, style: Style) -> Iterator[str]:
    parts = []
    if point.guest_us is not None:
        parts.append(f"guest time {point.guest_us / 1000:.3f} ms")
    if point.offset is not None:
        parts.append(f"byte {point.offset}" + (f", line {point.line}" if point.line is not None else ""))
    yield style(f"{letter} there", "cyan") + (f"  {', '.join(parts)}" if parts else "")
    for here, text in point.lines:
        yield _cut(f"  {'>' if here else ' '} {text}", width)
    if point.picture is not None:
        where = point.picture.file or f"not kept, digest {point.picture.digest}"
        yield f"  frame {safe(point.picture.name, 100)}: {where}"


def _boot(one: Difference) -> str:
    numbers = [number + 1 for number in one.boot if number is not None]
    if not numbers or set(numbers) == {1}:
        return ""
    if len(set(numbers)) == 1:
        return f", boot {numbers[0]}" + ("" if None not in one.boot else " of one run")
    return f", boot {numbers[0]} of A, {numbers[1]} of B"


def _wrapped(text: str, width: int) -> Iterator[str]:
    step = max(width - 2, 20)
    for start in range(0, len(text), step):
        yield "  " + text[start : start + step]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
