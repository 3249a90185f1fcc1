"""From a plan with windows to one with instants: every number that is drawn is drawn before the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.faults.streams import Stream
from harness.scenario.faulting import COUNTED, Fault, Plan


@dataclass(frozen=True, slots=True)
class Resolved:
    """A fault whose instant is known, and the rest of its random stream."""

    fault: Fault
    stream: Stream


def resolve(plan: Plan, seed: int) -> list[Resolved]:
    """The faults of *plan*, drawn with its seed or, where it has none, with *seed*."""
    root = seed if plan.seed is None else plan.seed
    return [_resolved(fault, Stream(root, fault.name)) for fault in plan.fault]


def _resolved(fault: Fault, stream: Stream) -> Resolved:
    when = fault.when
    key = when.unit if when.unit in COUNTED else "nth"
    window = getattr(when, key)
    if not isinstance(window, tuple):
        return Resolved(fault, stream)
    low, high = window
    drawn: Any = round(stream.real(low, high), 6) if key.endswith("_s") else stream.between(int(low), int(high))
    return Resolved(replace(fault, when=replace(when, **{key: drawn})), stream)
