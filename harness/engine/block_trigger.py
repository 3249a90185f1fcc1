"""Faults at a request of a disk: the machine stands still in the middle of the request, which then goes on unharmed.

The disk answers that request with ENOSPC, for which its device is told to stop the machine instead of telling the
guest; once the fault was injected the machine goes on and sends the request again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from harness.engine.waits import FatalFindingError, NothingMoreError, StepTimeoutError
from harness.errors import LabError, UsageError
from harness.targets.qemu import QemuTarget
from harness.targets.served_disk import Held, ServedDisk, served_by
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.engine.injector import Armed


class BlockTrigger:
    """Waits for the requests that the armed faults wait for; the first ones are held from power-on.

    :param reached: called for each armed fault whose request came; the machine stands still.
    :raises UsageError: if the target is none whose disks we serve.
    """

    def __init__(self, ctx: Context, armed: Iterable[Armed], reached: Callable[[Armed], Awaitable[None]]) -> None:
        if not isinstance(ctx.target, QemuTarget):
            raise UsageError(f"{ctx.target.name} has no disk whose requests could be seen", "use a QEMU target")
        self._ctx = ctx
        self._target = ctx.target
        self._reached = reached
        self._armed: dict[str, list[Armed]] = {}
        self._held: asyncio.Queue[tuple[ServedDisk, Held]] = asyncio.Queue()
        for one in armed:
            self._armed.setdefault(one.fault.when.disk, []).append(one)
        loop, disks = asyncio.get_running_loop(), served_by(ctx.target)
        if not set(disks) >= set(self._armed):
            raise UsageError(
                f"{ctx.target.name}: a recorded run cannot wait for requests of disks", "use another clock"
            )
        for disk in [disks[name] for name in self._armed]:
            disk.listen(partial(self._holds, loop, disk))

    def _holds(self, loop: asyncio.AbstractEventLoop, disk: ServedDisk, held: Held) -> None:
        loop.call_soon_threadsafe(self._held.put_nowait, (disk, held))

    async def run(self) -> None:
        """Inject at each held request, and let the machine go on. Never returns.

        :raises LabError: if the machine does not stop, or is gone.
        """
        try:
            async with asyncio.TaskGroup() as group:
                while True:  # a fault that waits for the guest's next boot must not keep that from its requests
                    group.create_task(self._inject(*await self._held.get()))
        except* LabError as errors:
            raise errors.exceptions[0] from None

    async def _inject(self, disk: ServedDisk, held: Held) -> None:
        await self._standing(disk)
        life = self._target.pid
        await self._ctx.console.drained()
        for one in self._armed[disk.name]:
            kind = one.fault.when.block or "any"
            at = dict(held.reached).get(kind)
            if at is not None and not one.spent and at >= one.due:
                one.seen = at - 1
                with suppress(StepTimeoutError, FatalFindingError, NothingMoreError):  # its step sees it too
                    await self._reached(one)
                if not one.spent:
                    disk.stop_at(kind, int(one.due))
        if self._target.pid == life and await self._stands():
            await self._ctx.qmp.execute("cont")

    async def _standing(self, disk: ServedDisk) -> None:
        """Wait until the machine stands still, which the answer to the held request makes it."""
        stopped = self._ctx.qmp.next_event("STOP")
        try:
            if not await self._stands():
                async with asyncio.timeout(host(TIMEOUTS.settle)):
                    await stopped
        except TimeoutError:
            raise LabError(
                f"the machine did not stop at a request of the disk {disk.name}",
                "its device has a policy of its own (werror, rerror): leave it to the harness",
            ) from None
        finally:
            stopped.cancel()

    async def _stands(self) -> bool:
        """Whether it stands at a request: a fault may have let it go already, or ended it."""
        status = await self._ctx.qmp.execute("query-status")
        return isinstance(status, dict) and status.get("status") == "io-error"
