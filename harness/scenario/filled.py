"""What a placeholder that stands alone becomes: a number where the field takes one, and text in any other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

_NUMBER = re.compile(r"-?\d{1,15}")


class Filled(str):
    """The text of a word that stands alone: a number, where its field takes one (`typed`)."""

    __slots__ = ()


def typed(value: Any, hint: Any) -> Any:
    """*value* with each `Filled` text in it made a number where *hint*, the type of its field, takes one.

    :param hint: a type as in an annotation; `Any` takes a number.
    """
    if isinstance(value, Filled):
        return int(value) if _NUMBER.fullmatch(value) and _takes_number(hint) else str(value)
    if isinstance(value, list):
        return [typed(v, _item(hint)) for v in value]
    if isinstance(value, dict):
        fields = _fields(hint)
        return {k: typed(v, fields.get(k, Any)) for k, v in value.items()}
    return value


def _arms(hint: Any) -> Iterator[Any]:
    """The alternatives of a union, without what annotates them."""
    if get_origin(hint) is Annotated:
        yield from _arms(get_args(hint)[0])
    elif get_origin(hint) in {Union, UnionType}:
        for arm in get_args(hint):
            yield from _arms(arm)
    else:
        yield hint


def _takes_number(hint: Any) -> bool:
    return any(arm in (int, float, Any) for arm in _arms(hint))


def _item(hint: Any) -> Any:
    """What an array of this type holds."""
    return next((get_args(arm)[0] for arm in _arms(hint) if get_origin(arm) is tuple), Any)


def _fields(hint: Any) -> dict[str, Any]:
    """The types of a table's keys."""
    found = [arm for arm in _arms(hint) if isinstance(arm, type) and is_dataclass(arm)]
    return _hints(found[0]) if len(found) == 1 else {}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
