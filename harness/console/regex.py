"""Regular expressions from scenario files, refused where they could not work on a stream."""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined] # the only way to a pattern's width; unchanged from 3.11 to 3.14
from typing import Any

from harness.errors import UsageError

_FEW = 8  # repeats of something that varies which are no danger
_WAYS = 200  # ... and in how many ways it may vary, over all repeats
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})


def compile_regex(source: str, *, bounded: bool = False) -> re.Pattern[str]:
    """Compile *source*.

    :param bounded: refuse also what has no longest match: on a stream that is still coming, `.*` matches whatever
        happens to be there.
    :raises harness.errors.UsageError: for a syntax error, a pattern that matches the empty string (it would match
        everywhere), and many repeats of something that itself varies in length, or can be read in two ways, like
        `(a+)+`, `(a{1,30})+` and `(a|aa)+` (guest text could make it take for ever).
    """
    try:
        tree = _parser.parse(source)
        compiled = re.compile(source, re.DOTALL if bounded else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"not a regular expression: {source!r}: {error}") from error
    shortest, longest = tree.getwidth()
    if shortest == 0:
        raise UsageError(
            f"the pattern {source!r} can match nothing at all, so it would match everywhere",
            "make some part of it mandatory",
        )
    if bounded and longest >= _parser.MAXREPEAT:
        raise UsageError(
            f"the pattern {source!r} has no longest match", "on a stream say how much at most: {1,80} instead of * or +"
        )
    if _explodes(tree.data):
        raise UsageError(
            f"the pattern {source!r} repeats a repeat: some text would take for ever",
            "repeat few times what varies in length, and let repeated alternatives begin with other characters",
        )
    return compiled


def _explodes(items: Any, times: int = 1) -> bool:
    """Whether a text can be cut in too many ways: a repeat that varies in length, or alternatives of which two may
    begin alike, are repeated often (*times* so far) themselves.
    """
    for operation, argument in items:
        name = str(operation)
        if name in _REPEATS:
            least, most, repeated = argument[0], int(argument[1]), argument[2].data
            varies = most > max(least, 1)
            if varies and times > _FEW and times * most > _WAYS:
                return True
            if _explodes(repeated, times * most if most > 1 else times):
                return True
            continue
        alike = name == "BRANCH" and times > _FEW and not _told_apart(argument[1])
        if alike or any(_explodes(part, times) for part in _parts(argument)):
            return True
    return False


def _told_apart(alternatives: Any) -> bool:
    """Whether the first character says which of the alternatives it is."""
    first = [str(one[0]) if len(one) and str(one[0][0]) == "LITERAL" else "" for one in alternatives]
    return all(first) and len(set(first)) == len(first)


def _parts(argument: Any) -> list[Any]:
    """The sub-patterns in an operation's argument (groups, branches, looks ahead)."""
    if isinstance(argument, _parser.SubPattern):
        return [argument.data]
    if isinstance(argument, (tuple, list)):
        return [part for item in argument for part in _parts(item)]
    return []
