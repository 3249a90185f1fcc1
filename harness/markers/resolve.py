"""From tokens to meaning: which event, which named values, and whether they are what the schema says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from harness.markers.dialects import convert, instance, key_values
from harness.markers.schema import Field, Schema
from harness.markers.types import NO_VALUES, Dialect, Marker, Value

_INT = re.compile(r"[+-]?[0-9]{1,19}\Z")
_FLOAT = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?\Z")
_HEX = re.compile(r"(?:0[xX])?[0-9A-Fa-f]{1,32}\Z")
_KINDS = {"int": "a decimal number", "float": "a number", "hex": "a hexadecimal number"}
_LENGTH = r"(0[xX][0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{16}|[0-9]{1,10})"
_SIZE = re.compile(rf"{_LENGTH}x{_LENGTH}\Z")
_SHOWN = 80  # characters of a wrong value that are shown


@lru_cache(4096)  # a stream says the same numbers again and again
def _int(word: str) -> Value:
    return int(word) if _INT.match(word) else word


@lru_cache(4096)
def _float(word: str) -> Value:
    return float(word) if _FLOAT.match(word) else word


def _hex(word: str) -> Value:
    return int(word, 16) if _HEX.match(word) else word


_CONVERTERS: dict[str, Callable[[str], Value]] = {"int": _int, "float": _float, "hex": _hex, "str": str, "enum": str}
"""Types whose field is one word and one value. A word that is not of its type stays as it is; the rules complain."""


class Meaning(NamedTuple):
    """What tokens say."""

    event: str
    args: tuple[str, ...]
    values: Mapping[str, Value]


class Resolver:
    """A schema, ready to be asked. Event names are looked up by the longest path of tokens that is one."""

    def __init__(self, schema: Schema) -> None:
        self._events = {
            name: {tuple(event.split(":")): (event, fields) for event, fields in family.events.items()}
            for name, family in schema.families.items()
        }
        self._deepest = {name: max(map(len, events), default=0) for name, events in self._events.items()}
        self._plain = {
            (name, path): (event, len(path), tuple((field.name, _CONVERTERS[field.type]) for field in fields))
            for name, events in self._events.items()
            for path, (event, fields) in events.items()
            if all(field.type in _CONVERTERS for field in fields)
        }

    def plain_meaning(self, family: str, tokens: tuple[str, ...]) -> Meaning:
        """`meaning` of a marker of the plan's grammar without a tail: most of them, so made to be fast."""
        plain = self._plain.get((family, tokens[:1])) if self._deepest.get(family) == 1 else None
        if plain is None:
            return self.meaning(family, tokens, Dialect.PLAN, {}, "")
        event, depth, converters = plain
        args = tokens[depth:]
        return Meaning(
            event, args, {name: convert(word) for (name, convert), word in zip(converters, args, strict=False)}
        )

    def meaning(
        self, family: str, tokens: tuple[str, ...], dialect: Dialect, tail: Mapping[str, str], text: str
    ) -> Meaning:
        """Event, positional arguments and values; in a family without a schema the first token is the event."""
        values: dict[str, Value] = {}
        if dialect is Dialect.ASSIGN:
            name, mark, word = (tokens[-1] if tokens else text.partition(" ")[0]).partition("=")
            if mark:
                tokens = (*tokens[:-1], name) if tokens else ()
                values["value"] = convert(word)
        if tokens and dialect in {Dialect.INSTANCE, Dialect.BRACKET}:
            name, number = instance(tokens[-1])
            if number is not None:
                tokens = (*tokens[:-1], name)
                values["instance"] = number
        for key, word in tail.items():
            values[key] = convert(word)
        found = self._event(family, tokens)
        if found is None:
            return Meaning(tokens[0] if tokens else "", tokens[1:], values or NO_VALUES)
        event, fields, depth = found
        args = tokens[depth:]
        for field, given in _given(fields, args, tail):
            if given is None:
                continue
            if field.type == "size" and (size := _SIZE.match(given)):
                values[f"{field.name}_w"], values[f"{field.name}_h"] = convert(size[1]), convert(size[2])
            else:
                values[field.name] = _CONVERTERS.get(field.type, str)(given)
        return Meaning(event, args, values)

    def takes_text(self, family: str, tokens: tuple[str, ...]) -> bool:
        """Whether the event that *tokens* name ends in a field of free text."""
        found = self._event(family, tokens)
        return found is not None and bool(found[1]) and found[1][-1].type == "text"

    def problems(self, marker: Marker) -> list[str]:
        """Why *marker* is not what the schema says; empty also for a family that the schema does not know."""
        events = self._events.get(marker.family)
        if events is None:
            return []
        entry = events.get(tuple(marker.event.split(":")))
        if entry is None:
            known = ", ".join(event for event, _ in events.values())
            return [f"{marker.family} has no event {marker.event[:_SHOWN]!r}; it has {known}"]
        event, fields = entry
        tail = {} if marker.dialect is Dialect.FREETEXT else key_values(marker.text.partition(" ")[2])
        problems: list[str] = []
        for field, given in _given(fields, marker.args, tail):
            if trouble := _trouble(field, given):
                problems.append(f"{event}.{field.name} {trouble}")
        positional = sum(1 for field in fields if field.name not in tail)
        if len(marker.args) > positional and not any(field.type == "text" for field in fields):
            rest = ":".join(marker.args[positional:])
            problems.append(f"{event} has more fields than {positional}: {rest[:_SHOWN]!r}")
        return problems

    def _event(self, family: str, tokens: tuple[str, ...]) -> tuple[str, tuple[Field, ...], int] | None:
        events = self._events.get(family)
        if events is None:
            return None
        for depth in range(min(self._deepest[family], len(tokens)), 0, -1):
            found = events.get(tokens[:depth])
            if found is not None:
                return found[0], found[1], depth
        return None


def _given(
    fields: tuple[Field, ...], args: tuple[str, ...], tail: Mapping[str, str]
) -> Iterator[tuple[Field, str | None]]:
    """Each field with its word: by name from the tail, else the next argument, else None."""
    position = 0
    for field in fields:
        word = tail.get(field.name)
        if word is None and position < len(args):
            word = args[position] if field.type != "text" else ":".join(args[position:])
            position = position + 1 if field.type != "text" else len(args)
        yield field, word


def _trouble(field: Field, word: str | None) -> str:
    """What is wrong with the word given for a field; empty if nothing."""
    if word is None:
        return "" if field.optional else "is missing"
    value = _CONVERTERS.get(field.type, str)(word)
    shown = repr(word[:_SHOWN])
    if field.type in _KINDS:
        if isinstance(value, str):
            return f"should be {_KINDS[field.type]}, not {shown}"
        if field.min is not None and value < field.min:
            return f"should be at least {field.min:g}, not {value:g}"
        if field.max is not None and value > field.max:
            return f"should be at most {field.max:g}, not {value:g}"
    elif field.type == "enum" and word not in field.values:
        return f"should be {' or '.join(field.values)}, not {shown}"
    elif field.type == "size" and not _SIZE.match(word):
        return f"should be WIDTHxHEIGHT, not {shown}"
    elif field.type == "str" and not word:
        return "is empty"
    return ""
