"""Injects the faults of a plan at their instants, and takes them back. Every firing is in the journal.

In the virtual clock a fault is injected where the guest waits with no timer armed (its rendezvous), or where a
breakpoint or a block request stopped the machine: so a run with faults is as reproducible as one without. A step that
lets frames pass is played in pieces that end where a fault is due. In the wall clock markers and host seconds fire at
once.

Journal events: `fault.armed` {name, when}, `fault.begin` and then `fault.injected` or `fault.failed` {name, n, …},
`fault.undone` {name, n, why}.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.engine.fault_world import RunWorld
from harness.engine.waits import FatalFindingError, NothingMoreError, StepTimeoutError
from harness.errors import HarnessError, LabError
from harness.faults.act import act_of
from harness.faults.resolve import Resolved, resolve
from harness.markers.match import Pattern
from harness.scenario.faulting import Fault, When
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.engine.disk_audit import DiskAudit
    from harness.engine.symbol_trigger import SymbolTrigger
    from harness.markers.types import Marker

_FRAME = re.compile(r"\bframe=([0-9]{1,10})\b")
_TICKS_PER_US = 60 / 1_000_000


@dataclass(slots=True)
class Armed:
    """A fault that waits for its instant; `seen`: matches, hits or requests so far; `due`: the number to be reached."""

    resolved: Resolved
    due: float
    seen: int = 0
    fired: int = 0

    @property
    def fault(self) -> Fault:
        return self.resolved.fault

    @property
    def spent(self) -> bool:
        return self.fired >= self.fault.when.times


@dataclass(slots=True)
class Open:
    """A lasting fault that was injected; what of `until` is reached at `due`."""

    fault: Fault
    n: int
    done: Mapping[str, Any]
    due: float = math.inf
    marker: Pattern | None = None
    over: bool = False  # its marker came


class Injector:
    """The faults of one run."""

    def __init__(self, ctx: Context) -> None:
        if ctx.scenario.faults is None:
            raise ValueError("the scenario has no faults")
        self._ctx = ctx
        self.world = RunWorld(ctx)
        self.armed = [Armed(r, float(_number(r.fault.when))) for r in resolve(ctx.scenario.faults, ctx.scenario.seed)]
        self._patterns = {
            id(a): Pattern.parse(a.fault.when.marker) for a in self.armed if a.fault.when.unit == "marker"
        }
        self._open: list[Open] = []
        self._rendezvous = 0
        self._frame = 0
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = ctx.clock != "virtual"
        self._given = False  # faults were added
        ctx.evaluator.on_marker.append(self._marker)
        self._disturbing = 0  # faults that are being injected in the middle of what the guest does
        self._undisturbed = asyncio.Event()
        self._undisturbed.set()
        self._symbols: SymbolTrigger | None = None
        for armed in self.armed:
            ctx.journal.append("fault.armed", name=armed.fault.name, when=str(armed.fault.when))
            if armed.fault.when.unit == "host_s":
                self._later(self._at_host_time(armed))
        at_symbols = [a for a in self.armed if a.fault.when.unit == "symbol"]
        if at_symbols:
            from harness.engine.symbol_trigger import SymbolTrigger

            self._symbols = SymbolTrigger(ctx, at_symbols, self.reached)
        at_blocks = [a for a in self.armed if a.fault.when.unit == "block"]
        if at_blocks:
            from harness.engine.block_trigger import BlockTrigger

            self._later(BlockTrigger(ctx, at_blocks, self.reached).run())
        self._audit: DiskAudit | None = None
        if any(a.fault.recover is not None and a.fault.recover.disk for a in self.armed):
            from harness.engine.disk_audit import DiskAudit

            self._audit = DiskAudit(ctx.target, ctx.journal)

    def add(self, fault: Fault) -> None:
        """One more fault of the plan, while the run goes on: due when `inject_given` is called."""
        if self._ctx.scenario.faults is None:
            raise ValueError("the scenario has no faults")
        (resolved,) = resolve(replace(self._ctx.scenario.faults, fault=(fault,)), self._ctx.scenario.seed)
        self.armed.append(Armed(resolved, 0.0))
        self._given = True
        self._ctx.journal.append("fault.armed", name=fault.name, when=str(fault.when))

    async def inject_given(self) -> None:
        """Inject what was added."""
        if self._given:
            self._given = False
            await self.at_rendezvous(counts=False)

    @property
    def rendezvous(self) -> int:
        """How often the guest has waited for us."""
        return self._rendezvous

    # ---- instants ------------------------------------------------------------------------------------------------

    async def at_rendezvous(self, reply: str = "", *, counts: bool = True) -> None:
        """The guest waits: after its boot, or after the command that *reply* answers. Inject and undo what is due.

        :param counts: False within a step that is played in pieces.
        """
        found = _FRAME.search(reply)
        self._frame = int(found[1]) if found else self._frame
        self._rendezvous += counts
        while await self._next_due():
            pass
        watch = self._ctx.evaluator.faults
        if self._audit is not None and watch is not None and (watch.awaits_disk or self._audit.news):
            self._audit.look()

    async def settled(self) -> None:
        """Return once nothing is injected in the middle of what the guest does."""
        await self._undisturbed.wait()

    def ticks(self, most: int) -> int:
        """How many ticks may pass, of *most*, before something could be due."""
        watch = self._ctx.evaluator.faults
        if watch is not None and watch.awaits:
            return 1  # so that it is known when it came
        left = [float(most)]
        for armed in self.armed:
            if not armed.spent:
                left.append(self._ticks_to(armed.fault.when.unit, armed.due))
        for taken in self._open:
            left.append(1.0 if taken.marker is not None else self._ticks_to(_end_unit(taken.fault), taken.due))
        return max(1, min(most, math.ceil(min(left))))

    async def reached(self, armed: Armed) -> None:
        """A breakpoint or a block request of *armed* came; the machine stands still. Inject it if it was the one."""
        armed.seen += 1
        if not armed.spent and armed.seen >= armed.due:
            # Not in the turn of the others: who has it may wait for a guest that cannot go on before this is done.
            self._disturbing += 1
            self._undisturbed.clear()
            try:
                await self._inject(armed)
            except StepTimeoutError as error:
                what = f"after it the guest was not ready within {error.seconds:g} s"
                self._ctx.journal.append("fault.failed", name=armed.fault.name, n=armed.fired, what=what)
            except (FatalFindingError, NothingMoreError):
                pass  # the run is over, and why is told elsewhere
            finally:
                self._disturbing -= 1
                if not self._disturbing:
                    self._undisturbed.set()

    async def release(self) -> None:
        """Take back what lasts without an `until`: the guest is to recover now."""
        async with self._turn:
            for taken in [t for t in reversed(self._open) if not _end_unit(t.fault)]:
                await self._undo(taken, "the guest is to recover")

    async def close(self, *, steps_done: bool) -> None:
        """Nothing is injected any more; what lasts is taken back, as far as the target is there."""
        if steps_done and self._at_once:
            await self.at_rendezvous(counts=False)  # by a marker of the last step
        if self._symbols is not None:
            await self._symbols.close()
        with suppress(TimeoutError):  # what is under way is done first: half of it could not be taken back
            async with asyncio.timeout(None if steps_done else host(TIMEOUTS.interrupted)), self._turn:
                pass
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for taken in list(reversed(self._open)):
            await self._undo(taken, "the steps are over" if steps_done else "the run is over")
        if self._audit is not None and steps_done:
            self._audit.look()

    # ---- inside --------------------------------------------------------------------------------------------------

    async def _next_due(self) -> bool:
        """Inject or undo one fault; whether there was one."""
        async with self._turn:
            for taken in self._open:
                if taken.over or self._now(_end_unit(taken.fault)) >= taken.due:
                    await self._undo(taken, "its time was over")
                    return True
            for armed in self.armed:
                unit = armed.fault.when.unit
                if armed.spent or unit in ("symbol", "block", "host_s"):
                    continue
                if (armed.seen if unit == "marker" else self._now(unit)) >= armed.due:
                    await self._inject(armed)
                    return True
            return False

    def _now(self, unit: str) -> float:
        match unit:
            case "rendezvous":
                return self._rendezvous
            case "frame" | "frames":
                return self._frame
            case "guest_s":
                return (self._ctx.evaluator.clock.total_us or 0) / 1e6
            case "host_s":
                return self._ctx.journal.now_ns() / 1e9
            case _:
                return -math.inf

    def _ticks_to(self, unit: str, due: float) -> float:
        match unit:
            case "guest_s":
                return (due - self._now(unit)) * 1e6 * _TICKS_PER_US
            case "frame" | "frames":
                return due - self._frame
            case "marker":
                return 1.0
            case _:
                return math.inf

    async def _inject(self, armed: Armed) -> None:
        """Inject it once; the next firing, if there is one, comes `every` later."""
        fault, journal = armed.fault, self._ctx.journal
        armed.fired += 1
        armed.due += fault.when.every
        began = self._ctx.evaluator.clock.total_us
        journal.append("fault.begin", name=fault.name, n=armed.fired, fault=fault.do.kind, guest_us=began)
        try:
            act = act_of(fault.do.kind)
            done = await act.inject(self.world, fault.do, armed.resolved.stream)
        except LabError as error:
            armed.fired = fault.when.times  # what cannot be done once cannot be done again
            what = f"{error.what}. {error.hint}".strip()
            journal.append("fault.failed", name=fault.name, n=armed.fired, what=what)
            return
        now = self._ctx.evaluator.clock.total_us
        if now is None and self._ctx.profile.clock.rendezvous:
            now = 0  # it has not told its time yet: it boots
        journal.append("fault.injected", name=fault.name, n=armed.fired, guest_us=now, frame=self._frame, done=done)
        if fault.do.lasting:
            self._open.append(self._opened(fault, armed.fired, done))

    def _opened(self, fault: Fault, n: int, done: Mapping[str, Any]) -> Open:
        taken, unit = Open(fault, n, done), _end_unit(fault)
        if unit == "marker":
            taken.marker = Pattern.parse(fault.until.marker)
        elif unit:
            taken.due = self._now(unit) + getattr(fault.until, unit)
        if unit == "host_s":
            self._later(self._undo_at_host_time(taken))
        return taken

    async def _undo(self, taken: Open, why: str) -> None:
        self._open.remove(taken)
        fault, journal = taken.fault, self._ctx.journal
        try:
            await act_of(fault.do.kind).undo(self.world, fault.do, taken.done)
        except (HarnessError, StepTimeoutError, FatalFindingError, NothingMoreError) as error:
            journal.append("fault.stuck", name=fault.name, n=taken.n, what=str(error))
            return
        journal.append("fault.undone", name=fault.name, n=taken.n, why=why, guest_us=self._ctx.evaluator.clock.total_us)

    async def _at_host_time(self, armed: Armed) -> None:
        while not armed.spent:
            await asyncio.sleep(max(0.0, armed.due - self._now("host_s")))
            async with self._turn:
                await self._inject(armed)

    async def _undo_at_host_time(self, taken: Open) -> None:
        await asyncio.sleep(max(0.0, taken.due - self._now("host_s")))
        async with self._turn:
            if taken in self._open:
                await self._undo(taken, "its time was over")

    def _marker(self, marker: Marker) -> None:
        if not marker.trusted:
            return
        for taken in self._open:
            if taken.marker is not None and taken.marker.match_marker(marker):
                taken.over = True
        for armed in self.armed:
            pattern = self._patterns.get(id(armed))
            if pattern is not None and not armed.spent and pattern.match_marker(marker):
                armed.seen += 1
        if self._at_once and (self._patterns or any(taken.over for taken in self._open)):
            self._later(self.at_rendezvous(counts=False))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Any) -> None:
        try:
            await work
        except HarnessError as error:
            if self._ctx.evaluator.fatal is None:
                self._ctx.journal.append("lab.error", cause="fault", what=f"{error.what}. {error.hint}".strip())


def _number(when: When) -> float:
    number = when.number
    if isinstance(number, tuple):
        raise TypeError("a window that nobody drew from")
    return float(number)


def _end_unit(fault: Fault) -> str:
    """Which key of `until` says when it is over; empty: the steps' end."""
    until = fault.until
    return next((k for k in ("guest_s", "host_s", "frames", "rendezvous", "marker") if getattr(until, k)), "")
