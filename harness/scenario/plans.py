"""Plan files: TOML or JSON in, a validated plan out; and what the types cannot say of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.errors import UsageError
from harness.markers.match import Pattern
from harness.scenario.faulting import UNITS, Fault, Plan, When
from harness.toml import Problem, TomlFile, load_toml, parse, refuse, validate
from harness.toml_positions import Loc

_ADAPTER = TypeAdapter(Plan)
MOST_TIMES = 100_000  # firings of one fault
MOST_FLIPPED = 1 << 20  # bytes out of which one bit is drawn


def load_plan(path: Path) -> Plan:
    """The plan of a file of its own, `*.toml` or `*.json`.

    :raises UsageError: listing everything wrong with it.
    """
    document = _load_json(path) if path.suffix == ".json" else load_toml(path)
    if "version" not in document.data:
        raise refuse(path, document.locate, [Problem((), "the key 'version' is missing at the top level")])
    plan = validate(_ADAPTER, path, document)
    problems = list(plan_problems(plan.fault, ("fault",)))
    if not plan.fault:
        problems.append(Problem((), "no faults: a plan needs at least one [[fault]]"))
    if problems:
        raise refuse(path, document.locate, problems)
    return plan


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """A plan as a bundle or a repro file holds it (`dataclasses.asdict`).

    :raises pydantic.ValidationError: if it is none.
    """
    return parse(_ADAPTER, data)


def plan_from_words(data: dict[str, Any], source: str) -> Plan:
    """A plan as a program gives it; *source* stands for the file's name in what is said of it.

    :raises UsageError: listing everything wrong with it.
    """
    document = TomlFile(data, lambda _: 1)
    plan = validate(_ADAPTER, Path(source), document)
    problems = list(plan_problems(plan.fault, ("fault",)))
    if problems:
        raise refuse(Path(source), document.locate, problems)
    return plan


def plan_problems(faults: tuple[Fault, ...], place: Loc) -> Iterator[Problem]:
    """What the types cannot say of the faults that stand at *place*."""
    names: set[str] = set()
    for index, fault in enumerate(faults):
        here = (*place, index)
        if fault.name in names:
            yield Problem(
                (*here, "name"), f"two faults are called {fault.name!r}: each has a random stream of its name"
            )
        names.add(fault.name)
        yield from _when((*here, "when"), fault.when)
        yield from _what(here, fault)
        lengths = [k for k in ("guest_s", "host_s", "frames", "rendezvous", "marker") if getattr(fault.until, k)]
        if len(lengths) > 1:
            yield Problem((*here, "until"), f"until: give one of {', '.join(lengths)}")
        if fault.until.marker:
            yield from _pattern((*here, "until", "marker"), fault.until.marker)
        recover = fault.recover
        if recover is not None:
            for key in ("detected", "markers"):
                for number, source in enumerate(getattr(recover, key) or ()):
                    yield from _pattern((*here, "recover", key, number), source.replace("{id}", "1"))
            if recover.within <= 0:
                yield Problem((*here, "recover", "within"), "within: should be more than 0 seconds")


def _when(place: Loc, when: When) -> Iterator[Problem]:
    if not when.unit:
        yield Problem(place, f"when: give exactly one of {', '.join(UNITS)} (counts begin with 1)")
        return
    number = when.number
    if isinstance(number, tuple) and number[0] > number[1]:
        yield Problem(place, f"when: [{number[0]}, {number[1]}] is no window: the lower end comes first")
    if (number[0] if isinstance(number, tuple) else number) < 0:
        yield Problem(place, "when: should not be negative")
    if when.marker:
        yield from _pattern((*place, "marker"), when.marker)
    if not 1 <= when.times <= MOST_TIMES:
        yield Problem((*place, "times"), f"times: should be 1 to {MOST_TIMES}")
    if when.times > 1 and when.every <= 0:
        yield Problem(place, "when: with `times`, say how far apart: every = …")


def _what(here: Loc, fault: Fault) -> Iterator[Problem]:
    what, place = fault.do, (*here, "when")
    if what.place == "rendezvous" and fault.when.unit in ("symbol", "block"):
        why = "it is done by a control command, and there the guest takes none"
        yield Problem(place, f"when: {what.kind} cannot happen at a {fault.when.unit}: {why}")
    if hasattr(what, "random") and hasattr(what, "id") and (what.id > 0) == (what.random > 0):
        yield Problem((*here, "do"), f"{what.kind}: give either id = CLIENT or random = HOW_MANY")
    if what.kind == "bit-flip" and bool(what.symbol) == (what.address is not None):
        yield Problem((*here, "do"), "bit-flip: give either symbol or address")
    if what.kind == "bit-flip" and not 0 <= (what.bit or 0) < 8 * what.length <= 8 * MOST_FLIPPED:
        yield Problem((*here, "do"), f"bit-flip: length should be 1 to {MOST_FLIPPED} bytes, and bit within them")
    if what.kind == "reset" and fault.when.unit in ("symbol", "block"):
        yield Problem(place, f"when: a machine that stands at a {fault.when.unit} is not reset: use kill-qemu")
    if what.kind == "serial-stall" and fault.until.host_s is None:
        yield Problem(here, "serial-stall: give until = { host_s = … }, for nothing else is heard while it lasts")
    if what.kind in ("serial-noise", "serial-loss") and min(what.bytes, what.every) < 1:
        yield Problem((*here, "do"), f"{what.kind}: bytes and every should be at least 1")
    if what.kind in ("pause", "freeze-qemu") and what.host_s <= 0:
        yield Problem((*here, "do", "host_s"), "host_s: should be more than 0")
    if what.kind == "network-delay" and what.delay_ms < 1:
        yield Problem((*here, "do", "delay_ms"), "delay_ms: should be at least 1")
    if what.kind == "memory-pressure" and what.mb < 1:
        yield Problem((*here, "do", "mb"), "mb: should be at least 1")
    if what.kind == "clock-jump" and what.seconds < 1:
        yield Problem((*here, "do", "seconds"), "seconds: should be at least 1, a counter goes forwards")
    if what.kind == "disk-slow" and what.iops < 1:
        yield Problem((*here, "do", "iops"), "iops: should be 1 or more")
    if what.kind == "disk-error" and (what.count < 0 or (what.sector or 0) < 0):
        yield Problem((*here, "do"), "disk-error: count and sector should not be negative")
    if what.kind == "disk-error" and what.sector is not None and what.request == "flush":
        yield Problem((*here, "do", "sector"), "sector: a flush has none")
    if what.kind == "cpu-starvation" and not 1 <= what.percent <= 99:
        yield Problem((*here, "do", "percent"), "percent: should be 1 to 99")


def _pattern(place: Loc, source: str) -> Iterator[Problem]:
    try:
        Pattern.parse(source)
    except UsageError as error:
        yield Problem(place, error.what)


def _load_json(path: Path) -> TomlFile:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path}:1: should be an object")
    return TomlFile(data, lambda _: 1)
