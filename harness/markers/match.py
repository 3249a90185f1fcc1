"""Patterns of scenarios, compiled once: on markers by whole tokens, on text as substring or regular expression.

RAYOS_SOAK:COMPLETE:pass     the leading tokens of a marker; more may follow
RAYOS_SOAK:*:3               `*` is any one token; inside a token, any characters: RAYOS_VMM:VIRTIO_*
RAYOS_KBD_ASCII=0x68         a value or `#` instance is compared if the pattern gives it, else ignored
text:login:                  these characters anywhere in a line
re:RIP=[0-9a-f]+             a regular expression on a line, at most 4 KiB of it
bicameral loop ready         anything else: these characters anywhere in a line
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from harness.console.regex import compile_regex
from harness.errors import UsageError
from harness.markers.grammar import PREFIXES
from harness.markers.types import Marker

REGEX_SCAN = 4096  # characters of a line that a regular expression sees: even a quadratic one stays in the milliseconds


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern; make it with `parse`. Exactly one of `_marker`, `_literal`, `_regex` is set."""

    source: str
    _marker: re.Pattern[str] | None = None
    _literal: str = ""
    _regex: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, source: str, prefixes: Iterable[str] = PREFIXES) -> Self:
        """Compile *source*.

        :raises harness.errors.UsageError: for an empty pattern or a regular expression that cannot be used.
        """
        if source.startswith("re:"):
            return cls(source, _regex=compile_regex(source[3:]))
        if any(source.startswith(prefix) for prefix in prefixes):
            return cls(source, _marker=re.compile(_marker_regex(source)))
        literal = source.removeprefix("text:")
        if not literal:
            raise UsageError("an empty pattern would match every line")
        return cls(source, _literal=literal)

    @property
    def is_marker(self) -> bool:
        """Whether it is about markers; else about text."""
        return self._marker is not None

    def match_marker(self, marker: Marker) -> bool:
        """Whether *marker*'s text begins with the pattern's tokens. Always false for a pattern on text."""
        return self._marker is not None and self._marker.match(marker.text) is not None

    def match_line(self, text: str, start: int = 0) -> tuple[int, int] | None:
        """Where it first matches in *text* from *start* on. Always None for a pattern on markers."""
        if self._regex is not None:
            match = self._regex.search(text, start, start + REGEX_SCAN)
            return match.span() if match else None
        if not self._literal:
            return None
        found = text.find(self._literal, start)
        return (found, found + len(self._literal)) if found >= 0 else None


def _marker_regex(source: str) -> str:
    """A pattern's tokens as a regular expression.

    A glob stays inside its token. The last token ends where one ends in a marker's text: at a colon, a key=value tail
    or the end, and at `#` or `=` if the pattern has none there itself.
    """
    globbed = re.sub(r"\*+", "*", source)
    words = r"[^:]*".join(map(re.escape, globbed.split("*")))
    last = source.rpartition(":")[2]
    own = "" if "=" in last or "#" in last else r"|[#=]"
    return rf"{words}(?=:|\Z|[ ,]+[A-Za-z_][\w.\-]*={own})"
