"""Coverage of faults: how often each kind was injected in each phase of the guest's life."""

from __future__ import annotations

from collections.abc import Iterable

from harness.chaos.play import Played


def coverage(played: Iterable[Played]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """The phases in the order in which they were met, and for each kind of fault the count for each phase.

    A phase is the last `RAYOS_INTEGRATION:MILESTONE` before the fault, `boot` before the first.
    """
    phases: list[str] = []
    counts: dict[str, dict[str, int]] = {}
    for row in (row for one in played for row in sorted(one.faults, key=lambda r: int(r["at"]))):
        if row["phase"] not in phases:
            phases.append(row["phase"])
        kind = counts.setdefault(row["kind"], {})
        kind[row["phase"]] = kind.get(row["phase"], 0) + 1
    return phases, counts
