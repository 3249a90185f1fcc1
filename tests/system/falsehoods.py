"""Copies of a scenario in which one fact is false: what it demands, what it does, or what the model is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.scenario.model import Scenario
from harness.scenario.steps import Command, Expect, Key, Pointer, Step, Type


@dataclass(frozen=True, slots=True)
class Falsehood:
    """A scenario that must not pass; `step` is where it was changed."""

    what: str
    scenario: Scenario
    step: int


def acted(scenario: Scenario) -> Iterator[Falsehood]:
    """What the guest is told or given is not what the scenario then asks for."""
    for index, step in enumerate(scenario.steps):
        match step:
            case Command(send=send):
                payloads = (send,) if isinstance(send, str) else send
                for place, payload in enumerate(payloads):
                    changed = _other_command(payload)
                    if changed is not None:
                        sent = (*payloads[:place], *changed, *payloads[place + 1 :])
                        yield _with(scenario, index, replace(step, send=sent), payload)
            case Type(text=text):
                yield _with(scenario, index, replace(step, text=text[:-1]), "a key less")
            case Key():
                yield _with(scenario, index, replace(step, keys=("b",)), "another key")
            case Pointer(action="click"):
                yield _with(scenario, index, replace(step, x=980, y=760), "a click beside it")
            case _:
                pass


def _other_command(payload: str) -> tuple[str, ...] | None:
    """What is sent in place of *payload*; None if it states no fact."""
    match payload.split():
        case ["verify", check, want]:
            number = 10**6 if check == "check=frame_at_least" else int(want.removeprefix("want=")) + 1
            return (f"verify {check} want={number}",)
        case ["scenario", _]:
            return ("scenario name=another",)
        case ["milestone" | "complete" | "frame", *_] | ["disk", "do=append", _]:
            return ()
        case _:
            return None


def expected(scenario: Scenario) -> Iterator[Falsehood]:
    """Each expectation, altered: every pattern, every two neighbours of an order, every count both ways."""
    for index, step in enumerate(scenario.steps):
        if isinstance(step, Expect):
            for altered, what in _altered(step):
                yield _with(scenario, index, altered, what)


def _altered(step: Expect) -> Iterator[tuple[Expect, str]]:
    for key in ("all", "order"):
        patterns: tuple[str, ...] = getattr(step, key)
        for place, pattern in enumerate(patterns):
            for other in _other_patterns(pattern):
                others = (*patterns[:place], other, *patterns[place + 1 :])
                yield replace(step, **{key: others}), f"{key}: {other}"  # type: ignore[arg-type]
    for place in range(len(step.order) - 1):
        order = list(step.order)
        order[place : place + 2] = reversed(order[place : place + 2])
        yield replace(step, order=tuple(order)), f"order: {order[place]} first"
    for place, count in enumerate(step.count):
        if count.exactly is not None:
            for number in (count.exactly - 1, count.exactly + 1):
                counts = (*step.count[:place], replace(count, exactly=number), *step.count[place + 1 :])
                yield replace(step, count=counts), f"count: {number} of {count.pattern}"


def _other_patterns(pattern: str) -> Iterator[str]:
    """The same marker with another value in one place; 100 more is a record, a client or a key that there is not."""
    tokens = pattern.split(":")
    for place, token in enumerate(tokens):
        last = place == len(tokens) - 1
        if token.isdecimal() or last:
            other = str(int(token) + 100) if token.isdecimal() else "fail" if token == "pass" else f"{token}-not"
            yield ":".join((*tokens[:place], other, *tokens[place + 1 :]))


def _with(scenario: Scenario, index: int, step: Step, what: str) -> Falsehood:
    steps = (*scenario.steps[:index], step, *scenario.steps[index + 1 :])
    return Falsehood(f"{index + 1} {what}", replace(scenario, steps=steps), index)


_WORD = re.compile(r"\b(x|w|seed|color|text|(?<=theme )name)=(\S+)")


def told_to_the_model(journal: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Journals in which one command differs from what the guest was sent, each with what was changed: each created
    window's place, size and colour (by its lowest bit), and of every other kind of command the first.
    """
    films = {m[1] for line in journal if (m := re.search(r'"work id=(\d+) name=media', line))}  # they hide the colour
    seen = set()
    for place, line in enumerate(journal):
        event = json.loads(line)
        if event["kind"] != "control.send":
            continue
        payload = str(event["payload"])
        verb, *words = payload.split()
        for found in _WORD.finditer(payload):
            key, value = found.groups()
            if (key == "color" and any(f"id={film}" in words for film in films)) or (verb, key) in seen:
                continue
            if verb != "create":
                seen.add((verb, key))
            told = payload[: found.start(2)] + _other_value(key, value) + payload[found.end() :]
            changed = json.dumps({**event, "payload": told}) + "\n"
            yield told, "".join((*journal[:place], changed, *journal[place + 1 :]))


def _other_value(key: str, value: str) -> str:
    match key:
        case "color":
            return f"{int(value, 16) ^ 1:06x}"
        case "text":
            return "X" + value[1:]
        case "name":
            return {"light": "dark", "dark": "light"}[value]
        case _:
            return str(int(value) + 1)
