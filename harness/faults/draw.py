"""Draws plans from seeds: which faults, when, for how long. The same seed and horizon give the same plan everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.faults.streams import Stream
from harness.scenario import fault_kinds as kinds
from harness.scenario.faulting import Fault, FaultKind, Plan, Recovery, Until, When
from harness.toml import suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Where in a run the instants may lie, in each unit: first and last."""

    rendezvous: tuple[int, int]
    frames: tuple[int, int]
    guest_s: tuple[float, float]


Draw = Callable[[Stream], tuple[FaultKind, Until, Recovery]]

_HANG = (0.1, 1.5)  # seconds
_SLOW_DEATH = 10.0  # seconds within which memory or a queue runs full, and recovery
_HOW_CRASH = ("page_fault", "neighbour", "invalid_opcode", "divide_error", "protection", "exit")
_HOW_MALFORMED = ("bad_object", "bad_opcode", "bad_size", "bad_buffer", "bad_string", "double_role")


def _crash(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    how = _HOW_CRASH[stream.below(len(_HOW_CRASH))]
    return kinds.ClientCrash(random=1 + stream.below(2), how=how), Until(), Recovery()  # type: ignore[arg-type]


def _kill(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    return kinds.ClientKill(random=1 + stream.below(2)), Until(), Recovery()


def _hang(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    return kinds.ClientHang(random=1), Until(guest_s=round(stream.real(*_HANG), 3)), Recovery(detected=())


def _malformed(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    how = _HOW_MALFORMED[stream.below(len(_HOW_MALFORMED))]
    return kinds.MalformedRequest(random=1, how=how), Until(), Recovery()  # type: ignore[arg-type]


def _hoard(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    return kinds.BufferExhaustion(random=1), Until(), Recovery(within=_SLOW_DEATH)


MENU: dict[str, Draw] = {
    "client-crash": _crash,
    "client-kill": _kill,
    "client-hang": _hang,
    "malformed-request": _malformed,
    "buffer-exhaustion": _hoard,
}
"""The kinds that are drawn unless others are asked for: all reproducible, all ones that a guest should survive."""


def _bad_request(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    return kinds.DiskError(count=1 + stream.below(3)), Until(), Recovery(detected=(), markers=(), disk=True)


def _cut(stream: Stream) -> tuple[FaultKind, Until, Recovery]:
    keep = ("none", "some", "all")[stream.below(3)]
    return kinds.PowerCut(keep=keep), Until(), Recovery(disk=True)  # type: ignore[arg-type]


MORE: dict[str, Draw] = {"disk-error": _bad_request, "power-cut": _cut}
"""Those that need a disk with a log on it: only if they are asked for."""


def menu(names: Sequence[str]) -> dict[str, Draw]:
    """The part of the menu with these names; all of it for none.

    :raises UsageError: for a name that is not on it.
    """
    for name in names:
        if name not in MENU | MORE:
            hint = f"these can be drawn: {', '.join(MENU | MORE)}"
            raise UsageError(f"no faults of the kind {name} are drawn from seeds{suggestion(name, MENU | MORE)}", hint)
    return {name: (MENU | MORE)[name] for name in names or MENU}


def draw(seed: int, offered: Mapping[str, Draw], horizon: Horizon, most: int = 4) -> Plan:
    """A plan of 1 … *most* faults, each at an instant within *horizon*."""
    root = Stream(seed, "plan")
    return Plan(seed=seed, fault=tuple(_fault(seed, n, offered, horizon) for n in range(1, 2 + root.below(most))))


def _fault(seed: int, n: int, offered: Mapping[str, Draw], horizon: Horizon) -> Fault:
    """The n-th fault; drawn from a stream of its own, so that it stays as it is where there are more or fewer."""
    stream = Stream(seed, f"fault {n}")
    names = list(offered)
    name = names[stream.below(len(names))]
    what, until, recover = offered[name](stream)
    return Fault(name=f"{n} {name}", when=_when(stream, horizon), do=what, until=until, recover=recover)


def _when(stream: Stream, horizon: Horizon) -> When:
    match stream.below(3):
        case 0:
            return When(rendezvous=stream.between(*horizon.rendezvous))
        case 1 if horizon.frames[0] < horizon.frames[1]:
            return When(frame=stream.between(*horizon.frames))
        case _:
            return When(guest_s=max(0.000001, round(stream.real(*horizon.guest_s), 6)))
