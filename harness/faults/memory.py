"""Faults of the guest's memory: a bit that turns over, and less of it than there was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import LabError
from harness.faults.act import Act, Done, Lasting, World
from harness.faults.streams import Stream
from harness.qmp.session import QmpError
from harness.targets.symbols import Symbols
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.targets.debugger import Debugger

_MB = 1 << 20


def debugger_of(world: World) -> Debugger:
    """:raises LabError: where the target has no gdbstub."""
    debugger: Debugger | None = getattr(world.target, "debugger", None)
    if debugger is None:
        raise LabError(f"{world.target.name} has no gdbstub", "this fault needs a QEMU that the harness starts")
    return debugger


async def _flip(world: World, what: Any, stream: Stream) -> Done:
    place = what.address
    if place is None:
        place = Symbols.of_profile(world.profile).address(what.symbol) + what.offset
    drawn = stream.below(what.length * 8) if what.bit is None else what.bit
    address, bit = place + drawn // 8, drawn % 8
    async with debugger_of(world).still() as memory:
        before = (await memory.read(address, 1))[0]
        await memory.write(address, bytes([before ^ 1 << bit]))
        after = (await memory.read(address, 1))[0]
    if after != before ^ 1 << bit:
        raise LabError(f"the byte at {address:#x} cannot be changed", "it is in a ROM, or no memory is there")
    named = {} if what.address is not None else {"symbol": what.symbol, "at": address - place + what.offset}
    return {"address": f"{address:#x}", "bit": bit, "before": before, "after": after, **named}


async def _flip_back(world: World, what: Any, done: Mapping[str, Any]) -> None:
    """Only what is still as we made it: a byte that the guest wrote since is its own."""
    address = int(done["address"], 16)
    async with debugger_of(world).still() as memory:
        found = (await memory.read(address, 1))[0]
        ours = found == done["after"]
        if ours:
            await memory.write(address, bytes([done["before"]]))
    world.journal.append("memory.back", address=done["address"], found=found, restored=ours)


async def _press(world: World, what: Any, stream: Stream) -> Done:
    try:
        before = int((await world.qmp.execute("query-balloon"))["actual"])
    except QmpError as error:
        raise LabError(
            f"{world.profile.name} has no memory balloon: {error.desc}",
            'add "virtio-balloon-pci" to machine.devices of its profile; its guest needs a driver for it',
        ) from error
    if what.mb * _MB >= before:
        raise LabError(f"{what.mb} MB are not there to be taken: the guest has {before // _MB} MB")
    return {"mb": what.mb, "before": before, "after": await _balloon(world, before, before - what.mb * _MB)}


async def _release(world: World, what: Any, done: Mapping[str, Any]) -> None:
    await _balloon(world, int(done["after"]), int(done["before"]))


async def _balloon(world: World, before: int, wanted: int) -> int:
    """Ask for *wanted* bytes; returns what the guest has once it has done so: in its own time, as long as it goes on.

    :raises LabError: if it does not go on; then nothing is asked of it any more.
    """
    qmp, actual = world.qmp, before
    try:
        async with asyncio.timeout(host(TIMEOUTS.balloon)) as limit:
            changed = qmp.next_event("BALLOON_CHANGE")
            await qmp.execute("balloon", value=wanted)
            while actual != wanted:
                last, actual = actual, int((await changed).data["actual"])
                if abs(wanted - actual) < abs(wanted - last):
                    limit.reschedule(asyncio.get_running_loop().time() + host(TIMEOUTS.balloon))
                changed = qmp.next_event("BALLOON_CHANGE")
            changed.cancel()
    except TimeoutError as error:
        await qmp.execute("balloon", value=before)
        raise LabError(
            f"the guest moved its balloon to {actual} of {wanted} bytes, and no further for {TIMEOUTS.balloon:g} s",
            "has it a driver for virtio-balloon? (The reference guest has none)",
        ) from error
    return actual


ACTS: Mapping[str, Act] = {
    "bit-flip": Lasting(_flip, _flip_back),
    "memory-pressure": Lasting(_press, _release),
}
