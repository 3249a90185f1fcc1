"""The part of a scenario that a target can do, and what is left out of it, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from harness.engine.needs import needs_of, needs_of_fault
from harness.errors import UsageError
from harness.scenario.model import Lackable, Scenario
from harness.scenario.steps import PASSIVE, describe
from harness.targets.base import Target


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is left out: the number of a step from 1 (0: it is no step), what it is, and why."""

    number: int
    what: str
    why: str

    def __str__(self) -> str:
        place = f"step {self.number}, " if self.number else ""
        return f"{place}{self.what}: {self.why}"


def without(scenario: Scenario, target: Target) -> tuple[Scenario, list[Skipped]]:
    """The scenario without what needs something that *target* lacks and that is `optional`, and what that is."""
    return _part(scenario, frozenset(map(str, target.capabilities)), frozenset(scenario.optional))


def part_for(scenario: Scenario, capabilities: Iterable[str], name: str) -> tuple[Scenario, list[Skipped]]:
    """The scenario without all that needs more than *capabilities*, and what that is.

    :param name: that of the target, for the error.
    :raises UsageError: if nothing is left but to boot.
    """
    part, skipped = _part(scenario, frozenset(map(str, capabilities)), frozenset(get_args(Lackable)))
    if len(part.steps) - len(part.left_out) < 2:
        told = "; ".join(map(str, skipped))
        raise UsageError(f"{name} can do nothing of {scenario.name} but boot it: {told}", "compare another scenario")
    return part, skipped


def _part(scenario: Scenario, there: frozenset[str], optional: frozenset[str]) -> tuple[Scenario, list[Skipped]]:
    """What cannot be done for want of something that is not optional stays: the target refuses it."""
    skipped: list[Skipped] = []
    action = 0  # number of the last step that acted, where it is left out

    def spared(needs: Iterable[str]) -> str:
        lacks = [str(one) for one in needs if str(one) not in there]
        return f"needs {', '.join(lacks)}" if lacks and optional.issuperset(lacks) else ""

    for number, step in enumerate(scenario.steps, 1):
        if number - 1 in scenario.left_out:  # on the other of two twins
            continue
        why = spared(needs_of(step))
        if not isinstance(step, PASSIVE):
            action = number if why else 0
        elif action and not why and getattr(step, "since", "action") == "action":
            why = f"looks at what step {action} does, which is left out"
        if why:
            skipped.append(Skipped(number, describe(step), why))
    left_out = tuple(sorted({*scenario.left_out, *(one.number - 1 for one in skipped)}))
    plan = scenario.faults
    if plan is not None:
        spare = {fault.name: why for fault in plan.fault if (why := spared(needs_of_fault(fault)))}
        skipped += [Skipped(0, f"the fault {name}", why) for name, why in spare.items()]
        able = tuple(fault for fault in plan.fault if fault.name not in spare)
        plan = replace(plan, fault=able) if able else None
    proof = scenario.proof
    if proof is not None and (why := spared(["proof"])):
        skipped.append(Skipped(0, "the proof of every frame", why))
        proof = None
    return replace(scenario, left_out=left_out, proof=proof, faults=plan), skipped
