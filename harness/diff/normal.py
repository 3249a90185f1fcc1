"""What of a marker counts: its form, in which addresses, times and measured values are taken for the same.

By schema, else by the looks of a value and the name of its field:
* `float` fields and decimal fractions are measured values,
* fields called `…_us`, `…_ms`, `…_kb`, `latency`, `uptime`, `build` and so on are times, measures, or build-dependent,
* `0x` and at least six hex digits, sixteen hex digits, and fields called `addr`, `rip` and so on are addresses.
Rules put more fields on either side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from harness.diff.rules import Rule, Rules
from harness.markers.dialects import COMMA_KEY, key_values
from harness.markers.match import REGEX_SCAN, Pattern
from harness.markers.schema import Schema
from harness.markers.types import Dialect, Marker

SAME = "~"
"""What stands in a form for a value that may differ."""
_KEPT = 200_000  # forms that are remembered: streams say the same things again and again

_MEASURED = re.compile(
    r"(?:\A|_)(?:us|ms|ns|usec|msec|nsec|tsc|cycles|jiffies|kb|kib|mb|mib|fps|percent|pct|latency|ratio|per_sec|time"
    r"|timestamp|ts|date|uptime|elapsed|duration|build|built|commit|rev|revision|git|version)\Z"
)
_ADDRESS = re.compile(
    r"(?:\A|_)(?:addr|address|ptr|base|phys|virt|rip|eip|pc|rsp|esp|sp|lr|cr2|cr3|gpa|gva|hpa|paddr|vaddr)\Z"
)
_LOOKS = re.compile(r"0[xX][0-9A-Fa-f]{6,32}\Z|[0-9A-Fa-f]{16}\Z|[+-]?[0-9]{1,18}\.[0-9]{1,18}\Z")
_IN_TEXT = re.compile(r"\b0[xX][0-9A-Fa-f]{6,32}\b|\b[0-9A-Fa-f]{16}\b|\b[0-9]{1,18}\.[0-9]{1,18}\b")


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

    def __init__(self, schema: Schema, rules: Rules) -> None:
        self._exact = rules.exact
        marker_rules: list[tuple[Pattern, Rule]] = []
        self._texts: list[Pattern] = []
        for rule in rules.rule:
            pattern = Pattern.parse(rule.match, schema.prefixes)
            if pattern.is_marker or rule.do == "ignore":
                marker_rules.append((pattern, rule))
            else:
                self._texts.append(pattern)
        self._rules = marker_rules
        self._types = {
            (name, event): tuple((field.name, field.type) for field in fields)
            for name, family in schema.families.items()
            for event, fields in family.events.items()
        }
        self.form = lru_cache(_KEPT)(self._form)

    def of(self, marker: Marker) -> Form | None:
        """The form of *marker*, None for one that a rule ignores."""
        return self.form(marker.text, marker.family, marker.event, marker.args, marker.dialect)

    def _form(self, text: str, family: str, event: str, args: tuple[str, ...], dialect: Dialect) -> Form | None:
        rule = self._rule(text) if self._rules else None
        if rule is not None and rule.do == "ignore":
            return None
        types = self._types.get((family, event), ())
        head = f"{family}:{event}"
        fields: list[tuple[str, str, str]] = []
        for place, word in enumerate(args):
            name, kind = types[place] if place < len(types) else (str(place), "")
            fields.append((name, word, self._value(word, name, kind, rule, place)))
        if dialect is not Dialect.PLAN or "=" in text or " " in text:
            for name, word in _tail(text, dialect):
                fields.append((name, word, self._value(word, name, dict(types).get(name, ""), rule, -1)))
        key = ":".join((head, *(value if name.isdecimal() else f"{name}={value}" for name, _, value in fields)))
        for pattern in self._texts:
            key = _without(key, pattern)
        return Form(key, head, tuple(fields))

    def _rule(self, text: str) -> Rule | None:
        """The last rule that is about a marker."""
        marker = Marker(text, "", (), "", ())
        for pattern, rule in reversed(self._rules):
            if pattern.match_marker(marker) or pattern.match_line(text):
                return rule
        return None

    def _value(self, word: str, name: str, kind: str, rule: Rule | None, place: int) -> str:
        """A value as it is compared."""
        if rule is not None and (not rule.fields or name in rule.fields or (place >= 0 and place in rule.fields)):
            return SAME if rule.do == "normalise" else word
        if self._exact:
            return word
        if kind == "float" or _MEASURED.search(name):
            return SAME
        if kind in {"int", "enum"}:
            return word
        if _ADDRESS.search(name) or _LOOKS.match(word):
            return SAME
        return _IN_TEXT.sub(SAME, word) if kind == "text" or " " in word else word


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


def _without(key: str, pattern: Pattern) -> str:
    """*key* with everything that a pattern on text matches taken out."""
    at, parts = 0, []
    while at < min(len(key), REGEX_SCAN) and (span := pattern.match_line(key, at)):
        start, end = span
        if end == start:
            break
        parts += [key[at:start], SAME]
        at = end
    return "".join((*parts, key[at:]))
