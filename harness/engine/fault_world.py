"""What faults act on, in a run: its target, its control channel and the clients that live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from harness.engine.commanding import exchange, rendezvous, watch_ready
from harness.errors import LabError
from harness.timeouts import TIMEOUTS

if TYPE_CHECKING:
    from pathlib import Path

    from harness.console.pump import Console
    from harness.engine.context import Context
    from harness.evidence.journal import Event, Journal
    from harness.markers.types import Marker
    from harness.qmp.session import QmpSession
    from harness.targets.base import Target
    from harness.targets.profile import Profile


class RunWorld:
    """See `harness.faults.act.World`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._alive: set[int] = set()
        ctx.evaluator.on_marker.append(self._marker)
        ctx.journal.listen(self._event)

    @property
    def target(self) -> Target:
        return self._ctx.target

    @property
    def profile(self) -> Profile:
        return self._ctx.profile

    @property
    def journal(self) -> Journal:
        return self._ctx.journal

    @property
    def console(self) -> Console:
        return self._ctx.console

    @property
    def folder(self) -> Path:
        return self._ctx.bundle.path

    @property
    def qmp(self) -> QmpSession:
        if self._ctx.target.qmp is None:
            raise LabError(f"{self._ctx.target.name} has no QMP session", "this fault needs a QEMU target")
        return self._ctx.target.qmp

    @property
    def alive(self) -> list[int]:
        return sorted(self._alive)

    async def command(self, payload: str) -> str:
        deadline = self._ctx.deadline(None, TIMEOUTS.control_reply)
        reply = await exchange(self._ctx, payload, deadline)
        if not reply.ok:
            raise LabError(f"the guest refused `{payload}`: {reply.payload}")
        await rendezvous(self._ctx, reply, deadline)
        return reply.payload

    async def cut_power(self, between: Callable[[], Awaitable[None]] | None = None) -> None:
        await self._again("power-cut", lambda: self._ctx.target.relaunch(cut=True, between=between))

    async def reset(self) -> None:
        await self._again("reset", self._ctx.target.reset)

    async def _again(self, why: str, boot: Callable[[], Awaitable[None]]) -> None:
        """A new boot epoch begins."""
        ctx = self._ctx
        watch, deadline = watch_ready(ctx, ""), ctx.deadline(None, TIMEOUTS.step)
        ctx.journal.append("epoch", number=ctx.evaluator.epoch + 1, why=why)
        await boot()
        if ctx.link is not None:
            ctx.link.forget()
        await ctx.waits.until(watch, deadline)
        await ctx.settle_frames()

    def _marker(self, marker: Marker) -> None:
        if marker.family != "SOAK" or len(marker.args) != 1 or not marker.args[0].isdecimal():
            return
        if marker.event == "CLIENT_CREATED":
            self._alive.add(int(marker.args[0]))
        elif marker.event == "CLIENT_DESTROYED":
            self._alive.discard(int(marker.args[0]))

    def _event(self, event: Event) -> None:
        if event.kind == "epoch":
            self._alive.clear()
