"""Faults of clients: control commands that make them crash, hang, go without memory or break the protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from harness.errors import LabError
from harness.faults.act import Act, Done, Lasting, Momentary, World
from harness.faults.streams import Stream


def _victims(world: World, what: Any, stream: Stream) -> list[int]:
    if what.id:
        if what.id not in world.alive:
            raise LabError(f"{what.kind}: there is no client {what.id}")
        return [what.id]
    if len(world.alive) < what.random:
        raise LabError(f"{what.kind}: {what.random} victims are wanted, and {len(world.alive)} clients live")
    return stream.sample(world.alive, what.random)


def _each(text: Callable[[Any], str]) -> Callable[[World, Any, Stream], Awaitable[Done]]:
    """Send to each victim the command that *text* makes of the fault, `{id}` in it being the victim."""

    async def do(world: World, what: Any, stream: Stream) -> Done:
        ids = _victims(world, what, stream)
        for victim in ids:
            await world.command(text(what).replace("{id}", str(victim)))
        return {"ids": ids}

    return do


async def _resume(world: World, what: Any, done: Mapping[str, Any]) -> None:
    for victim in done["ids"]:
        if victim in world.alive:
            await world.command(f"stop id={victim} on=0")


async def _send(world: World, what: Any, stream: Stream) -> Done:
    return {"ids": [], "replies": [await world.command(text) for text in what.send]}


async def _take_back(world: World, what: Any, done: Mapping[str, Any]) -> None:
    for text in what.undo:
        await world.command(text)


ACTS: Mapping[str, Act] = {
    "client-crash": Momentary(_each(lambda what: f"misbehave id={{id}} how={what.how}")),
    "client-hang": Lasting(_each(lambda what: "stop id={id} on=1"), _resume),
    "client-kill": Momentary(_each(lambda what: "kill id={id}")),
    "buffer-exhaustion": Momentary(_each(lambda what: "misbehave id={id} how=leak")),
    "queue-overflow": Momentary(_each(lambda what: "misbehave id={id} how=deaf")),
    "malformed-request": Momentary(_each(lambda what: f"misbehave id={{id}} how={what.how}")),
    "guest-command": Lasting(_send, _take_back),
}
