"""Faults as plain data: a plan is a list of *when × what × how long × what has to follow*. See docs/faults.md.

A number may be written as a pair `[low, high]`: it is then drawn from the plan's seed, each fault from a random stream
of its own (`harness.faults.streams`), so that another fault in the plan moves none of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.fault_kinds import (
    BitFlip,
    BufferExhaustion,
    ClientCrash,
    ClientHang,
    ClientKill,
    ClockJump,
    CpuStarvation,
    DiskError,
    DiskSlow,
    DiskUnplug,
    FreezeQemu,
    GuestCommand,
    KillHarness,
    KillQemu,
    MalformedRequest,
    MemoryPressure,
    NetworkDelay,
    NetworkDown,
    Nmi,
    Pause,
    PowerCut,
    QueueOverflow,
    ResetMachine,
    SerialLoss,
    SerialNoise,
    SerialStall,
)

_STRICT = {"extra": "forbid"}

FaultKind = (
    ClientCrash
    | ClientHang
    | ClientKill
    | BufferExhaustion
    | QueueOverflow
    | MalformedRequest
    | GuestCommand
    | BitFlip
    | DiskError
    | DiskSlow
    | DiskUnplug
    | PowerCut
    | NetworkDown
    | NetworkDelay
    | MemoryPressure
    | CpuStarvation
    | Pause
    | ClockJump
    | Nmi
    | ResetMachine
    | SerialNoise
    | SerialLoss
    | SerialStall
    | KillQemu
    | FreezeQemu
    | KillHarness
)

BlockOp = Literal["any", "read", "write", "flush"]
Whole = int | tuple[int, int]
Seconds = float | tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The instant at which a fault is injected: exactly one of the keys that name one.

    `marker` and `symbol`: at the `nth` match or hit; `block`: at the `nth` such request of `disk`; `rendezvous`: when
    the guest waits for the n-th time (1: after the boot); `frame`: once that many were presented; `guest_s`, `host_s`:
    seconds since power-on. `times` further ones follow, `every` so many of the same unit (seconds, frames, matches).
    """

    __pydantic_config__: ClassVar = _STRICT
    marker: str = ""
    symbol: str = ""
    block: BlockOp | None = None
    disk: str = "disk0"
    rendezvous: Whole | None = None
    frame: Whole | None = None
    guest_s: Seconds | None = None
    host_s: Seconds | None = None
    nth: Whole = 1
    every: float = 0.0
    times: int = 1

    @property
    def unit(self) -> str:
        """Which key names the instant; empty if none or several do."""
        given = [
            k for k in ("marker", "symbol", "block", "rendezvous", "frame", "guest_s", "host_s") if getattr(self, k)
        ]
        return given[0] if len(given) == 1 else ""

    @property
    def number(self) -> Whole | Seconds:
        """The count or the seconds of the unit."""
        value: Whole | Seconds = getattr(self, self.unit) if self.unit in COUNTED else self.nth
        return value

    def __str__(self) -> str:
        number, again = self.number, f", {self.times} times, every {self.every:g}" if self.times > 1 else ""
        match self.unit:
            case "marker" | "symbol":
                return f"{self.unit} {getattr(self, self.unit)}" + (f" ({number})" if number != 1 else "") + again
            case "block":
                return f"{self.block} request {number} of {self.disk}{again}"
            case "guest_s" | "host_s":
                return f"{number} s of {'guest' if self.unit == 'guest_s' else 'host'} time{again}"
            case unit:
                return f"{unit} {number}{again}"


UNITS = ("marker", "symbol", "block", "rendezvous", "frame", "guest_s", "host_s")
COUNTED = ("rendezvous", "frame", "guest_s", "host_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """How long a lasting fault lasts: exactly one of the keys, counted from its injection; `marker` is the next match.
    Without any it lasts until the steps are over.
    """

    __pydantic_config__: ClassVar = _STRICT
    guest_s: float | None = None
    host_s: float | None = None
    frames: int | None = None
    rendezvous: int | None = None
    marker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What has to be seen after the fault, or the guest has not recovered.

    `detected`: markers by which the guest says that it noticed; `markers`: by which it says that it recovered. In both
    `{id}` stands for each victim. None is what the kind of fault has by itself. `within`: guest seconds (host seconds
    where the guest tells no time) from the injection, of a lasting fault from its end. `frames`: a frame that was
    checked and is right, presented afterwards. `survivors`: no client but the victims goes in between. `disk`: the log
    on the disk holds, seen from outside, all that the guest acknowledged.
    """

    __pydantic_config__: ClassVar = _STRICT
    detected: tuple[str, ...] | None = None
    markers: tuple[str, ...] | None = None
    within: float = 5.0
    frames: bool = False
    survivors: bool = True
    disk: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a plan. Without `recover` only this is checked: that it fired, and that it was undone."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    when: When
    do: Annotated[FaultKind, Field(discriminator="kind")]
    until: Until = field(default_factory=Until)
    recover: Recovery | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The faults of a run and the seed that their random numbers come from. None: the scenario's seed."""

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1] = 1
    seed: int | None = None
    fault: tuple[Fault, ...] = ()

    @property
    def by_host(self) -> bool:
        """Whether something in it depends on the host's time: then no run of it is reproducible."""
        return any(not f.do.reproducible or f.when.unit == "host_s" or f.until.host_s is not None for f in self.fault)

    @property
    def by_gdbstub(self) -> bool:
        """Whether something in it needs the gdbstub."""
        return any(f.do.by_gdbstub or f.when.symbol for f in self.fault)
