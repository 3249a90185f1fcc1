"""The link between guests: sockets stand for their cards, frames go through the hub as QEMU's do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import LabError, UsageError
from harness.evidence.journal import Event, Journal, read_events
from harness.fleet.link import OUTBOX, Link

HEADER = b"\xff" * 6 + b"\x52\x54\x00\x00\x00\x01" + b"\x88\xb5"
NODES = ("a", "b", "c")


class Bench:
    """A link, and the guests' ends of it."""

    def __init__(self, folder: Path, nodes: tuple[str, ...] = NODES, seed: int = 1) -> None:
        self.file = folder / "journal.jsonl"
        self.journal = Journal(self.file)
        self.link = Link(nodes, self.journal, seed=seed)
        self.ends: dict[str, socket.socket] = {node: self.link.ports[node].plug() for node in nodes}
        self.carriers: list[tuple[str, bool]] = []

    async def power(self) -> None:
        for node, port in self.link.ports.items():
            await port.up(self._carrier(node))

    def _carrier(self, node: str) -> Callable[[bool], Awaitable[None]]:
        async def change(up: bool) -> None:
            self.carriers.append((node, up))

        return change

    def send(self, node: str, *payloads: bytes) -> None:
        for payload in payloads:
            self.ends[node].send(HEADER + payload)

    async def heard(self, node: str, count: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            return [(await loop.sock_recv(self.ends[node], 2000))[len(HEADER) :] for _ in range(count)]

    def nothing_for(self, node: str) -> bool:
        try:
            self.ends[node].recv(2000)
        except BlockingIOError:
            return True
        return False

    def counts(self, way: str) -> dict[str, int]:
        return next(w.counts for w in self.link.ways.values() if str(w) == way)

    async def close(self) -> None:
        await self.link.close()
        for end in self.ends.values():
            end.close()
        self.journal.close()

    def events(self, kind: str) -> list[Event]:
        return [event for event in read_events(self.file) if event.kind == kind]


def on_bench(tmp_path: Path, scene: Callable[[Bench], Awaitable[Any]], **bench: Any) -> Bench:
    """Play *scene* on a bench; returns the closed bench."""

    async def go() -> Bench:
        made = Bench(tmp_path, **bench)
        await made.power()
        try:
            await scene(made)
        finally:
            await made.close()
        return made

    return asyncio.run(go())


def test_a_frame_goes_to_everybody_else_as_it_was(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.send("a", b"one", b"two")
        assert await bench.heard("b", 2) == await bench.heard("c", 2) == [b"one", b"two"]
        assert bench.nothing_for("a")

    bench = on_bench(tmp_path, scene)
    assert bench.counts("a>b")["delivered"] == 2
    assert bench.counts("b>a")["sent"] == 0


def test_a_partition_keeps_two_apart_and_nobody_else_and_ends(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        fault = await bench.link.partition("a", "b")
        bench.send("a", b"lost")
        bench.send("b", b"lost too")
        assert sorted(await bench.heard("c", 2)) == [b"lost", b"lost too"]
        await bench.link.undo(fault)
        bench.send("a", b"heard")
        assert await bench.heard("b", 1) == [b"heard"]
        assert bench.nothing_for("a")
        assert fault.frames == 2

    bench = on_bench(tmp_path, scene)
    assert bench.carriers == []  # silent
    assert [dict(e.data) for e in bench.events("link.fault")] == [
        {"fault": 1, "what": "partition", "between": ["a", "b"]}
    ]
    assert bench.events("link.undone")[0].data["frames"] == 2


def test_a_partition_one_way_lets_the_other_way_pass(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.link.partition("a", "b", one_way=True)
        bench.send("a", b"lost")
        assert await bench.heard("c", 1) == [b"lost"]
        bench.send("b", b"heard")
        assert await bench.heard("a", 1) == [b"heard"]
        assert bench.nothing_for("b")

    on_bench(tmp_path, scene)


def test_a_noisy_partition_takes_both_carriers_and_gives_them_back(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.link.partition("a", "b", silent=False)
        assert bench.carriers == [("a", False), ("b", False)]
        await bench.link.heal("a", "b")

    bench = on_bench(tmp_path, scene, nodes=("a", "b"))
    assert bench.carriers[2:] == [("a", True), ("b", True)]


def test_a_noisy_partition_of_three_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        with pytest.raises(UsageError) as refused:
            await bench.link.partition("a", "b", silent=False)
        assert "unplug" in refused.value.hint

    assert on_bench(tmp_path, scene).carriers == []


def test_a_card_unplugged_twice_has_its_carrier_again_only_after_both_are_undone(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        first, second = await bench.link.unplug("a"), await bench.link.unplug("a")
        await bench.link.undo(first)
        assert ("a", True) not in bench.carriers
        await bench.link.undo(second)
        assert bench.carriers[-1] == ("a", True)

    on_bench(tmp_path, scene)


def test_a_guest_that_comes_up_while_its_card_is_unplugged_is_told_so(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.link.unplug("a")
        bench.carriers.clear()
        await bench.power()
        assert bench.carriers == [("a", False)]

    on_bench(tmp_path, scene)


async def lost_of_200(bench: Bench, share: float) -> list[int]:
    """Which of 200 frames from a to b are lost; sent a few at a time, so that no buffer fills."""
    await bench.link.loss("a", "b", share)
    missing: list[int] = []
    for start in range(0, 200, 5):
        bench.send("a", *(number.to_bytes(2, "big") for number in range(start, start + 5)))
        await bench.heard("c", 5)  # the hub has seen all five
        for number in range(start, start + 5):
            if bench.nothing_for("b"):
                missing.append(number)
    return missing


def test_the_seed_says_how_many_frames_are_lost_and_another_fault_does_not_move_them(tmp_path: Path) -> None:
    counts: list[int] = []

    async def alone(bench: Bench) -> None:
        await lost_of_200(bench, 0.3)
        counts.append(bench.counts("a>b")["lost"])

    async def with_another(bench: Bench) -> None:
        await bench.link.corrupt("a", "b", 0.5)
        await alone(bench)

    for name, scene, seed in (("1", alone, 7), ("2", alone, 7), ("3", with_another, 7), ("4", alone, 8)):
        (tmp_path / name).mkdir()
        on_bench(tmp_path / name, scene, seed=seed)
    assert counts[0] == counts[1] == counts[2]
    assert 40 <= counts[0] <= 80
    assert counts[3] != counts[0]


def test_corruption_turns_one_bit_behind_the_header(tmp_path: Path) -> None:
    payload = bytes(46)

    async def scene(bench: Bench) -> None:
        await bench.link.corrupt("a", "b", 1.0)
        bench.send("a", payload)
        (got,) = await bench.heard("b", 1)
        assert await bench.heard("c", 1) == [payload]
        assert sum(byte.bit_count() for byte in got) == 1

    on_bench(tmp_path, scene)


def test_a_duplicated_frame_comes_twice(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.link.duplicate("a", "b", 1.0)
        bench.send("a", b"x", b"y")
        assert await bench.heard("b", 4) == [b"x", b"x", b"y", b"y"]

    on_bench(tmp_path, scene)


def test_a_delay_holds_frames_in_order_and_hands_them_on_when_it_is_undone(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        fault = await bench.link.delay("a", "b", 60_000)
        bench.send("a", b"1", b"2")
        assert await bench.heard("c", 2) == [b"1", b"2"]
        assert bench.nothing_for("b")
        await bench.link.undo(fault)
        bench.send("a", b"3")
        assert await bench.heard("b", 3) == [b"1", b"2", b"3"]

    on_bench(tmp_path, scene)


def test_of_two_delays_one_undone_lets_nothing_overtake(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        long = await bench.link.delay("a", "b", 60_000)
        await bench.link.delay("a", "b", 5)
        bench.send("a", b"1", b"2")
        await bench.heard("c", 2)
        await bench.link.undo(long)
        bench.send("a", b"3")
        assert await bench.heard("b", 3) == [b"1", b"2", b"3"]

    on_bench(tmp_path, scene)


def test_a_delayed_frame_comes_by_itself_and_late(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.link.delay("a", "b", 40)
        since = asyncio.get_running_loop().time()
        bench.send("a", b"1")
        assert await bench.heard("b", 1) == [b"1"]
        assert asyncio.get_running_loop().time() - since >= 0.039

    on_bench(tmp_path, scene)


def test_what_a_guest_does_not_take_is_bounded_and_counted(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        frames = bytes(1400)
        while not bench.counts("a>b")["overflow"]:  # b reads nothing
            bench.send("a", frames)
            await bench.heard("c", 1)
        waiting = bench.counts("a>b")
        taken = waiting["delivered"]
        await bench.heard("b", taken + OUTBOX)
        assert waiting["sent"] == waiting["delivered"] + waiting["overflow"]

    on_bench(tmp_path, scene)


def test_a_guest_that_is_gone_disturbs_nobody(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.ends["b"].close()
        bench.send("a", b"1")
        assert await bench.heard("c", 1) == [b"1"]
        bench.link.ports["b"].down()
        bench.send("a", b"2")
        assert await bench.heard("c", 1) == [b"2"]

    assert on_bench(tmp_path, scene).counts("a>b")["nobody"] == 2


def test_the_next_life_of_a_guest_has_a_wire_of_its_own(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.ends["b"].close()
        bench.ends["b"] = bench.link.ports["b"].plug()
        bench.send("b", b"again")
        assert await bench.heard("a", 1) == [b"again"]

    on_bench(tmp_path, scene)


def test_closing_undoes_everything_even_where_a_carrier_cannot_be_given_back(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        async def refuse(up: bool) -> None:
            if up:
                raise LabError("QEMU is gone")

        await bench.link.ports["a"].up(refuse)
        await bench.link.unplug("a")
        await bench.link.loss("b", "c", 0.5)

    bench = on_bench(tmp_path, scene)
    assert {e.data["what"] for e in bench.events("link.undone")} == {"unplug", "loss"}
    assert len(bench.events("link.end")) == 1


def test_a_carrier_that_cannot_be_taken_leaves_no_fault_behind(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        async def refuse(up: bool) -> None:
            raise LabError("QEMU says no")

        await bench.link.ports["a"].up(refuse)
        with pytest.raises(LabError):
            await bench.link.unplug("a")
        bench.send("b", b"1")
        assert await bench.heard("a", 1) == [b"1"]

    on_bench(tmp_path, scene)


def test_heal_undoes_what_is_between_the_named_and_nothing_else(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        ab, bc = await bench.link.partition("a", "b"), await bench.link.partition("b", "c")
        assert await bench.link.heal("a", "b") == [ab]
        assert await bench.link.heal("c") == [bc]
        assert await bench.link.heal() == []

    on_bench(tmp_path, scene)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    async def scene(bench: Bench) -> None:
        with pytest.raises(UsageError, match="share"):
            await bench.link.loss("a", "b", share)

    on_bench(tmp_path, scene)


def test_a_node_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        with pytest.raises(UsageError, match="'d'"):
            await bench.link.partition("a", "d")

    on_bench(tmp_path, scene)
