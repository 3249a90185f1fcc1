"""Which text on the console is the harness's own, sent back by the guest.

Two rules, both pure functions of what was sent and the line:
* a line that holds a whole sent line is an echo there (short ones only as the last word of the line: `y` is part of
  too much);
* a marker whose head is part of something sent is forged, wherever it comes back: typing `echo RAYOS_X:Y` prints it
  twice.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

_KEPT = 64  # sent lines that are remembered; a shell echoes a line within the next few
_LONGEST = 1024  # characters of one sent line
_SHORT = 4  # characters; below it a sent text is found in too many lines by chance
_HITS = 16  # echoes of one sent text on one line
_MARKERS = 1024  # on one line
_BREAK = re.compile(r"[\x00-\x1f\x7f]+")
_WORD = re.compile("[^\\s\u240d]+")

Spans = tuple[tuple[int, int], ...]


class EchoMemory:
    """What was sent lately. `prefixes` are those of the markers."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._sent: deque[str] = deque(maxlen=_KEPT)
        self._tail = ""  # sent without its line end yet
        self._prefix = re.compile("|".join(re.escape(p) for p in sorted(prefixes, key=len, reverse=True)))

    def __bool__(self) -> bool:
        return bool(self._sent or self._tail)

    def sent(self, text: str) -> None:
        """Remember *text*; pieces of one line may come one after the other."""
        *lines, self._tail = _BREAK.split((self._tail + text)[-_KEPT * _LONGEST :])
        self._sent.extend(line[:_LONGEST] for line in map(str.strip, lines) if line)
        self._tail = self._tail[:_LONGEST]

    def spans(self, text: str) -> Spans:
        """The parts of a line's text that are echo, in order; they may overlap."""
        found = {span for needle in self._needles() for span in _whole(needle, text)}
        forged = [needle for needle in self._needles() if self._prefix.search(needle)]
        for match in islice(self._prefix.finditer(text), _MARKERS) if forged else ():
            word = _WORD.match(text, match.start(), match.start() + _LONGEST + 1)  # no longer one is in a needle
            if word is not None and any(word[0] in needle for needle in forged):
                found.add(word.span())
        return tuple(sorted(found))

    def _needles(self) -> Iterator[str]:
        yield from self._sent
        tail = self._tail.strip()
        if tail:
            yield tail


def _whole(needle: str, text: str) -> Iterator[tuple[int, int]]:
    if len(needle) < _SHORT:
        end = len(text.rstrip())
        start = end - len(needle)
        if text.startswith(needle, max(start, 0)) and (start <= 0 or text[start - 1].isspace()) and start >= 0:
            yield start, end
        return
    start = text.find(needle)
    for _ in range(_HITS):
        if start < 0:
            return
        end = start + len(needle)
        if not (_joined(text, start) or _joined(text, end)):
            yield start, end
        start = text.find(needle, end)


def _joined(text: str, at: int) -> bool:
    """Whether the word goes on across *at*: then the sent text is only part of another word."""
    return 0 < at < len(text) and _in_word(text[at - 1]) and _in_word(text[at])


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_"
