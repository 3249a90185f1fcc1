"""Likely typos in expected markers: is what a scenario waits for anywhere in the kernel image's strings?"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.markers.grammar import PREFIXES

SCAN_LIMIT = 256 << 20  # bytes of an image that are looked at; kernels are smaller, and it is 0.1 s
_STRINGS = 4096  # different marker strings that are compared with
_WORDS = 8192  # different words for markers that are put together from pieces
_PLACES = 64  # places of a word that are looked at
_LONGEST = 200  # characters of one string
_NEAR = 0.75  # likeness above which a string is the one that was meant: one or two letters of a usual name

_WORD = re.compile(rb"[A-Z][A-Z0-9_]{3,63}")


@dataclass(frozen=True, slots=True)
class Typo:
    """An expected marker that is not in the image, and the string in it that is most like it."""

    expected: str
    nearest: str

    def __str__(self) -> str:
        return f"{self.expected} is not in the image; the nearest string there is {self.nearest}"


def find_typos(image: Path, patterns: Iterable[str], prefixes: Iterable[str] = PREFIXES) -> list[Typo]:
    """Those marker patterns (others are passed over) that look misspelt.

    Empty for an image without any marker string: it is packed, or prints none. A marker put together at run time from
    a family and a name that are both in the image is no typo.

    :raises harness.errors.UsageError: if the image cannot be read.
    """
    prefixes = tuple(prefixes)
    wanted = {p: _literal(p) for p in patterns if any(p.startswith(prefix) for prefix in prefixes)}
    if not wanted:
        return []
    try:
        with image.open("rb") as stream:
            if not stream.seek(0, 2):
                return []
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _compare(data, wanted, prefixes)
    except OSError as error:
        raise UsageError(f"cannot read the image {image}: {error.strerror}") from error


def _compare(data: mmap.mmap, wanted: dict[str, str], prefixes: tuple[str, ...]) -> list[Typo]:
    end = min(len(data), SCAN_LIMIT)
    heads = _heads(data, end, prefixes)
    if not heads:
        return []
    typos = []
    for pattern, literal in wanted.items():
        if literal in heads or _stands(data, end, literal):
            continue
        family, _, name = literal.partition(":")
        near = ""
        if data.find(literal.encode(), 0, end) >= 0:
            # Only as the start of something longer: a string packed behind it, or the word that was meant (COMPLET).
            longer = (head for head in sorted(heads) if head.startswith(literal))
            near = next((head for head in longer if len(head) <= len(literal) + 2), "")
        elif family in heads:
            # The family is there: with its events behind it, or alone, and the name is put behind it at run time.
            missing = next((part for part in name.split(":") if part and not _stands(data, end, part)), "")
            if missing:
                near = _nearest(literal, heads - {family}) or _nearest(missing, _words(data, end))
        else:
            near = _nearest(literal, heads) or _nearest(family, {head.partition(":")[0] for head in heads})
        if near:
            typos.append(Typo(pattern, near))
    return typos


def _stands(data: mmap.mmap, end: int, word: str) -> bool:
    """Whether *word* is in the image as a word of its own, as far as a look at its first places tells."""
    raw = word.encode()
    at = data.find(raw, 0, end)
    for _ in range(_PLACES):
        if at < 0:
            return False
        behind = data[at + len(raw) : at + len(raw) + 1]
        if not (behind.isalnum() or behind == b"_"):
            return True
        at = data.find(raw, at + 1, end)
    return True


def _literal(pattern: str) -> str:
    """The part that must stand in the image as it is: upper-case tokens up to a glob, a value or an argument."""
    tokens: list[str] = []
    for token in re.split(r"[=#* ]", pattern)[0].split(":"):
        if tokens and not re.fullmatch(r"[A-Z][A-Z0-9_]*", token):
            break
        tokens.append(token)
    return ":".join(tokens)


def _heads(data: mmap.mmap, end: int, prefixes: tuple[str, ...]) -> set[str]:
    """The constant parts of markers. Rust's strings lie back to back: each ends where the next prefix starts."""
    words = b"|".join(re.escape(p.encode()) for p in sorted(prefixes, key=len, reverse=True))
    pattern = re.compile(rb"(?:%s)(?:(?!%s)[A-Za-z0-9_:]){1,%d}" % (words, words, _LONGEST))
    heads: set[str] = set()
    for match in pattern.finditer(data, 0, end):
        tokens = match[0].decode("ascii").split(":")
        heads.update((_literal(":".join(tokens)), tokens[0]))
        if len(heads) >= _STRINGS:
            break
    return heads


def _words(data: mmap.mmap, end: int) -> set[str]:
    words: set[str] = set()
    for match in _WORD.finditer(data, 0, end):
        words.add(match[0].decode("ascii"))
        if len(words) >= _WORDS:
            break
    return words


def _nearest(word: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, sorted(known), n=1, cutoff=_NEAR)
    return near[0] if near else ""
