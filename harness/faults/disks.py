"""Faults of disks, in a run that serves its disks itself: requests fail or take long, a disk goes, the power goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from harness.errors import LabError, UsageError
from harness.faults.act import Act, Done, Lasting, Momentary, World
from harness.faults.resolve import resolve
from harness.faults.streams import Stream
from harness.qmp.session import QmpError
from harness.scenario.fault_kinds import PowerCut
from harness.scenario.faulting import Plan
from harness.targets.nbd import EIO, ENOSPC
from harness.targets.overlays import disks as disks_of
from harness.targets.profile import Profile
from harness.targets.served_disk import Failure, Loss, ServedDisk, served_by
from harness.timeouts import TIMEOUTS, host


def served_disks(plan: Plan, profile: Profile, seed: int) -> tuple[ServedDisk, ...]:
    """The disks of *profile*, all of them to be served by us if *plan* does something to one, waits for one of its
    requests or looks at it. What it waits for is held from power-on.

    :param seed: of the scenario.
    :raises UsageError: if the plan waits for requests of a disk that is not there.
    """
    at_requests = any(fault.when.unit == "block" for fault in plan.fault)
    needed = at_requests or any(
        hasattr(fault.do, "disk")
        or isinstance(fault.do, PowerCut)
        or (fault.recover is not None and fault.recover.disk)
        for fault in plan.fault
    )
    if not needed:
        return ()
    disks = {name: ServedDisk(name, holds=at_requests) for name, _ in disks_of(profile)}
    for when in (resolved.fault.when for resolved in resolve(plan, seed)):
        if when.block is None:
            continue
        if when.disk not in disks:
            raise UsageError(
                f"a fault waits for a request of the disk {when.disk}, and {profile.name} has"
                f" {', '.join(disks) or 'no disk'}",
                'name it: when = { block = "write", disk = "NAME" }',
            )
        disks[when.disk].stop_at(when.block, int(str(when.nth)))
    return tuple(disks.values())


def _disk(world: World, what: Any) -> ServedDisk:
    disks = served_by(world.target)
    if what.disk not in disks:
        there = f"its disks are {', '.join(disks)}" if disks else "it has none that we could serve"
        raise LabError(f"{what.kind}: {world.target.name} has no disk {what.disk}: {there}")
    return disks[what.disk]


_LOOK_AGAIN = 0.01  # seconds


async def _fail(world: World, what: Any, stream: Stream) -> Done:
    disk, error = _disk(world, what), EIO
    if what.error == "enospc" and disk.policy == "report":
        error = ENOSPC
    elif what.error == "enospc" and dict(disks_of(world.profile))[disk.name].interface == "scsi":
        raise LabError(
            "disk-error: in a plan that waits for requests of disks, ENOSPC stops the machine",
            'a SCSI guest could tell it from EIO: use error = "eio", or another instant (`when`)',
        )
    sectors = None if what.sector is None else range(what.sector, what.sector + 1)
    return _failing(disk, Failure(error, what.request, sectors, what.count or None))


async def _gone(world: World, what: Any, stream: Stream) -> Done:
    disk = _disk(world, what)
    return await _pull(world, disk) if what.hot else _failing(disk, Failure(EIO))


def _failing(disk: ServedDisk, failure: Failure) -> Done:
    return {"ids": [], "disk": disk.name, "number": disk.fail(failure)}


async def _mend(world: World, what: Any, done: Mapping[str, Any]) -> None:
    disk = _disk(world, what)
    if "device" in done:
        await _put_back(world, disk, done)
        return
    failure = disk.mend(int(done["number"]))
    world.journal.append("disk.failed", disk=disk.name, number=done["number"], requests=failure.hits)


async def _slow(world: World, what: Any, stream: Stream) -> Done:
    _disk(world, what).slow(1 / what.iops)
    return {"ids": [], "disk": what.disk}


async def _fast(world: World, what: Any, done: Mapping[str, Any]) -> None:
    _disk(world, what).slow(0.0)


# ---- a device on a bus that can do without it --------------------------------------------------------------------


async def _pull(world: World, disk: ServedDisk) -> Done:
    """Ask the guest to let the device go, and wait until it has."""
    path = await _device(world, disk.name)
    about = {key: str(await world.qmp.execute("qom-get", path=path, property=key)) for key in ("type", "parent_bus")}
    slot = str(await world.qmp.execute("qom-get", path=path, property="legacy-addr"))
    gone = world.qmp.next_event("DEVICE_DELETED")
    await world.qmp.execute("device_del", id=path)
    try:
        async with asyncio.timeout(host(TIMEOUTS.settle)):
            await gone
    except TimeoutError:
        raise LabError(
            f"the guest did not let the device of the disk {disk.name} go", "it has to know hot-plugging of PCI devices"
        ) from None
    device = {"driver": about["type"], "bus": about["parent_bus"].rpartition("/")[2], "addr": slot}
    return {"ids": [], "disk": disk.name, "device": device | {"werror": disk.policy, "rerror": disk.policy}}


async def _put_back(world: World, disk: ServedDisk, done: Mapping[str, Any]) -> None:
    node = f"{disk.name}-again"
    nodes = await world.qmp.execute("query-named-block-nodes", flat=True)
    if node not in [known["node-name"] for known in nodes]:  # QEMU lets the first one's connection go with its device
        with disk.plug_again() as wire:
            await world.qmp.give(node, wire.fileno())
        file: dict[str, Any] = {"driver": "nbd", "server": {"type": "fd", "str": node}}
        names: dict[str, Any] = {"node-name": node}
        form = dict(disks_of(world.profile))[disk.name].format
        await world.qmp.execute("blockdev-add", driver=form, file=file, **names)
    await _plug_in(world, node, done["device"])


async def _plug_in(world: World, node: str, device: Mapping[str, Any]) -> None:
    """A device that was pulled keeps its medium until QEMU's RCU thread has freed it, which nobody is told of."""
    refused: QmpError | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(host(TIMEOUTS.settle)):
            while True:
                try:
                    await world.qmp.execute("device_add", drive=node, **device)
                except QmpError as error:
                    if "Permission conflict" not in error.desc:
                        raise
                    refused = error
                    await asyncio.sleep(_LOOK_AGAIN)
                else:
                    return
    raise refused or LabError(f"QEMU did not plug the device of {node} in")


async def _device(world: World, name: str) -> str:
    """The QOM path of the PCI device of the drive *name*."""
    for block in await world.qmp.execute("query-block"):
        node = block.get("inserted", {}).get("node-name")
        if name == block["device"] or node == f"{name}-again":
            path = str(block.get("qdev", ""))
            if path:
                return path.removesuffix("/virtio-backend")
    raise LabError(f"no device is behind the disk {name}")


# ---- the power ---------------------------------------------------------------------------------------------------


async def _cut(world: World, what: Any, stream: Stream) -> Done:
    disks = served_by(world.target)
    losses: dict[str, Loss] = {}

    def keep() -> bool:
        return what.keep == "all" or (what.keep == "some" and stream.below(2) == 1)

    async def between() -> None:
        for name, disk in disks.items():
            losses[name] = disk.lose_power(keep)

    await world.cut_power(between)
    told = {name: {"unflushed": loss.unflushed, "kept": loss.kept} for name, loss in losses.items()}
    return {"ids": [], "sectors": told}


ACTS: Mapping[str, Act] = {
    "disk-error": Lasting(_fail, _mend),
    "disk-slow": Lasting(_slow, _fast),
    "disk-unplug": Lasting(_gone, _mend),
    "power-cut": Momentary(_cut),
}
