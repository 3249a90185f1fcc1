"""What a bad line does to bytes does not depend on how they are cut into pieces."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from harness.console.distortion import Damage, Passed, Stall
from harness.console.pump import Console
from harness.errors import LabError
from harness.evidence.journal import Event, Journal
from harness.faults.streams import Stream

SENT = bytes(range(256)) * 8


def damage(*, lose: bool, most: int = 40, every: int = 20, seed: int = 1) -> Damage:
    return Damage(Stream(seed, "line").below, most, every, lose=lose)


def through(line: Damage, cuts: list[int]) -> Passed:
    """What comes of SENT, cut there."""
    out, changed, lost = bytearray(), [], []
    for start, end in pairwise([0, *cuts, len(SENT)]):
        passed = line.take(SENT[start:end], len(out))
        out += passed.data
        changed += passed.changed
        lost += passed.lost
    return Passed(bytes(out), changed, lost)


@pytest.mark.parametrize("lose", [False, True])
def test_the_same_bytes_are_hit_however_they_are_cut(lose: bool) -> None:
    whole = through(damage(lose=lose), [])
    for cuts in ([1], [100, 101, 102], list(range(1, len(SENT))), list(range(7, len(SENT), 7))):
        assert through(damage(lose=lose), cuts) == whole
    assert through(damage(lose=lose, seed=2), []) != whole


def test_noise_changes_as_many_bytes_as_it_says_at_the_offsets_it_says() -> None:
    passed = through(damage(lose=False), [300, 900])
    assert (len(passed.changed), passed.lost, len(passed.data)) == (40, [], len(SENT))
    different = [(at, SENT[at], passed.data[at]) for at in range(len(SENT)) if SENT[at] != passed.data[at]]
    assert passed.changed == different


def test_loss_takes_as_many_bytes_as_it_says_and_what_is_left_can_be_put_together_again() -> None:
    passed = through(damage(lose=True), [300, 900])
    assert (len(passed.lost), passed.changed, len(passed.data)) == (40, [], len(SENT) - 40)
    whole, at = bytearray(), 0
    for offset, byte in passed.lost:
        whole += passed.data[at:offset]
        whole.append(byte)
        at = offset
    assert bytes(whole) + passed.data[at:] == SENT


def test_on_average_one_in_every_so_many_bytes_is_hit() -> None:
    line = damage(lose=False, most=10**9, every=50)
    hit = len(line.take(bytes(1_000_000), 0).changed)
    assert 19_000 < hit < 21_000


class Port:
    """Gives the pieces one after the other; `open` ones are there already."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [*pieces, b""]

    async def read(self) -> bytes:
        return self.pieces.pop(0)

    def unread(self) -> int:
        return 0

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        return


def console(tmp_path: Path, *pieces: bytes) -> tuple[Console, list[Event]]:
    journal, events = Journal(tmp_path / "journal.jsonl"), list[Event]()
    journal.listen(events.append)
    return Console(Port(*pieces), journal, tmp_path / "serial.bin"), events


def test_the_journal_tells_of_the_damage_before_of_the_bytes_and_the_raw_log_holds_what_came(tmp_path: Path) -> None:
    reader, events = console(tmp_path, SENT[:900], SENT[900:])
    reader.distort(damage(lose=True, most=80))
    asyncio.run(reader.run())
    expected = through(damage(lose=True, most=80), [900])
    assert (tmp_path / "serial.bin").read_bytes() == expected.data
    assert [event.kind for event in events] == [
        *("line.bad", "line.damage", "serial", "line.damage", "serial", "line.good", "serial.end")
    ]
    told = [tuple(pair) for event in events if event.kind == "line.damage" for pair in event.data["lost"]]
    assert told == expected.lost


def test_a_stalled_line_gives_nothing_until_it_is_mended_and_then_all_in_order(tmp_path: Path) -> None:
    reader, events = console(tmp_path, b"one", b"two")
    reader.distort(Stall())
    reader._take(b"zero")
    assert not any(event.kind == "serial" for event in events)
    asyncio.run(reader.run())  # the end of the line mends it
    assert (tmp_path / "serial.bin").read_bytes() == b"zeroonetwo"


def test_what_a_stalled_line_holds_is_not_drained(tmp_path: Path) -> None:
    async def main() -> None:
        reader, _ = console(tmp_path)
        reader.distort(Stall())
        drained = asyncio.create_task(reader.drained())
        await asyncio.sleep(0)
        assert not drained.done()
        reader.mend()
        await drained

    asyncio.run(main())


def test_one_line_has_one_fault_at_a_time(tmp_path: Path) -> None:
    reader, _ = console(tmp_path)
    reader.distort(Stall())
    with pytest.raises(LabError, match="bad one already"):
        reader.distort(damage(lose=False))


def test_a_flood_into_a_stalled_line_waits_in_the_guest_and_not_in_memory(tmp_path: Path) -> None:
    async def main() -> None:
        reader, _ = console(tmp_path, b"x" * 60, b"y" * 60, b"z" * 60)
        reader.distort(Stall(most=100))
        reading = asyncio.create_task(reader.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert reader._port.pieces == [b"z" * 60, b""]  # type: ignore[attr-defined]
        reader.mend()
        await reading

    asyncio.run(main())
    assert (tmp_path / "serial.bin").read_bytes() == b"x" * 60 + b"y" * 60 + b"z" * 60
