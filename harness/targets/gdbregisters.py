"""Registers as QEMU's gdbstub packs them, by architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import ProtocolError

_X86_64 = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip"
_X86_32 = "eflags cs ss ds es fs gs"
_LAYOUT: dict[str, tuple[tuple[str, int], ...]] = {  # registers in the order of the `g` packet, with their bytes
    "x86_64": (
        *((name, 8) for name in _X86_64.split()),
        *((name, 4) for name in _X86_32.split()),
    ),
    "aarch64": (*((f"x{number}", 8) for number in range(31)), ("sp", 8), ("pc", 8), ("cpsr", 4)),
}
_ROLES = {"x86_64": ("rip", "rsp", "rbp"), "aarch64": ("pc", "sp", "x29")}  # program counter, stack, frame pointer

ARCHITECTURES = tuple(_LAYOUT)


@dataclass(frozen=True, slots=True)
class GuestRegisters:
    """Registers of the CPU that stopped last, by the names of its architecture; `pc`, `sp` and `fp` on each."""

    values: Mapping[str, int]
    pc: int
    sp: int
    fp: int

    def __getitem__(self, name: str) -> int:
        return self.values[name]


def unpack_registers(raw: bytes, arch: str) -> GuestRegisters:
    """The answer to `g`.

    :raises ProtocolError: if it is too short for *arch*.
    """
    values, at = {}, 0
    for name, size in _LAYOUT[arch]:
        if at + size > len(raw):
            raise ProtocolError(f"the gdbstub shows {len(raw)} bytes of registers, and {name} is not among them")
        values[name] = int.from_bytes(raw[at : at + size], "little")
        at += size
    pc, sp, fp = (values[name] for name in _ROLES[arch])
    return GuestRegisters(values, pc, sp, fp)
