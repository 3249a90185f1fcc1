"""Faults of a network card: no carrier, silence, delay. Guests on a link of the harness have `harness.fleet` for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import LabError
from harness.faults.act import Act, Done, Lasting, World
from harness.faults.streams import Stream
from harness.qmp.session import QmpError
from harness.targets.base import Capability

_US = 1000  # in a millisecond


async def _backend(world: World, card: str) -> str:
    """What the network card *card* is connected to.

    :raises LabError: if there is no such card.
    """
    try:
        return str(await world.qmp.execute("qom-get", path=f"/machine/peripheral/{card}", property="netdev"))
    except QmpError as error:
        raise LabError(
            f"there is no network card {card!r}: {error.desc}",
            "give it that id in the profile: a -netdev in machine.extra, and in machine.devices"
            f" virtio-net-pci,netdev=…,id={card}",
        ) from error


async def _down(world: World, what: Any, stream: Stream) -> Done:
    backend = await _backend(world, what.card)
    if not what.silent:
        await world.qmp.execute("set_link", name=what.card, up=False)
        return {"card": what.card}
    # Everything is sent to where nothing comes back from; the card keeps its carrier.
    await world.qmp.execute("chardev-add", id=_id(what, "nowhere"), backend={"type": "null", "data": {}})
    try:
        await _filter(world, what, "filter-redirector", netdev=backend, queue="all", outdev=_id(what, "nowhere"))
    except QmpError:
        await world.qmp.execute("chardev-remove", id=_id(what, "nowhere"))
        raise
    return {"card": what.card, "silent": True}


async def _up(world: World, what: Any, done: Mapping[str, Any]) -> None:
    if not what.silent:
        await world.qmp.execute("set_link", name=what.card, up=True)
        return
    await world.qmp.execute("object-del", id=_id(what, "filter-redirector"))
    await world.qmp.execute("chardev-remove", id=_id(what, "nowhere"))


async def _delay(world: World, what: Any, stream: Stream) -> Done:
    if Capability.VIRTUAL_CLOCK in world.target.capabilities:
        raise LabError(
            "frames cannot be delayed in the virtual clock: while the guest waits its time would run on to their end",
            "use the wall clock, or a link of a cluster",
        )
    backend = await _backend(world, what.card)
    await _filter(world, what, "filter-buffer", netdev=backend, queue="all", interval=what.delay_ms * _US)
    return {"card": what.card, "delay_ms": what.delay_ms}


async def _prompt(world: World, what: Any, done: Mapping[str, Any]) -> None:
    await world.qmp.execute("object-del", id=_id(what, "filter-buffer"))


async def _filter(world: World, what: Any, kind: str, **settings: Any) -> None:
    arguments: dict[str, Any] = {"qom-type": kind, "id": _id(what, kind), **settings}
    await world.qmp.execute("object-add", **arguments)


def _id(what: Any, part: str) -> str:
    return f"fault-{part}-{what.card}"


ACTS: Mapping[str, Act] = {
    "network-down": Lasting(_down, _up),
    "network-delay": Lasting(_delay, _prompt),
}
