"""From a failing plan to the smallest that still fails the same way: fewer faults, then earlier, then shorter ones.

Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) over the faults; then
each number of each fault alone, by bisection towards its least. Each fault keeps its name, and so its random stream:
that another one is gone changes nothing of what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from harness.scenario.faulting import COUNTED, Fault, Plan

Fails = Callable[[Plan], bool]


class BudgetSpentError(Exception):
    """No further run may be made."""


@dataclass(slots=True)
class Shrunk:
    """The smallest plan that was found, and the runs that it took."""

    plan: Plan
    runs: int


def shrink(plan: Plan, fails: Fails, budget: int = 50) -> Shrunk:
    """The smallest plan for which *fails* still holds, by at most *budget* calls of it.

    :param plan: one that fails, and whose numbers are all drawn (`harness.faults.resolve`).
    """
    found = Shrunk(plan, 0)

    def still(candidate: Plan) -> bool:
        if found.runs >= budget:
            raise BudgetSpentError
        found.runs += 1
        if not fails(candidate):
            return False
        found.plan = candidate
        return True

    try:
        _fewer(found, still)
        for index in range(len(found.plan.fault)):
            _smaller(found, index, still)
    except BudgetSpentError:
        pass
    return found


def _fewer(found: Shrunk, still: Fails) -> None:
    """ddmin: halves, then their complements, in ever smaller parts."""
    parts = 2
    while len(found.plan.fault) >= 2:
        faults = found.plan.fault
        pieces = _split(faults, parts)
        candidates = [*pieces, *(_without(faults, piece) for piece in pieces if parts > 2)]
        smaller = next((c for c in candidates if c and still(replace(found.plan, fault=c))), None)
        if smaller is not None:
            parts = max(2, min(parts - 1, len(smaller)))
        elif parts < len(faults):
            parts = min(2 * parts, len(faults))
        else:
            return


def _split(faults: tuple[Fault, ...], parts: int) -> list[tuple[Fault, ...]]:
    edges = [len(faults) * n // parts for n in range(parts + 1)]
    return [faults[a:b] for a, b in pairwise(edges)]


def _without(faults: tuple[Fault, ...], piece: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(fault for fault in faults if fault not in piece)


def _smaller(found: Shrunk, index: int, still: Fails) -> None:
    """One fault alone: once instead of many times, fewer victims, earlier, shorter."""

    def tried(fault: Fault) -> bool:
        faults = list(found.plan.fault)
        faults[index] = fault
        return still(replace(found.plan, fault=tuple(faults)))

    fault = found.plan.fault[index]
    if fault.when.times > 1:
        tried(replace(fault, when=replace(fault.when, times=1)))
    fault = found.plan.fault[index]
    what: Any = fault.do
    if getattr(what, "random", 0) > 1:
        tried(replace(fault, do=replace(what, random=1)))
    key = fault.when.unit if fault.when.unit in COUNTED else "nth"
    for part, keys in (("when", (key,)), ("until", ("guest_s", "frames", "rendezvous"))):
        for name in keys:
            if getattr(getattr(fault, part), name):
                _descend(found, index, part, name, tried)


def _descend(found: Shrunk, index: int, part: str, key: str, tried: Callable[[Fault], bool]) -> None:
    """Bisect the number *key* of *part* towards its least; what fails nearer to that is kept."""
    low = 0.0
    while True:
        fault = found.plan.fault[index]
        table = getattr(fault, part)
        value = _between(low, getattr(table, key))
        if value is None:
            return
        if not tried(replace(fault, **{part: replace(table, **{key: value})})):
            low = value


def _between(low: float, high: float) -> float | None:
    """The middle of both: whole where *high* is a count, else to a tenth of a frame's time (1/600 s). None: there is
    none.
    """
    if isinstance(high, int):
        middle = (int(low) + high) // 2
        return middle if low < middle < high else None
    return round((low + high) / 2, 4) if high - low > 1 / 600 else None
