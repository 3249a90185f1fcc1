"""Faults of the machine: its time, its CPUs, an interrupt that cannot be masked, a reset."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from harness.errors import LabError
from harness.faults.act import Act, Done, Lasting, Momentary, World
from harness.faults.memory import debugger_of
from harness.faults.processes import qemu_of
from harness.faults.streams import Stream
from harness.targets.argv import QBOOT
from harness.targets.base import Capability

if TYPE_CHECKING:
    from harness.targets.host import HostSample
    from harness.targets.qemu import QemuTarget

_ROUND_S = 0.05  # of stop and go: shorter than what a person at the console takes for a stall, far above timer jitter

# The HPET of PCs, "IA-PC HPET Specification" 1.0a, 2.3
_HPET, _PERIOD, _CONFIGURATION, _COUNT = 0xFED00000, 0x04, 0x10, 0xF0
_INTEL, _ENABLE = 0x8086, 1


async def _nmi(world: World, what: Any, stream: Stream) -> Done:
    if world.profile.machine.arch == "x86_64":
        apic = await world.qmp.hmp("info lapic")
        pin = next((line for line in apic.splitlines() if line.startswith("LVT1")), "")
        if "masked" in pin:
            raise LabError("the guest would not feel an NMI: it has masked LINT1 of its local APIC")
    await world.qmp.execute("inject-nmi")
    return {}


async def _reset(world: World, what: Any, stream: Stream) -> Done:
    capabilities = world.target.capabilities
    if Capability.POWER not in capabilities:
        raise LabError(f"{world.target.name} cannot be reset in this run")
    if Capability.VIRTUAL_CLOCK in capabilities and world.profile.machine.bios == QBOOT:
        raise LabError(
            "after a reset in the virtual clock qboot halts before it starts the kernel (QEMU 7.2)",
            "use kill-qemu, the wall clock, or another firmware",
        )
    await world.reset()
    return {}


async def _pause(world: World, what: Any, stream: Stream) -> Done:
    qmp = world.qmp
    running = bool((await qmp.execute("query-status"))["running"])  # not at a breakpoint, where others let it go
    if running:
        await qmp.execute("stop")
    try:
        await asyncio.sleep(what.host_s)
    finally:
        if running and qmp.alive:
            await qmp.execute("cont")
    return {"host_s": what.host_s}


async def _clock_jump(world: World, what: Any, stream: Stream) -> Done:
    """The counter can only be set while it is off. QEMU hands what gdb writes to a physical address to the device."""
    async with debugger_of(world).still() as memory:

        async def word(at: int, value: int | None = None) -> int:
            if value is not None:
                await memory.write(_HPET + at, value.to_bytes(4, "little"), physical=True)
            return int.from_bytes(await memory.read(_HPET + at, 4, physical=True), "little")

        period = await word(_PERIOD)  # femtoseconds
        if await word(0) >> 16 != _INTEL or not period:
            raise LabError("the machine has no HPET, and no other clock of it can be set from outside")
        configuration = await word(_CONFIGURATION)
        if not configuration & _ENABLE:
            raise LabError("the guest does not tell its time by the HPET: the counter is off")
        await word(_CONFIGURATION, configuration & ~_ENABLE)
        before = await word(_COUNT) | await word(_COUNT + 4) << 32
        after = before + what.seconds * 10**15 // period
        await word(_COUNT, after & 0xFFFFFFFF)
        await word(_COUNT + 4, after >> 32 & 0xFFFFFFFF)
        await word(_CONFIGURATION, configuration)
    return {"clock": "hpet", "seconds": what.seconds}


class _Starvation:
    """Stops QEMU and lets it go in turn. The death of the harness ends it too: a stopped process dies of SIGKILL."""

    def __init__(self, target: QemuTarget, percent: int) -> None:
        self._target = target
        self._share = percent / 100
        self._began = target.host_sample()
        self._task = asyncio.create_task(self._turns(), name="starvation")

    async def _turns(self) -> None:
        now, went = asyncio.get_running_loop().time, _ROUND_S * self._share
        try:
            while True:
                self._target.send_signal(signal.SIGSTOP)
                await asyncio.sleep(went * (1 - self._share) / self._share)  # a busy harness wakes late: by what went
                self._target.send_signal(signal.SIGCONT)
                began = now()
                await asyncio.sleep(_ROUND_S * self._share)
                went = now() - began
        finally:
            self._target.send_signal(signal.SIGCONT)

    async def end(self) -> tuple[HostSample, HostSample]:
        """QEMU has all of the host again; the host at the beginning and now."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self._began, self._target.host_sample()


_starved: WeakKeyDictionary[QemuTarget, _Starvation] = WeakKeyDictionary()


async def _starve(world: World, what: Any, stream: Stream) -> Done:
    target = qemu_of(world)
    if target in _starved:
        raise LabError("QEMU is starved already", "let one such fault come after the other")
    _starved[target] = _Starvation(target, what.percent)
    return {"percent": what.percent}


async def _feed(world: World, what: Any, done: Mapping[str, Any]) -> None:
    began, ended = await _starved.pop(qemu_of(world)).end()
    seconds = (ended.host_ns - began.host_ns) / 1e9
    world.journal.append("cpu.starved", seconds=seconds, ratios=ended.ratios(began))


ACTS: Mapping[str, Act] = {
    "nmi": Momentary(_nmi),
    "reset": Momentary(_reset),
    "pause": Momentary(_pause),
    "clock-jump": Momentary(_clock_jump),
    "cpu-starvation": Lasting(_starve, _feed),
}
