"""A reset that we ask for, told apart from one that the guest did.

QEMU is started with `-no-reboot`, which turns every reset into a shutdown that keeps the machine for the post mortem.
One that is meant is bracketed by `set-action reboot=reset`. The bracket stays open until the firmware is through:
SeaBIOS finds a machine that was not switched off, "attempts a hard reboot", and may do so again (up to 3 times in 119
of 120 resets, 12 times in one, on a loaded host). The guest's first output closes it; so does a silent loop of resets.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from harness.errors import LabError
from harness.qmp.session import QmpEvent, QmpSession
from harness.targets.ports import LifePort
from harness.timeouts import TIMEOUTS, host

_FIRMWARE_RESETS = 100  # that a firmware may do by itself: far above what was seen, and over within 10 s


class Resetter:
    """Resets the machine behind *qmp*, whose console is *console*.

    :param keep: whether QEMU was told to keep a machine that resets; without it there is nothing to bracket.
    """

    def __init__(self, qmp: QmpSession, console: LifePort, *, keep: bool) -> None:
        self._qmp = qmp
        self._console = console
        self._keep = keep
        self._open = False
        self._further = 0  # resets since the one that we asked for
        self._stale = 0  # bytes of the console that the guest had sent before the reset
        self._closing: asyncio.Task[None] | None = None
        qmp.listen(self._on_event)
        console.tap(self._on_bytes)

    async def reset(self) -> None:
        """Reset the machine and let it run.

        :raises LabError: if QEMU refused, does not do it, or is gone.
        """
        await self.settle()
        seen = self._qmp.next_event("RESET")
        try:
            if self._keep:
                await self._qmp.execute("set-action", reboot="reset")
            await self._qmp.execute("system_reset")
            async with asyncio.timeout(host(TIMEOUTS.qmp_command)):
                await seen
        except TimeoutError as error:
            raise LabError("QEMU did not reset the machine") from error
        finally:
            seen.cancel()
        if (await self._qmp.execute("query-status"))["status"] != "running":  # stopped before, by a shutdown or by us
            await self._qmp.execute("cont")

    async def settle(self) -> None:
        """Wait for a closing of the bracket that is under way."""
        if self._closing is not None:
            await asyncio.wait({self._closing})

    def _on_event(self, event: QmpEvent) -> None:
        if event.name != "RESET" or not self._keep:
            return
        if not event.data.get("guest"):
            self._open = True
            self._further = 0
            # The CPUs stood still when the event was sent: what the old boot printed is there by now.
            self._stale = self._console.unread()
        elif self._open:
            self._further += 1
            if self._further > _FIRMWARE_RESETS:
                self._close()

    def _on_bytes(self, data: bytes) -> None:
        if self._open:
            self._stale -= len(data)
            if self._stale < 0:
                self._close()

    def _close(self) -> None:
        self._open = False
        self._closing = asyncio.get_running_loop().create_task(self._forbid(), name="reset-bracket")

    async def _forbid(self) -> None:
        with suppress(LabError):  # QEMU went away meanwhile, and its end is told elsewhere
            await self._qmp.execute("set-action", reboot="shutdown")
