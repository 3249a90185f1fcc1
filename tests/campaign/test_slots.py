"""Guests in real time get a core for each of their processors; virtual ones run whenever there is a slot."""

from __future__ import annotations

import asyncio

from harness.campaign.slots import Slots
from harness.evidence.campaign import Unit


def units(count: int) -> list[Unit]:
    return [Unit(index, 0) for index in range(count)]


def test_no_more_guests_in_real_time_are_begun_than_there_are_cores_for() -> None:
    async def main() -> None:
        slots = Slots(units(3), [1, 1, 1], 2)
        first, second = await slots.take(), await slots.take()
        third = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        assert not third.done()
        assert first is not None
        assert second is not None
        slots.free(first)
        assert await third == Unit(2, 0)
        assert await slots.take() is None

    asyncio.run(main())


def test_a_virtual_run_passes_one_that_waits_for_its_cores() -> None:
    async def main() -> None:
        slots = Slots(units(3), [2, 2, 0], 2)
        assert [await slots.take(), await slots.take()] == [Unit(0, 0), Unit(2, 0)]

    asyncio.run(main())


def test_those_who_wait_for_cores_hear_that_nothing_more_is_begun() -> None:
    async def main() -> None:
        slots = Slots(units(2), [1, 1], 1)
        assert await slots.take() == Unit(0, 0)
        waiting = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        slots.close()
        assert await waiting is None

    asyncio.run(main())
