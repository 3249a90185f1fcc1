"""A sweep: one fault at every place where there can be one, systematically instead of at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.chaos.survey import Survey
from harness.faults.draw import Draw
from harness.faults.streams import Stream
from harness.scenario.faulting import BlockOp, Fault, Plan, When


def at_markers(survey: Survey, offered: Mapping[str, Draw], every: int, seed: int) -> Iterator[tuple[str, Plan]]:
    """Plans of one fault each, with their labels: each kind at each *every*-th marker by which there is a victim.

    In the virtual clock what a marker triggers happens at the next instant at which the guest waits.
    """
    for number, alive in enumerate(survey.markers, 1):
        if alive == 0 or number % every:
            continue
        for kind, drawn in offered.items():
            what, until, recover = drawn(Stream(seed, f"{kind} at marker {number}"))
            if getattr(what, "random", 0) > alive:
                continue
            when = When(marker="RAYOS_*", nth=number)
            yield (
                f"{kind} at marker {number}",
                _plan(seed, Fault(name=kind, when=when, do=what, until=until, recover=recover)),
            )


def at_block_requests(
    offered: Mapping[str, Draw], request: BlockOp, disk: str, number: int, seed: int
) -> Iterator[tuple[str, Plan]]:
    """As `at_markers`, at the *number*-th request of a disk."""
    for kind, drawn in offered.items():
        what, until, recover = drawn(Stream(seed, f"{kind} at {request} {number}"))
        if what.place == "rendezvous":
            continue  # in the middle of a request the guest takes no command
        when = When(block=request, disk=disk, nth=number)
        yield (
            f"{kind} at {request} {number}",
            _plan(seed, Fault(name=kind, when=when, do=what, until=until, recover=recover)),
        )


def _plan(seed: int, fault: Fault) -> Plan:
    return Plan(seed=seed, fault=(fault,))
