"""The kinds of faults, as plain data. What each does, and what "gone again" means, stands in docs/faults.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}

Place = Literal["rendezvous", "still"]
"""Where a fault can be injected: only where the guest takes control commands, or wherever the machine stands still."""


class Traits:
    """What all faults of a kind have in common.

    `lasting`: it goes on until it is undone. `detects` and `recovers`: markers by which a guest that knows the plan's
    families says that it noticed and that it recovered; `{id}` is each victim.
    """

    __slots__ = ()
    place: ClassVar[Place] = "still"
    lasting: ClassVar[bool] = False
    reproducible: ClassVar[bool] = True
    by_gdbstub: ClassVar[bool] = False
    detects: ClassVar[tuple[str, ...]] = ()
    recovers: ClassVar[tuple[str, ...]] = ()


class ClientTraits(Traits):
    """Faults of clients: the guest does them when it is told so."""

    __slots__ = ()
    place = "rendezvous"
    detects: ClassVar[tuple[str, ...]] = ("RAYOS_FAILURE:DETECTED:*:{id}",)
    recovers: ClassVar[tuple[str, ...]] = ("RAYOS_FAILURE:RECOVERY_COMPLETE:{id}:success",)


DiskRequest = Literal["any", "read", "write", "flush"]


class DiskTraits(Traits):
    """Faults of disks that a guest notices when it uses the disk, and has to get over when the disk works again."""

    __slots__ = ()
    lasting = True
    detects: ClassVar[tuple[str, ...]] = ("RAYOS_FAILURE:DETECTED:disk_*",)
    recovers: ClassVar[tuple[str, ...]] = ("RAYOS_FAILURE:RECOVERY_COMPLETE:0:success",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCrash(ClientTraits):
    """Clients die of an exception of their own: `id`, or `random` of those that live."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["client-crash"] = "client-crash"
    id: int = 0
    random: int = 0
    how: Literal["page_fault", "neighbour", "invalid_opcode", "divide_error", "protection", "exit"] = "page_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHang(ClientTraits):
    """Clients get no processor time while it lasts."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    detects = ("RAYOS_FAILURE:DETECTED:unresponsive:{id}",)
    recovers = ()
    kind: Literal["client-hang"] = "client-hang"
    id: int = 0
    random: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKill(ClientTraits):
    """Clients are ended from outside."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["client-kill"] = "client-kill"
    id: int = 0
    random: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferExhaustion(ClientTraits):
    """A client takes memory without end, to its quota."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["buffer-exhaustion"] = "buffer-exhaustion"
    id: int = 0
    random: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOverflow(ClientTraits):
    """A client reads no events any more, until its queue is full."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["queue-overflow"] = "queue-overflow"
    id: int = 0
    random: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedRequest(ClientTraits):
    """A client breaks the protocol."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["malformed-request"] = "malformed-request"
    id: int = 0
    random: int = 0
    how: Literal["bad_object", "bad_opcode", "bad_size", "bad_buffer", "bad_string", "double_role"] = "bad_opcode"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCommand(Traits):
    """Control commands of the guest's own: `send` does it, `undo` takes it back."""

    __pydantic_config__: ClassVar = _STRICT
    place = "rendezvous"
    lasting = True
    kind: Literal["guest-command"] = "guest-command"
    send: tuple[str, ...]
    undo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BitFlip(Traits):
    """One bit of guest memory turns over: at a `symbol` (+ `offset`) of the kernel's ELF file, or at a virtual
    `address`. The bit is drawn from the `length` bytes there unless `bit` names it (0 is the lowest of the first byte).
    `back`: it lasts, and turns back at its end if the byte still is what it made of it.
    """

    __pydantic_config__: ClassVar = _STRICT
    by_gdbstub = True
    detects = ("RAYOS_FAILURE:DETECTED:memory:*",)
    recovers = ("RAYOS_FAILURE:RECOVERY_COMPLETE:*:success",)
    kind: Literal["bit-flip"] = "bit-flip"
    symbol: str = ""
    offset: int = 0
    address: int | None = None
    length: int = 1
    bit: int | None = None
    back: bool = False

    @property
    def lasting(self) -> bool:  # type: ignore[override]
        """Only what turns back has an end."""
        return self.back


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskError(DiskTraits):
    """Requests of a disk fail: the next `count`, or (0) all while it lasts; only those that touch `sector` if given."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["disk-error"] = "disk-error"
    disk: str = "disk0"
    error: Literal["eio", "enospc"] = "eio"
    request: DiskRequest = "any"
    sector: int | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSlow(Traits):
    """A disk does no more than `iops` requests a second."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["disk-slow"] = "disk-slow"
    disk: str = "disk0"
    iops: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUnplug(DiskTraits):
    """A disk is gone: every request fails, or (`hot`) its device is unplugged from the bus."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["disk-unplug"] = "disk-unplug"
    disk: str = "disk0"
    hot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCut(Traits):
    """The power goes, and comes back. Of what was written since the last flush `keep` of the sectors are there: none,
    some (drawn), or all.
    """

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["power-cut"] = "power-cut"
    keep: Literal["none", "some", "all"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDown(Traits):
    """The network card has no carrier (`silent`: it has, but nothing passes)."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["network-down"] = "network-down"
    card: str = "net0"
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDelay(Traits):
    """Frames of the network card come late by `delay_ms`."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["network-delay"] = "network-delay"
    card: str = "net0"
    delay_ms: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPressure(Traits):
    """Memory goes: the balloon takes `mb` of it from the guest, whose driver has to give it."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["memory-pressure"] = "memory-pressure"
    mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuStarvation(Traits):
    """QEMU gets `percent` of the host's time: it is stopped and let go 20 times a second."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["cpu-starvation"] = "cpu-starvation"
    percent: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Traits):
    """The virtual CPUs are stopped (QMP): the guest's clock stands still with them."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["pause"] = "pause"
    host_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJump(Traits):
    """The counter that the guest tells its time by (the HPET's) is `seconds` further all at once."""

    __pydantic_config__: ClassVar = _STRICT
    by_gdbstub = True
    kind: Literal["clock-jump"] = "clock-jump"
    seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Nmi(Traits):
    """A non-maskable interrupt."""

    __pydantic_config__: ClassVar = _STRICT
    detects = ("RAYOS_FAILURE:DETECTED:nmi:*",)
    kind: Literal["nmi"] = "nmi"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetMachine(Traits):
    """The machine is reset; the guest boots again to its readiness."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["reset"] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialNoise(Traits):
    """`bytes` bytes on their way from the guest to us are other ones, on average one in `every`; fewer if it ends."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    kind: Literal["serial-noise"] = "serial-noise"
    bytes: int = 10
    every: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLoss(Traits):
    """`bytes` bytes on their way from the guest to us are lost, on average one in `every`; fewer if it ends."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    kind: Literal["serial-loss"] = "serial-loss"
    bytes: int = 10
    every: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialStall(Traits):
    """What the guest says reaches us only when the fault is over: after `until = { host_s = … }`."""

    __pydantic_config__: ClassVar = _STRICT
    lasting = True
    reproducible = False
    kind: Literal["serial-stall"] = "serial-stall"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillQemu(Traits):
    """QEMU is killed (SIGKILL), and a new one started on the same disks: what the guest wrote is there."""

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["kill-qemu"] = "kill-qemu"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeQemu(Traits):
    """QEMU gets a SIGSTOP, and a SIGCONT after `host_s` seconds: in the wall clock the guest's time jumps."""

    __pydantic_config__: ClassVar = _STRICT
    reproducible = False
    kind: Literal["freeze-qemu"] = "freeze-qemu"
    host_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillHarness(Traits):
    """The harness kills itself (SIGKILL): its evidence stays readable, and `harness run --resume` goes on. The run of a
    campaign that was killed once is spared when it is played again.
    """

    __pydantic_config__: ClassVar = _STRICT
    kind: Literal["kill-harness"] = "kill-harness"
