"""Regular expressions from scenario files, refused where they could not work on a stream."""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined] # the only way to a pattern's width; unchanged from 3.11 to 3.14
from typing import Any

from harness.errors import UsageError

_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})


def compile_regex(source: str, *, bounded: bool = False) -> re.Pattern[str]:
    """Compile *source*.

    :param bounded: refuse also what has no longest match: on a stream that is still coming, `.*` matches whatever
        happens to be there.
    :raises harness.errors.UsageError: for a syntax error, a pattern that matches the empty string (it would match
        everywhere), and a repeat of something that itself varies in length without bound, like `(a+)+` (guest text
        could make it take for ever).
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
            "give the outer repeat a bound, or separate matches by literal text",
        )
    return compiled


def _explodes(items: Any, inside: bool = False) -> bool:
    """Whether an unbounded repeat stands in an unbounded repeat anywhere in a parsed pattern."""
    for operation, argument in items:
        name = str(operation)
        if name in _REPEATS:
            endless = argument[1] >= _parser.MAXREPEAT
            if (endless and inside) or _explodes(argument[2].data, inside or endless):
                return True
        elif any(_explodes(part, inside) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    """The sub-patterns in an operation's argument (groups, branches, looks ahead)."""
    if isinstance(argument, _parser.SubPattern):
        return [argument.data]
    if isinstance(argument, (tuple, list)):
        return [part for item in argument for part in _parts(item)]
    return []
