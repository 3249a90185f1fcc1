"""Where markers stand in a line of text, and what each consists of, before any schema. Nothing here keeps state.

The plan's grammar is `RAYOS_<FAMILY>:<EVENT>[:<positional>...]`; real streams also have all that `Dialect` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from harness.console.text import CR
from harness.markers.dialects import COMMA_KEY, is_tail
from harness.markers.seal import SEAL, seal_ok
from harness.markers.types import Dialect, MarkerFlag

PREFIXES: tuple[str, ...] = ("RAYOS_",)
TEXT_LIMIT = 4096  # characters of one marker; what follows is not part of it
MARKERS_A_LINE = 1024  # a line of nothing but prefixes must not cost more than one of text
LOOK_BACK = 64  # characters in front of a marker that are looked at

_BOX = "\u2500-\u259f"  # box drawing and blocks: frames around text
_HEAD = re.compile(rf"[^\s{_BOX}]*")
_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_KMSG_TIME = r"(?:<[0-9]{1,3}>)?\[ *[0-9]{1,9}\.[0-9]{3,9}\](?:\[[ TC0-9]{1,12}\])?[ \t]*"
_KMSG = re.compile(_KMSG_TIME + r"\Z")
_DAMAGE = re.compile("[\ufffd\u2400-\u2421]")  # what the console shows for bytes that are no text
_DOTS = ".,;!?)]}>\"'`"  # may follow the last word of a sentence

_AFTER_FAMILY = frozenset({"", ":", "=", "#"})

# What a marker inside a sentence looks like. A word in front of it, but not a logger's level:
_WORD = re.compile(r"(?:^|[\s\"'(:>$#%!/])([A-Za-z][A-Za-z']*)[,;]?[ \t]+\Z")
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRIT", "ALERT", "FATAL"})
# ... or glued to a quotation mark, or to the first part of a longer name ($RAYOS_X, CONFIG_RAYOS_X, lib/RAYOS_X):
_OPENERS = frozenset("\"'`(<{=")
_JOINERS = frozenset("$_-/.@&?\\")
# Between two markers on one line:
_SEPARATORS = frozenset(",;|])}>")


class Piece(NamedTuple):
    """One marker as it stands in its line."""

    start: int  # where its text starts, after a kmsg prefix or bracket
    unit: int  # where it starts with those
    text: str  # canonical
    family: str
    tokens: tuple[str, ...]
    tail: str  # its key=value tail, raw
    dialect: Dialect
    flags: MarkerFlag
    seq: int | None
    kmsg: bool  # came through the kernel's log
    broken: bool  # the next marker starts in the middle of it
    open_end: bool  # it may go on after the end of the text
    body: str  # what stands there up to the next marker, bracket included


class _Place(NamedTuple):
    """Where a prefix was found."""

    start: int
    name: int  # end of the prefix
    unit: int
    kmsg: bool
    bracket: bool


class Grammar:
    """Finds the markers that start with one of *prefixes*."""

    def __init__(self, prefixes: Iterable[str] = PREFIXES) -> None:
        self.prefixes = tuple(sorted(prefixes, key=len, reverse=True))
        words = "|".join(map(re.escape, self.prefixes))
        self._prefix = re.compile(words)
        self.simple = re.compile(
            rf"(?:{words})([A-Za-z0-9][A-Za-z0-9_]*)(?:((?::[A-Za-z0-9_.+-]+)+)|=([A-Za-z0-9_.+-]+))?"
            r"(?:\*([0-9A-F]{4})([0-9A-F]{2}))?\Z"
        )
        """A whole line that is one marker and nothing special: family, path or value, sequence number, CRC."""
        self.kmsg = re.compile(_KMSG_TIME)
        """The kernel's time in front of a line."""

    def found_in(self, text: str, start: int = 0) -> bool:
        """Whether a prefix stands in *text*."""
        return self._prefix.search(text, start) is not None

    def fragment(self, text: str) -> str:
        """The start of a prefix, or a whole one, that *text* ends with, the longest there is; empty if none."""
        starts = (prefix[:length] for prefix in self.prefixes for length in range(1, len(prefix) + 1))
        return max((start for start in starts if text.endswith(start)), key=len, default="")

    def pieces(self, text: str) -> list[Piece]:
        """All markers of a line, left to right."""
        places: list[_Place] = []
        for match in self._prefix.finditer(text):
            places.append(_place(text, match, places[-1].name if places else 0))
            if len(places) == MARKERS_A_LINE:
                break
        found: list[Piece] = []
        free = False  # inside a field of free text, which `::` starts and only the line end ends
        broken = False
        for index, place in enumerate(places):
            limit = places[index + 1].unit if index + 1 < len(places) else len(text)
            flags = _flags(text[max(place.unit - LOOK_BACK, 0) : place.unit], after_broken=broken, free=free)
            opens = not free and "::" in text[place.start : limit].split(None, 1)[0]
            broken = limit < len(text) and not text[limit - 1].isspace() and text[limit - 1] not in _SEPARATORS
            if opens:
                broken = broken and text[limit - 1].isalnum()
            piece = _piece(text, place, len(text) if opens else limit, flags, broken=broken)
            if piece is not None:
                found.append(piece)
                broken = piece.broken
            free = free or opens
        return found


def _place(text: str, match: re.Match[str], floor: int) -> _Place:
    start = unit = match.start()
    bracket = unit > floor and text[unit - 1] == "["
    if bracket:
        unit -= 1
    kmsg = None
    if unit > floor and text[unit - 1] in " ]\t":
        kmsg = _KMSG.search(text, max(floor, unit - LOOK_BACK), unit)
    return _Place(start, match.end(), kmsg.start() if kmsg else unit, kmsg is not None, bracket)


def _flags(front: str, *, after_broken: bool, free: bool) -> MarkerFlag:
    """What the text in front of a marker says of it."""
    if not front or front.isspace():
        return MarkerFlag.NONE
    if free:
        return MarkerFlag.PREFIXED | MarkerFlag.PROSE
    last = front[-1]
    if after_broken:  # an interrupt handler's, unless it stands where a value would
        return MarkerFlag.PREFIXED | MarkerFlag.PROSE if last in _OPENERS or last == ":" else MarkerFlag.PREFIXED
    word = _WORD.search(front)
    if (word and word[1] not in _LEVELS) or last in _OPENERS or last in _JOINERS:
        return MarkerFlag.PREFIXED | MarkerFlag.PROSE
    return MarkerFlag.PREFIXED


def _piece(text: str, place: _Place, limit: int, flags: MarkerFlag, *, broken: bool) -> Piece | None:
    raw = text[place.start : min(limit, place.start + TEXT_LIMIT)]
    if (redraw := raw.find(CR)) >= 0:
        raw, broken, limit = raw[:redraw], False, -1
    elif limit < len(text):
        raw = raw.rstrip(",;|")
    body, seq = raw, None
    ends = limit == len(text) and len(raw) < TEXT_LIMIT
    if "*" in raw and (seal := SEAL.search(raw)):
        raw, seq = raw[: seal.start()], int(seal[1], 16)
        if seal_ok(raw, seal[1], seal[2]):
            broken = ends = False  # proved whole
        else:
            flags |= MarkerFlag.DAMAGED
    bracket = place.bracket and "]" in raw
    if bracket:
        head, _, tail = raw.partition("]")
    else:
        width = _width(_HEAD, raw)
        head, tail = raw[:width], raw[width:]
    name = place.name - place.start
    family = _FAMILY.match(head, name)
    alone = flags is MarkerFlag.NONE or flags is MarkerFlag.DAMAGED
    shaped = _shape(head, name, family.end(), tail, bracket=bracket, alone=alone) if family else None
    if family is None or shaped is None:
        if not (broken and len(head) == name):
            return None  # a bare prefix in a sentence
        shaped = _Shape(head, (), "", Dialect.BARE, MarkerFlag.TORN, "")  # interrupted before its family
    if shaped.rest and not alone and _goes_on(text[: place.unit], shaped.rest):
        flags |= MarkerFlag.PROSE
    ends = (
        ends
        and not shaped.rest
        and (not body[-1:].isspace() or shaped.dialect is Dialect.FREETEXT or bool(shaped.tail))
    )
    return Piece(
        place.start,
        place.unit,
        shaped.text,
        family[0] if family else "",
        shaped.tokens,
        shaped.tail,
        shaped.dialect,
        flags if shaped.flags is MarkerFlag.NONE else flags | shaped.flags,
        seq,
        place.kmsg,
        broken,
        ends,
        "[" + body if place.bracket else body,
    )


class _Shape(NamedTuple):
    text: str
    tokens: tuple[str, ...]
    tail: str
    dialect: Dialect
    flags: MarkerFlag
    rest: str  # text behind it that is not part of it


def _shape(head: str, name: int, end: int, tail: str, *, bracket: bool, alone: bool) -> _Shape:
    """What a head (`RAYOS_A:B`, family from *name* to *end*) and the text behind it amount to."""
    flags = MarkerFlag.NONE
    if (comma := COMMA_KEY.search(head, end)) is not None:
        head, tail = head[: comma.start()], head[comma.start() :] + tail
    damaged = _DAMAGE.search(head) is not None
    if damaged:
        flags |= MarkerFlag.DAMAGED
    if head[end : end + 1] not in {"", ":", "=", "#"}:
        trimmed = head.rstrip(_DOTS)
        if len(trimmed) == end:
            head = trimmed
        elif not damaged:
            flags |= MarkerFlag.PROSE  # a path or a longer name: RAYOS_SRC/lib
    after = head[end:]
    tail = tail.rstrip()
    if tail[:1] >= "\u2500" and tail[:1] <= "\u259f":
        tail = ""
    keyed = is_tail(tail)
    if "::" in after or (alone and tail and not keyed and ":" in after and not bracket):
        text = head + tail
        return _Shape(text, tuple(text[end + 1 :].split(":")), "", Dialect.FREETEXT, flags, "")
    if keyed:
        head, tail = head.rstrip(","), tail.strip(" \t,")
        after = head[end:]
    if bracket:
        dialect = Dialect.BRACKET
    elif "#" in after:
        dialect = Dialect.INSTANCE
    elif "=" in after:
        dialect = Dialect.ASSIGN
    elif keyed:
        dialect = Dialect.KEYVALUE
    else:
        dialect = Dialect.PLAN if after.startswith(":") else Dialect.BARE
    tokens = tuple(after[1:].split(":")) if after.startswith(":") else ()
    if keyed:
        return _Shape(f"{head} {tail}", tokens, tail, dialect, flags, "")
    return _Shape(head, tokens, "", dialect, flags, tail.strip())


def _goes_on(front: str, rest: str) -> bool:
    """Whether a marker between *front* and *rest* stands inside a sentence: words on both sides."""
    word = rest.split(None, 1)[0]
    return front[-1:].isspace() and word.isalpha() and word.islower() and any(map(str.isalpha, front[-LOOK_BACK:]))


def _width(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0
