"""Shrinking: the smallest plan that still fails, within a budget of runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.chaos.shrink import shrink
from harness.scenario.fault_kinds import ClientHang, ClientKill
from harness.scenario.faulting import Fault, Plan, Until, When


def _plan(*names: str) -> Plan:
    return Plan(seed=1, fault=tuple(Fault(name=n, when=When(rendezvous=40), do=ClientKill(random=3)) for n in names))


def _has(*names: str) -> Callable[[Plan], bool]:
    return lambda plan: set(names) <= {fault.name for fault in plan.fault}


@pytest.mark.parametrize("culprits", [("c",), ("a",), ("h",), ("b", "g"), ("a", "h"), ("c", "d", "e")])
def test_only_the_faults_that_it_takes_are_left(culprits: tuple[str, ...]) -> None:
    found = shrink(_plan(*"abcdefgh"), _has(*culprits), budget=200)
    assert {fault.name for fault in found.plan.fault} == set(culprits)


def test_what_is_left_still_fails_and_was_played() -> None:
    played: list[Plan] = []

    def fails(plan: Plan) -> bool:
        played.append(plan)
        return _has("b", "g")(plan)

    found = shrink(_plan(*"abcdefgh"), fails, budget=50)
    assert found.plan in played
    assert fails(found.plan)


def test_the_budget_is_kept_and_the_best_so_far_is_given() -> None:
    calls = 0

    def fails(plan: Plan) -> bool:
        nonlocal calls
        calls += 1
        return _has("a")(plan)

    found = shrink(_plan(*"abcdefgh"), fails, budget=2)
    assert calls == found.runs == 2
    assert _has("a")(found.plan)
    assert len(found.plan.fault) < 8


def test_counts_get_as_small_as_they_can() -> None:
    def fails(plan: Plan) -> bool:
        return isinstance(plan.fault[0].when.rendezvous, int) and plan.fault[0].when.rendezvous >= 7

    found = shrink(_plan("a"), fails, budget=50)
    assert found.plan.fault[0].when.rendezvous == 7
    assert found.plan.fault[0].do == ClientKill(random=1)


def test_durations_and_seconds_get_short() -> None:
    hang = Fault(name="h", when=When(guest_s=9.0), do=ClientHang(id=1), until=Until(guest_s=4.0))

    def fails(plan: Plan) -> bool:
        fault = plan.fault[0]
        return isinstance(fault.when.guest_s, float) and fault.when.guest_s > 2 and (fault.until.guest_s or 0) > 1

    found = shrink(Plan(fault=(hang,)), fails, budget=50).plan.fault[0]
    assert isinstance(found.when.guest_s, float)
    assert 2 < found.when.guest_s < 2.01
    assert found.until.guest_s is not None
    assert 1 < found.until.guest_s < 1.01


def test_many_times_become_once_where_once_is_enough() -> None:
    many = Fault(name="m", when=When(frame=30, times=9, every=5), do=ClientKill(id=1))
    found = shrink(Plan(fault=(many,)), lambda _: True, budget=50).plan.fault[0]
    assert (found.when.times, found.when.frame) == (1, 1)
