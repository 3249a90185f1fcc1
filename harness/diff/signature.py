"""One line that is the same for each run with the same defect: no times, no addresses, no numbers that vary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.console.safe import safe
from harness.diff.normal import SAME, Form

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 200  # characters of a signature
_WORD = 40  # characters of one value
_WORDS = 8  # values of one marker
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|\b(?=[a-fA-F]*[0-9])[0-9A-Fa-f]{6,}\b|[0-9]+(?:\.[0-9]+)*")
_HEX = re.compile(r"(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]+\Z|(?:[A-Fa-f]{2}|[A-Fa-f]{8}|[A-Fa-f]{16})\Z")
"""A whole value that is a hexadecimal number, though nothing says so: a byte, a checksum, a register."""
_SPACES = re.compile(r"\s+")


def words(text: str) -> str:
    """A text with `#` for each number and address, on one line."""
    return _SPACES.sub(" ", _NUMBER.sub("#", safe(text, 4 * LONGEST, newlines=True))).strip()[:LONGEST]


def event(form: Form) -> str:
    """A marker: family and event, then its values: words as they are, `#` for numbers and what is normalised."""
    values = [_value(compared) for _, _, compared in form.fields[:_WORDS]]
    while values and values[-1] == "#":  # how many there are may vary
        values.pop()
    return ":".join((words(form.head).rstrip(":"), *values))


def changes(one: Form, other: Form) -> str:
    """An event of which values changed: which, and from what to what where those are words."""
    parts = []
    for name, was, now in changed_fields(one, other)[:_WORDS]:
        before, after = _value(was), _value(now)
        called = f"field {name}" if name.isdecimal() else words(name)
        parts.append(called if before == after else f"{called} {before} -> {after}")
    return f"{words(one.head).rstrip(':')} {', '.join(parts) or 'text'}"


def changed_fields(one: Form, other: Form) -> Sequence[tuple[str, str, str]]:
    """(name, value in A, value in B) of what differs; "" for a field that one of them has not."""
    ours = {name: compared for name, _, compared in one.fields}
    theirs = {name: compared for name, _, compared in other.fields}
    names = list(dict.fromkeys((*ours, *theirs)))
    return [(n, ours.get(n, ""), theirs.get(n, "")) for n in names if ours.get(n) != theirs.get(n)]


def _value(word: str) -> str:
    if word == SAME or _HEX.match(word):
        return "#"
    return words(word)[:_WORD] or "(none)"
