"""The registers of a virtual CPU, read from QEMU's `info registers`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import ProtocolError
from harness.qmp.session import QmpSession

_FLAG_IF = 1 << 9  # of RFLAGS: interrupts enabled
_PSTATE_I = 1 << 7  # of PSTATE: IRQs masked
_CPU = re.compile(r"^CPU#(\d+)\r?\n", re.M)


@dataclass(frozen=True, slots=True)
class Registers:
    """One CPU. `pc` is RIP or PC; what the architecture does not show is None."""

    cpu: int
    pc: int
    interrupts_enabled: bool | None
    halted: bool | None
    cr2: int | None = None  # x86_64: address of the last page fault
    cr3: int | None = None
    text: str = ""  # all that QEMU said of this CPU


async def read_registers(session: QmpSession, within: float | None = None) -> list[Registers]:
    """The registers of all CPUs, in order. The CPUs stop for it and go on: 0.3 ms.

    :raises ProtocolError: if QEMU's text has another shape than those known.
    """
    return parse_registers(await session.hmp("info registers -a", within))


def parse_registers(text: str) -> list[Registers]:
    """:raises ProtocolError: if the text is not that of `info registers -a`."""
    parts = _CPU.split(text)
    if len(parts) < 3:
        raise ProtocolError(f"info registers answered something unreadable: {text[:100]!r}")
    return [_parse(int(number), body) for number, body in zip(parts[1::2], parts[2::2], strict=True)]


def _parse(cpu: int, text: str) -> Registers:
    x86 = re.search(r"\b(?:R|E)IP=([0-9a-f]+) (?:RFL|EFL)=([0-9a-f]+).*\bHLT=([01])", text)
    if x86:
        cr2, cr3 = (re.search(rf"\b{name}=([0-9a-f]+)", text) for name in ("CR2", "CR3"))
        return Registers(
            cpu,
            int(x86[1], 16),
            bool(int(x86[2], 16) & _FLAG_IF),
            x86[3] == "1",
            int(cr2[1], 16) if cr2 else None,
            int(cr3[1], 16) if cr3 else None,
            text,
        )
    arm = re.search(r"\bPC=([0-9a-f]+).*?\bPSTATE=([0-9a-f]+)", text, re.S)
    if arm:
        return Registers(cpu, int(arm[1], 16), not int(arm[2], 16) & _PSTATE_I, None, text=text)
    raise ProtocolError(f"info registers shows neither RIP nor PC: {text[:100]!r}")
