"""Faults at a place in the guest's code: breakpoints that are set before the guest's first instruction.

The machine stands still at each hit until the fault was injected. What it printed up to there is read first, so that
where a firing stands among the markers is the guest's doing and not the host's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from harness.errors import LabError, UsageError
from harness.targets.debugger import Debugger
from harness.targets.symbols import Symbols

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.engine.injector import Armed
    from harness.scenario.faulting import Plan
    from harness.targets.profile import Profile
    from harness.targets.qemu import QemuTarget


def debugger_for(plan: Plan, target: QemuTarget) -> Debugger | None:
    """What the faults of *plan* need of the gdbstub; None: nothing.

    :raises UsageError: for a symbol that is not there.
    """
    if not plan.by_gdbstub:
        return None
    places = _places(plan, target.profile)
    return Debugger(target, {places[fault.when.symbol] for fault in plan.fault if fault.when.symbol})


class SymbolTrigger:
    """Counts the hits of the places that the armed faults wait for.

    :param reached: called for each armed fault of a place at each hit; the machine stands still.
    """

    def __init__(self, ctx: Context, armed: Iterable[Armed], reached: Callable[[Armed], Awaitable[None]]) -> None:
        debugger: Debugger | None = getattr(ctx.target, "debugger", None)
        if debugger is None or ctx.scenario.faults is None:
            raise UsageError(
                f"{ctx.target.name} has no gdbstub, and a fault waits for a symbol", "give it another instant (`when`)"
            )
        self._debugger = debugger
        self._console = ctx.console
        self._reached = reached
        self._armed: dict[int, list[Armed]] = {}
        places = _places(ctx.scenario.faults, ctx.profile)
        for one in armed:
            self._armed.setdefault(places[one.fault.when.symbol], []).append(one)
        debugger.listen(self._hit)

    async def close(self) -> None:
        """No breakpoint stays, and the machine stands at none."""
        await self._debugger.disarm()

    async def _hit(self, address: int) -> None:
        await self._console.drained()
        waiting = self._armed.get(address, [])
        for one in waiting:
            await self._reached(one)
        if all(one.spent for one in waiting):
            try:
                await self._debugger.clear(address)
            except LabError:
                return  # that was its death: a new life begins without it


def _places(plan: Plan, profile: Profile) -> dict[str, int]:
    """The addresses of all symbols that *plan* names.

    :raises UsageError: for one that is not there.
    """
    names = {fault.when.symbol for fault in plan.fault} | {getattr(fault.do, "symbol", "") for fault in plan.fault}
    names.discard("")
    if not names:
        return {}
    symbols = Symbols.of_profile(profile)
    return {name: symbols.address(name) for name in names}
