"""Random streams of faults: the same everywhere, and none moves another."""

from __future__ import annotations

from harness.faults.resolve import resolve
from harness.faults.streams import Stream
from harness.scenario.fault_kinds import ClientKill
from harness.scenario.faulting import Fault, Plan, When


def _fault(name: str) -> Fault:
    return Fault(name=name, when=When(rendezvous=(3, 1000)), do=ClientKill(random=1))


def test_the_numbers_are_these_on_every_machine() -> None:
    stream = Stream(7, "crash")
    assert [stream.below(1000) for _ in range(5)] == [448, 542, 781, 943, 149]


def test_another_seed_or_another_name_gives_other_numbers() -> None:
    def first(seed: int, name: str) -> list[int]:
        stream = Stream(seed, name)
        return [stream.word() for _ in range(4)]

    assert first(1, "a") != first(2, "a")
    assert first(1, "a") != first(1, "b")
    assert first(1, "a") == first(1, "a")


def test_all_numbers_below_a_limit_come_and_no_other() -> None:
    stream = Stream(1, "x")
    drawn = [stream.below(5) for _ in range(1000)]
    assert set(drawn) == set(range(5))
    assert all(150 < drawn.count(n) < 250 for n in range(5))


def test_a_sample_has_no_item_twice_and_at_most_all() -> None:
    stream = Stream(1, "x")
    assert sorted(stream.sample(range(6), 6)) == list(range(6))
    assert len(set(stream.sample(range(50), 20))) == 20
    assert sorted(stream.sample([1, 2], 9)) == [1, 2]


def test_a_fault_more_or_less_moves_none_of_the_others() -> None:
    both = resolve(Plan(fault=(_fault("a"), _fault("b"))), 5)
    alone = resolve(Plan(fault=(_fault("b"),)), 5)
    assert both[1].fault == alone[0].fault
    assert both[1].stream.word() == alone[0].stream.word()
    assert both[0].fault.when != both[1].fault.when


def test_the_plans_own_seed_is_stronger_than_the_scenarios() -> None:
    plan = Plan(seed=9, fault=(_fault("a"),))
    assert resolve(plan, 1)[0].fault == resolve(plan, 2)[0].fault
    assert resolve(Plan(fault=plan.fault), 9)[0].fault == resolve(plan, 1)[0].fault


def test_windows_are_drawn_within_their_ends() -> None:
    for seed in range(200):
        seconds = Fault(name="t", when=When(guest_s=(0.5, 0.75)), do=ClientKill(random=1))
        nth = Fault(name="n", when=When(marker="RAYOS_X", nth=(2, 4)), do=ClientKill(random=1))
        first, second = (r.fault.when for r in resolve(Plan(fault=(seconds, nth)), seed))
        assert isinstance(first.guest_s, float)
        assert 0.5 <= first.guest_s < 0.75
        assert second.nth in (2, 3, 4)
