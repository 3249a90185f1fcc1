"""Faults of the serial line on its way to us: noise, loss, stall. The guest does not notice them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.console.distortion import Damage, Distortion, Stall
from harness.faults.act import Act, Done, Lasting, World
from harness.faults.streams import Stream


def _spoil(world: World, distortion: Distortion) -> Done:
    offset = world.console.received
    world.console.distort(distortion)
    return {"offset": offset}


async def _noise(world: World, what: Any, stream: Stream) -> Done:
    return _spoil(world, Damage(stream.below, what.bytes, what.every, lose=False))


async def _loss(world: World, what: Any, stream: Stream) -> Done:
    return _spoil(world, Damage(stream.below, what.bytes, what.every, lose=True))


async def _stall(world: World, what: Any, stream: Stream) -> Done:
    return _spoil(world, Stall())


async def _mend(world: World, what: Any, done: Mapping[str, Any]) -> None:
    world.console.mend()


ACTS: Mapping[str, Act] = {
    "serial-noise": Lasting(_noise, _mend),
    "serial-loss": Lasting(_loss, _mend),
    "serial-stall": Lasting(_stall, _mend),
}
