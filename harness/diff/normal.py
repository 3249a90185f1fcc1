"""What of a marker counts: its form, in which addresses, times and measured values are taken for the same.

By schema, else by the looks of a value and the name of its field:
* `float` fields and decimal fractions are measured values,
* fields called `…_us`, `…_ms`, `…_kb`, `latency`, `uptime`, `build` and so on are times, measures, or build-dependent,
  unless the schema says `enum`,
* `0x` and at least six hex digits, sixteen hex digits, and fields called `addr`, `rip` and so on are addresses.
Rules put more fields on either side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from harness.diff.rules import Rule, Rules
from harness.errors import UsageError
from harness.markers.dialects import COMMA_KEY, key_values
from harness.markers.match import REGEX_SCAN, Pattern
from harness.markers.schema import Schema
from harness.markers.types import Dialect, Marker

SAME = "~"
"""What stands in a form for a value that may differ."""
_KEPT = 10_000  # kinds of events that are remembered

_MEASURED = re.compile(
    r"(?:\A|_)(?:us|ms|ns|usec|msec|nsec|tsc|cycles|jiffies|kb|kib|mb|mib|fps|percent|pct|latency|ratio|per_sec|time"
    r"|timestamp|ts|date|uptime|elapsed|duration|build|built|commit|rev|revision|git|version)\Z"
)
_ADDRESS = re.compile(
    r"(?:\A|_)(?:addr|address|ptr|base|phys|virt|rip|eip|pc|rsp|esp|sp|lr|cr2|cr3|gpa|gva|hpa|paddr|vaddr)\Z"
)
_LOOKS = re.compile(r"0[xX][0-9A-Fa-f]{6,32}\Z|[0-9A-Fa-f]{16}\Z|[+-]?[0-9]{1,18}\.[0-9]{1,18}\Z")
_IN_TEXT = re.compile(r"\b0[xX][0-9A-Fa-f]{6,32}\b|\b[0-9A-Fa-f]{16}\b|\b[0-9]{1,18}\.[0-9]{1,18}\b")


_SHORTEST = 3  # characters of the shortest value that is told by its looks: 1.5


_BUILT_IN = {("CONTROL", "READY"): (("seq", "int"), ("guest_us", "int"))}
"""What docs/protocol.md says of a rendezvous, for logs whose schema does not."""


class _Way(Enum):
    """How a field is compared."""

    EXACT = auto()
    SAME = auto()  # not at all
    LOOK = auto()  # unless it looks like an address or a measure
    TEXT = auto()  # as text, in which such may stand


class Form(NamedTuple):
    """A marker as it is compared.

    Two with the same `key` are the same; two of the same `head` are the same event, maybe with other values. `fields`
    are all values as (name, as printed, as compared).
    """

    key: str
    head: str
    fields: tuple[tuple[str, str, str], ...]


class Normaliser:
    """Makes forms, by a schema and rules."""

    def __init__(self, schema: Schema, rules: Rules, prefixes: Sequence[str]) -> None:
        """:raises UsageError: for a rule about fields that is on no marker, markers beginning with *prefixes*."""
        self._exact = rules.exact
        marker_rules: list[tuple[Pattern, Rule]] = []
        self._texts: list[Pattern] = []
        for rule in rules.rule:
            pattern = (
                on_markers(rule.match, prefixes)
                if rule.fields or rule.do == "exact"
                else Pattern.parse(rule.match, prefixes)
            )
            if pattern.is_marker or rule.do == "ignore":
                marker_rules.append((pattern, rule))
            else:
                self._texts.append(pattern)
        self._rules = marker_rules
        self._types: dict[tuple[str, str], tuple[tuple[str, str], ...]] = _BUILT_IN | {
            (name, event): tuple((field.name, field.type) for field in fields)
            for name, family in schema.families.items()
            for event, fields in family.events.items()
        }
        self._ways: dict[tuple[str, str, int, Rule | None], list[tuple[str, _Way]]] = {}

    def key(self, marker: Marker) -> tuple[str, str, str] | None:
        """(key, head, first value) of a marker's form, None for one that a rule ignores."""
        text, family, event, args = marker.text, marker.family, marker.event, marker.args
        if self._rules or self._texts or marker.dialect is not Dialect.PLAN or "=" in text or " " in text:
            form = self.form(marker)
            return None if form is None else (form.key, form.head, form.fields[0][2] if form.fields else "")
        head = f"{family}:{event}"
        if not args:
            return head, head, ""
        # Most markers are like this, and there are a hundred thousand of them.
        ways = self._ways.get((family, event, len(args), None)) or self._made(family, event, len(args), None)
        values = [
            word if way is _Way.EXACT else SAME if way is _Way.SAME else _looked(word, in_text=False)
            for word, (_, way) in zip(args, ways, strict=True)
        ]
        return f"{head}:{':'.join(values)}", head, values[0]

    def form(self, marker: Marker) -> Form | None:
        """The form of *marker*, None for one that a rule ignores."""
        text, family, event, args = marker.text, marker.family, marker.event, marker.args
        rule = self._rule(text) if self._rules else None
        if rule is not None and rule.do == "ignore":
            return None
        head = f"{family}:{event}"
        ways = self._ways.get((family, event, len(args), rule)) or self._made(family, event, len(args), rule)
        fields = [(name, word, _as(way, word)) for word, (name, way) in zip(args, ways, strict=True)]
        parts = [value for _, _, value in fields]
        if marker.dialect is not Dialect.PLAN or "=" in text or " " in text:
            types = dict(self._types.get((family, event), ()))
            for name, word in _tail(text, marker.dialect):
                value = _as(self._way(name, types.get(name, ""), rule, -1), word)
                fields.append((name, word, value))
                parts.append(f"{name}={value}")
        matched = [span for pattern in self._texts for span in _spans(text, pattern)]
        key = _spliced(marker, fields, matched) if matched else ":".join((head, *parts))
        return Form(key, head, tuple(fields))

    def _made(self, family: str, event: str, count: int, rule: Rule | None) -> list[tuple[str, _Way]]:
        """Names of so many arguments of an event, and the way each is compared."""
        types = self._types.get((family, event), ())
        named = [types[place] if place < len(types) else (str(place), "") for place in range(count)]
        ways = [(name, self._way(name, kind, rule, place)) for place, (name, kind) in enumerate(named)]
        if len(self._ways) < _KEPT:
            self._ways[family, event, count, rule] = ways
        return ways

    def _rule(self, text: str) -> Rule | None:
        """The last rule that is about a marker."""
        marker = Marker(text, "", (), "", ())
        for pattern, rule in reversed(self._rules):
            if pattern.match_marker(marker) or pattern.match_line(text):
                return rule
        return None

    def _way(self, name: str, kind: str, rule: Rule | None, place: int) -> _Way:
        """How a field is compared; *place* is -1 for one of a key=value tail."""
        if rule is not None and (not rule.fields or name in rule.fields or (place >= 0 and place in rule.fields)):
            return _Way.SAME if rule.do == "normalise" else _Way.EXACT
        if self._exact or kind == "enum":
            return _Way.EXACT
        if kind == "float" or _MEASURED.search(name):
            return _Way.SAME
        if kind == "int":
            return _Way.EXACT
        if _ADDRESS.search(name):
            return _Way.SAME
        return _Way.TEXT if kind == "text" else _Way.LOOK


def _as(way: _Way, word: str) -> str:
    """A value as it is compared."""
    if way is _Way.EXACT:
        return word
    return SAME if way is _Way.SAME else _looked(word, in_text=way is _Way.TEXT)


def _looked(word: str, *, in_text: bool) -> str:
    if len(word) < _SHORTEST:
        return word
    if _LOOKS.match(word):
        return SAME
    return _IN_TEXT.sub(SAME, word) if in_text or " " in word else word


def _tail(text: str, dialect: Dialect) -> Iterable[tuple[str, str]]:
    """The values that do not stand between colons, by name."""
    if dialect is Dialect.ASSIGN:
        return [("value", text.partition("=")[2])]
    comma = COMMA_KEY.search(text)
    space = text.find(" ")
    start = min((at for at in (comma.start() if comma else -1, space) if at >= 0), default=len(text))
    head, rest = text[:start], text[start:]
    found: list[tuple[str, str]] = []
    if "#" in head:
        found.append(("instance", head.rpartition("#")[2]))
    named: Mapping[str, str] = key_values(rest)
    if named:
        found += named.items()
    elif rest.strip() and dialect is not Dialect.PLAN:
        found.append(("text", rest.strip()))
    return found


def on_markers(source: str, prefixes: Sequence[str]) -> Pattern:
    """The pattern *source*, which has to be one on markers.

    :raises UsageError: if it is not, as markers begin with *prefixes*.
    """
    pattern = Pattern.parse(source, prefixes)
    if not pattern.is_marker:
        what = f"the rule on {source!r} is about a marker, but the markers here begin with {', '.join(prefixes)}"
        raise UsageError(what, "correct the rule, or name the prefix by the marker schema or --prefix")
    return pattern


_Span = tuple[int, int]


def _spans(text: str, pattern: Pattern) -> Iterator[_Span]:
    """All that a pattern on text matches."""
    at = 0
    while at < min(len(text), REGEX_SCAN) and (span := pattern.match_line(text, at)):
        if span[0] == span[1]:
            return
        yield span
        at = span[1]


def _spliced(marker: Marker, fields: Sequence[tuple[str, str, str]], matched: Sequence[_Span]) -> str:
    """The text of a marker with what is *matched* taken out, and the other values as they are compared."""
    text = marker.text
    cuts = [(start, end, SAME) for start, end in matched]
    at = text.find(marker.event, text.find(marker.family) + len(marker.family)) + len(marker.event)
    for place, (name, word, value) in enumerate(fields):
        before = ":" if place < len(marker.args) else {"instance": "#", "value": "=", "text": ""}.get(name, f"{name}=")
        found = text.find(before, at)
        start = text.find(word, found + len(before)) if found >= 0 else -1
        if start < 0:
            continue
        at = start + len(word)
        if not any(first < at and start < end for first, end in matched):
            cuts.append((start, at, value))
    parts, done = [], 0
    for start, end, value in sorted(cuts):
        if end > done:
            parts += [text[done:start], value] if start >= done else []
            done = end
    return "".join((*parts, text[done:]))
