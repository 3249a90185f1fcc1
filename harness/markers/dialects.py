"""The shapes of values in real marker streams: hex without 0x, key=value tails, `#` instances."""

from __future__ import annotations

import re

from harness.markers.types import Value

TAIL_KEYS = 64  # key=value words of one marker that are read; more are left in the text
_KEY = re.compile(r"(?:^|[\s,])([A-Za-z_][\w.\-]*)=")
_STARTS_WITH_KEY = re.compile(r"[\s,]*[A-Za-z_][\w.\-]*=")
COMMA_KEY = re.compile(r",[A-Za-z_][\w.\-]*=")
"""Where a tail starts that follows the head with a comma instead of a space."""
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}\Z")
_FRACTION = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}\Z")
_HEX = re.compile(r"0[xX][0-9A-Fa-f]{1,32}\Z")
_HEX16 = re.compile(r"[0-9A-Fa-f]{16}\Z")  # a 64-bit register as kernels print it: 0000000000000140 is 320


def convert(word: str) -> Value:
    """A value by its looks: `0x…` and exactly 16 hex digits are hexadecimal, other digits decimal, the rest text."""
    if _HEX16.match(word) or _HEX.match(word):
        return int(word, 16)
    if _DECIMAL.match(word):
        return int(word)
    if _FRACTION.match(word):
        return float(word)
    return word


def is_tail(text: str) -> bool:
    """Whether *text* starts like a key=value tail."""
    return _STARTS_WITH_KEY.match(text) is not None


def key_values(tail: str) -> dict[str, str]:
    """The raw values of a tail, separated by spaces or commas; a value reaches to the next key and may hold spaces.

    Of a key given twice the first counts.
    """
    keys: list[re.Match[str]] = []
    for match in _KEY.finditer(tail):
        keys.append(match)
        if len(keys) > TAIL_KEYS:
            break
    values: dict[str, str] = {}
    for index, match in enumerate(keys[:TAIL_KEYS]):
        end = keys[index + 1].start() if index + 1 < len(keys) else len(tail)
        values.setdefault(match[1], tail[match.end() : end].strip(" \t,"))
    return values


def instance(token: str) -> tuple[str, Value | None]:
    """A token without its `#` instance, and the instance: `CHAIN_DESC#0000000000000000` is number 0 of CHAIN_DESC."""
    name, mark, number = token.partition("#")
    return (name, convert(number)) if mark and name and number else (token, None)
