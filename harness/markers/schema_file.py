"""Reads a marker schema from a TOML file. Apart from `schema`, because the validation library takes 60 ms to load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field as Detail
from pydantic import TypeAdapter

from harness.markers.grammar import PREFIXES
from harness.markers.schema import Count, Family, Field, Life, Order, Pair, Rule, Schema
from harness.toml import Problem, load_toml, refuse, validate

_STRICT = {"extra": "forbid"}
_OF_DIALECTS = frozenset({"instance", "value"})  # values that markers have without a field: NAME[3], NAME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _FamilyTable:
    __pydantic_config__: ClassVar = _STRICT
    events: dict[str, tuple[Field, ...]] = field(default_factory=dict)
    rules: tuple[Annotated[Rule, Detail(discriminator="rule")], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1]
    prefixes: tuple[str, ...] = PREFIXES
    families: dict[str, _FamilyTable] = field(default_factory=dict)


def read_schema(path: Path, base: Schema) -> Schema:
    """What the file says; its rules may speak of the events that *base* has in the same family.

    :raises harness.errors.UsageError: naming file, line and, for an unknown key or event, the nearest known one.
    """
    document = load_toml(path)
    read = validate(TypeAdapter(_Document), path, document)
    families = {name: Family(events=table.events, rules=table.rules) for name, table in read.families.items()}
    schema = Schema(prefixes=read.prefixes, families=families)
    if problems := list(_problems(schema, base)):
        raise refuse(path, document.locate, problems)
    return schema


def _problems(schema: Schema, base: Schema) -> Iterator[Problem]:
    """What a document of the right shape can still get wrong."""
    if not schema.prefixes or not all(schema.prefixes):
        yield Problem(("prefixes",), "a prefix must have at least one character")
    for name, family in schema.families.items():
        for event, fields in family.events.items():
            for index, one in enumerate(fields):
                place = ("families", name, "events", event, index)
                if one.type == "enum" and not one.values:
                    yield Problem(place, f"{event}.{one.name}: an enum needs `values`")
                if one.type == "text" and index + 1 < len(fields):
                    yield Problem(
                        place, f"{event}.{one.name}: a text takes all that is left and must be the last field"
                    )
        known = {**(base.families[name].events if name in base.families else {}), **family.events}
        for index, rule in enumerate(family.rules):
            named = [(key, getattr(rule, key, "")) for key in ("first", "last", "open", "close", "event")]
            named += [(key, word) for key in ("anytime", "events") for word in getattr(rule, key, ())]
            unknown = [(key, word) for key, word in named if word and word not in known]
            for key, word in unknown:
                where = ("families", name, "rules", index, key)
                yield Problem(where, f"{name} has no event {word!r}", word, tuple(known))
            if not unknown:
                rules = family.rules
                yield from _field_problems(("families", name, "rules", index), rule, rules, known)


def _field_problems(
    place: tuple[str | int, ...], rule: Rule, rules: Sequence[Rule], events: Mapping[str, tuple[Field, ...]]
) -> Iterator[Problem]:
    """The fields that a rule is about: one that no event has would switch the rule off."""
    fields = {event: [name for one in given for name in _names(one)] for event, given in events.items()}
    if isinstance(rule, (Pair, Life)) and rule.key:
        about = [event for event in (rule.open, rule.close, *getattr(rule, "events", ())) if event]
        every = sorted({*_OF_DIALECTS, *(name for event in about for name in fields[event])})
        for word in rule.key:
            if word not in every:
                yield Problem((*place, "key"), f"no event of the rule has a field {word!r}", word, tuple(every))
        for event in about:
            if set(rule.key) <= set(every) and not set(rule.key) & {*_OF_DIALECTS, *fields[event]}:
                yield Problem((*place, "key"), f"{event} has none of the fields {', '.join(rule.key)}")
    if isinstance(rule, Count) and rule.equals:
        first = next((other.first for other in rules if isinstance(other, Order)), "")
        if not first:
            yield Problem((*place, "equals"), "equals: the family has no rule `order` whose first event could say it")
        elif first in fields and rule.equals not in fields[first]:
            what = f"{first} has no field {rule.equals!r}"
            yield Problem((*place, "equals"), what, rule.equals, tuple(fields[first]))


def _names(field: Field) -> tuple[str, ...]:
    """What its values are called."""
    return (f"{field.name}_w", f"{field.name}_h") if field.type == "size" else (field.name,)
