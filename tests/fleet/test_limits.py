"""The limits of a cluster, judged from histories written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from harness.evidence.journal import Event
from harness.fleet.history import FaultTime, Hearing, History, Told
from harness.fleet.limits import Broken, judge_limits
from harness.judge.verdict import CheckStatus, RunVerdict
from harness.scenario.cluster.lives import Life
from harness.scenario.cluster.model import Cluster, ClusterStep, Limits, Node
from harness.scenario.steps import Boot, Shutdown
from harness.verdicts import Verdict

S = 1_000_000_000
END = 100  # s


def life(node: str, up: float, down: float | None = None, number: int = 1, **heard: Any) -> Told:
    """`heard` is `peers=[(seconds, peer, up)]`."""
    told = Told(Life(node, number, "reference", {}, 1), cast(RunVerdict, None), [], round(up * S))
    told.down_ns = None if down is None else round(down * S)
    told.hearings = [Hearing(round(at * S), node, peer, is_up, 0) for at, peer, is_up in heard.get("peers", [])]
    return told


def fault(begin: float, undone: float | None, *between: str, what: str = "partition", frames: int = 5) -> FaultTime:
    begun = Event(0, round(begin * S), "link.fault", {"what": what, "between": list(between)})
    end = None if undone is None else Event(0, round(undone * S), "link.undone", {"frames": frames})
    return FaultTime(what, between, begun, end)


def history(
    limits: Limits,
    told: list[Told],
    faults: Sequence[FaultTime] = (),
    events: Sequence[Event] = (),
    slowdown: float = 1.0,
    complete: bool = True,
) -> History:
    names = sorted({t.life.node for t in told})
    steps = (ClusterStep(Boot(), tuple(names)), ClusterStep(Shutdown(), tuple(names)))
    cluster = Cluster(name="x", nodes=tuple(Node(name=n) for n in names), limits=limits, plan=steps)
    own = [
        Event(0, 0, "run.start", {"slowdown": slowdown}),
        *events,
        Event(9, END * S, "step.begin", {"index": 1}),  # the shutdown at the end
        *([Event(10, END * S + 1, "steps.end")] if complete else []),
    ]
    return History(cluster, sorted(own, key=lambda e: e.host_ns), told, faults)


def broken(found: History) -> list[Broken]:
    return [b for _, b in judge_limits(found) if b is not None]


TWO_DOWN = [life("a", 1, 10), life("a", 30, number=2), life("b", 1, 20), life("c", 1)]


def test_two_nodes_down_at_once_are_seen_where_one_may_be() -> None:
    (found,) = broken(history(Limits(nodes_down_at_most=1), TWO_DOWN))
    assert (found.verdict, found.cause, found.at_ns) == (Verdict.FAIL, "too-many-down", 20 * S)
    assert "a and b" in found.what
    assert broken(history(Limits(nodes_down_at_most=2), TWO_DOWN)) == []


def test_one_down_after_the_other_came_back_is_one_at_a_time() -> None:
    told = [life("a", 1, 10), life("a", 15, number=2), life("b", 1, 20), life("c", 1)]
    assert broken(history(Limits(nodes_down_at_most=1), told)) == []


def test_the_shutdown_at_the_end_is_no_break() -> None:
    assert broken(history(Limits(nodes_down_at_most=0), [life("a", 1, END + 1), life("b", 1, END + 1)])) == []


def test_a_node_that_sees_too_few_is_named_with_whom_it_lost() -> None:
    told = [life("a", 1, peers=[(2, "b", True), (5, "b", False)]), life("b", 1, peers=[(2, "a", True)])]
    (found,) = broken(history(Limits(peers_at_least=1), told))
    assert (found.cause, found.at_ns, found.evidence["node"]) == ("too-few-peers", 5 * S, "a")
    assert "a saw 0 peers, after it lost b" in found.what


def test_a_node_that_never_saw_enough_is_found_at_the_end() -> None:
    told = [life("a", 1), life("b", 1, peers=[(2, "a", True)])]
    (found,) = broken(history(Limits(peers_at_least=1), told))
    assert (found.cause, found.at_ns) == ("too-few-peers", END * S)
    assert "never saw 1 peer" in found.what


@pytest.mark.parametrize(("back", "late"), [(12.0, False), (20.0, True), (None, True)])
def test_a_peer_has_its_time_from_when_the_partition_ended(back: float | None, late: bool) -> None:
    peers = [(2, "b", True), (6, "b", False), *([(back, "b", True)] if back else [])]
    told = [life("a", 1, peers=peers), life("b", 1)]
    found = broken(history(Limits(peer_back_within=3), told, [fault(5, 10, "a", "b")]))
    assert [b.cause for b in found] == (["peer-not-back"] if late else [])


def test_a_slow_host_gets_more_time() -> None:
    told = [life("a", 1, peers=[(2, "b", True), (6, "b", False), (20, "b", True)]), life("b", 1)]
    assert broken(history(Limits(peer_back_within=3), told, [fault(5, 10, "a", "b")], slowdown=4.0)) == []


def test_a_peer_that_is_dead_or_still_cut_off_need_not_come_back() -> None:
    peers = [(2, "b", True), (6, "b", False)]
    limits = Limits(peer_back_within=3)
    assert broken(history(limits, [life("a", 1, peers=peers), life("b", 1, 5.0)])) == []
    cut_off = history(limits, [life("a", 1, peers=peers), life("b", 1)], [fault(5, END + 1, "a", "b")])
    assert broken(cut_off) == []


def test_a_peer_that_was_replaced_has_its_time_from_when_it_was_up_again() -> None:
    for up, late in ((30.0, False), (20.0, True)):
        told = [
            life("a", 1, peers=[(2, "b", True), (6, "b", False), (31, "b", True)]),
            life("b", 1, 5.0),
            life("b", up, number=2),
        ]
        assert [b.cause for b in broken(history(Limits(peer_back_within=3), told))] == ["peer-not-back"] * late


def test_a_fault_that_nobody_lifted_breaks_healed() -> None:
    told = [life("a", 1), life("b", 1)]
    assert [b.cause for b in broken(history(Limits(healed=True), told, [fault(5, END + 1, "a", "b")]))] == [
        "not-healed"
    ]
    assert broken(history(Limits(healed=True), told, [fault(5, 50, "a", "b")])) == []


def test_a_fault_that_no_frame_met_makes_nothing_of_the_run() -> None:
    told = [life("a", 1), life("b", 1)]
    (found,) = broken(history(Limits(), told, [fault(5, 50, "a", "b", frames=0)]))
    assert (found.verdict, found.cause) == (Verdict.INCONCLUSIVE, "fault-idle")
    assert broken(history(Limits(), told, [fault(5, 50, "a", what="unplug", frames=0)])) == []


@pytest.mark.parametrize(("share", "verdict"), [(0.8, Verdict.INCONCLUSIVE), (0.2, Verdict.FAIL)])
def test_a_peer_lost_because_the_host_starved_it_is_nobodys_fault(share: float, verdict: Verdict) -> None:
    told = [life("a", 1, peers=[(2, "b", True), (5, "b", False)]), life("b", 1, peers=[(2, "a", True)])]
    silent = Event(3, round(5.2 * S), "node.silent", {"node": "b", "seconds": 0.7, "run_delay_ratio": share})
    (found,) = broken(history(Limits(peers_at_least=1), told, events=[silent]))
    assert found.verdict is verdict


def test_a_run_that_broke_off_is_not_blamed_for_what_was_still_to_come() -> None:
    told, limits = [life("a", 1), life("b", 1)], Limits(peers_at_least=1, healed=True, nodes_down_at_most=0)
    rows = list(judge_limits(history(limits, told, [fault(5, END + 1, "a", "b")], complete=False)))
    assert [found for _, found in rows] == [None] * 4
    assert [check.status for check, _ in rows if check.kind == "limit"] == [CheckStatus.PENDING] * 3


def test_limits_of_nodes_that_never_came_up_are_not_reached() -> None:
    told = [life("a", 1), life("b", 1)]
    told[1].up_ns = None
    ((check, found),) = judge_limits(history(Limits(nodes_down_at_most=1), told))
    assert (check.status, found) == (CheckStatus.PENDING, None)
