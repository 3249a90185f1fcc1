"""Marker schemas as plain data: families, their events and fields, and the rules that a stream of them must keep.

The plan's five families are built in (`PLAN`); a project adds its own in a TOML file, for which these classes are the
whole format:

    prefixes = ["RAYOS_"]                      # optional: what this project's markers start with
    [families.GUI.events]                      # event = its fields in order
    LAUNCH = [{ name = "app" }, { name = "window_id", type = "int", min = 1 }]
    [[families.GUI.rules]]
    rule = "pair"
    open = "LAUNCH"
    close = "EXIT"
    key = ["window_id"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from harness.markers.grammar import PREFIXES

_STRICT = {"extra": "forbid"}  # read by the validation library; the classes stay plain dataclasses

FieldType = Literal["str", "int", "hex", "float", "enum", "size", "text"]
"""`hex` may lack 0x; `size` is WIDTHxHEIGHT (values `<name>_w`, `<name>_h`); `text`, the last, takes all the rest."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event: positional, or by its name from a key=value tail. Limits are inclusive."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    type: FieldType = "str"
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()  # of an enum
    optional: bool = False  # may be missing at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A session: `first` comes before anything else of the family, `last` after it; then `first` may start over."""

    __pydantic_config__: ClassVar = _STRICT
    rule: Literal["order"] = "order"
    first: str
    last: str = ""
    anytime: tuple[str, ...] = ()  # events that may come outside a session too


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Each `open` of an id is followed by one `close` of it; no `close` without it, and no id twice in a session."""

    __pydantic_config__: ClassVar = _STRICT
    rule: Literal["pair"] = "pair"
    open: str
    close: str
    key: tuple[
        str, ...
    ] = ()  # name of the field that is the id; several if it is called differently in the two; none: no id
    reuse: bool = False  # whether a finished id may come again in the same session


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The `events` speak only of ids that `open` has named (and `close`, if given, has not ended)."""

    __pydantic_config__: ClassVar = _STRICT
    rule: Literal["life"] = "life"
    open: str
    close: str = ""
    key: tuple[str, ...]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often `event` comes in a session (in a boot, if the family has no `order`)."""

    __pydantic_config__: ClassVar = _STRICT
    rule: Literal["count"] = "count"
    event: str
    min: int = 0
    max: int | None = None
    equals: str = ""  # the field of the session's first event that says how often


Rule = Order | Pair | Life | Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Events with their fields in order, and rules. An event's name may be a path (`VIRTIO_BLK:PERSIST_OK`)."""

    __pydantic_config__: ClassVar = _STRICT
    events: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All families that are known."""

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1] = 1
    prefixes: tuple[str, ...] = PREFIXES
    families: Mapping[str, Family] = field(default_factory=dict)

    def merged(self, other: Schema) -> Schema:
        """This schema with *other* on top: of a family in both, events are added and rules, if there are, replaced."""
        families = dict(self.families)
        for name, new in other.families.items():
            old = families.get(name)
            families[name] = (
                new if old is None else Family(events={**old.events, **new.events}, rules=new.rules or old.rules)
            )
        return replace(self, prefixes=other.prefixes, families=families)


def load_schema(path: Path) -> Schema:
    """The plan's families with the schema file *path* on top.

    :raises harness.errors.UsageError: naming file, line and, for an unknown key, the nearest known one.
    """
    from harness.markers.schema_file import read_schema

    return PLAN.merged(read_schema(path, PLAN))


def _whole(name: str) -> Field:
    return Field(name, "int", min=0)


def _number(name: str) -> Field:
    return Field(name, "float", min=0)


def _percent(name: str) -> Field:
    return Field(name, "float", min=0, max=100)


_PASS = Field("result", "enum", values=("pass", "fail"))

PLAN = Schema(
    families={
        "SOAK": Family(
            events={
                "START": (_whole("clients"), _whole("duration_sec")),
                "CLIENT_CREATED": (_whole("id"),),
                "CLIENT_DESTROYED": (_whole("id"),),
                "METRICS_SNAPSHOT": (_percent("cpu_percent"), _whole("mem_kb"), _number("latency_us"), _number("fps")),
                "COMPLETE": (_PASS,),
            },
            rules=(
                Order(first="START", last="COMPLETE"),
                Pair(open="CLIENT_CREATED", close="CLIENT_DESTROYED", key=("id",)),
                Count(event="CLIENT_CREATED", equals="clients"),
            ),
        ),
        "STRESS": Family(
            events={
                "START": (Field("test_type"), _whole("target_level")),
                "LOAD_APPLIED": (_whole("level"), _percent("cpu_percent"), _percent("mem_percent")),
                "LATENCY_SAMPLE": (_number("latency_us"),),
                "DEGRADATION": (_whole("level"), _number("latency_ratio")),
                "COMPLETE": (_PASS,),
            },
            rules=(Order(first="START", last="COMPLETE"),),
        ),
        "FAILURE": Family(
            events={
                "INJECT": (Field("scenario"), _whole("target_id")),
                "DETECTED": (Field("failure_type"), _whole("id")),
                "RECOVERY_START": (_whole("id"),),
                "RECOVERY_COMPLETE": (_whole("id"), Field("outcome", "enum", values=("success", "timeout"))),
                "TEST_COMPLETE": (_PASS,),
            },
            rules=(
                Life(
                    open="INJECT", key=("target_id", "id"), events=("DETECTED", "RECOVERY_START", "RECOVERY_COMPLETE")
                ),
                Pair(open="RECOVERY_START", close="RECOVERY_COMPLETE", key=("id",), reuse=True),
                Order(first="INJECT", last="TEST_COMPLETE", anytime=("INJECT",)),
            ),
        ),
        "PERF": Family(
            events={
                "PROFILE_START": (Field("operation"),),
                "SAMPLE": (Field("operation"), _number("latency_us"), _percent("percentile")),
                "THROUGHPUT": (Field("operation"), _number("ops_per_sec")),
                "MEMORY": (_whole("allocated_kb"), _whole("peak_kb"), _percent("fragmentation_percent")),
                "REPORT": (Field("metric"), Field("value", "float"), Field("unit")),
            },
            rules=(Life(open="PROFILE_START", key=("operation",), events=("SAMPLE", "THROUGHPUT")),),
        ),
        "INTEGRATION": Family(
            events={
                "SCENARIO_START": (Field("name"),),
                "MILESTONE": (Field("description", "text"),),
                "VERIFY": (Field("check"), _PASS),
                "SCENARIO_COMPLETE": (Field("name"), _PASS),
            },
            rules=(
                Order(first="SCENARIO_START", last="SCENARIO_COMPLETE"),
                Pair(open="SCENARIO_START", close="SCENARIO_COMPLETE", key=("name",), reuse=True),
            ),
        ),
    }
)
"""The plan's five families."""
