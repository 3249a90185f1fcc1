"""What a backtrace needs of a machine that died or hangs: the registers and the stack of one CPU, as plain data.

Written to the journal as the event `machine`, so that triage works from the bundle alone.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import Any

from harness.errors import LabError
from harness.qmp.session import QmpSession
from harness.targets.registers import Registers, parse_registers
from harness.timeouts import TIMEOUTS

STACK = 16 * 1024  # bytes from the stack pointer on: deeper stacks are cut, their outermost frames are missing
_PAGE = 4096
_ELSEWHERE = 4  # pages more, where the chain of frames leads to another stack (an interrupt's, a task's)
_FRAMES = 256  # of that chain that are followed
_WORD = re.compile(r"0x([0-9a-f]{16})\b")
_X86 = re.compile(r"\b(R(?:[ABCD]X|[SD]I|[BS]P|IP|FL|8|9|1[0-5])|CR[0234])\s?=([0-9a-f]{8,16})\b")
_ARM = re.compile(r"\b(X\d\d|SP|PC)=([0-9a-f]{16})\b")


async def capture(session: QmpSession, cpu: int) -> dict[str, Any]:
    """Registers and stack of the CPU *cpu*, JSON-able, and where the others stand. 10 ms; a running machine stands
    still meanwhile and goes on.

    `arch`, `cpu`, `registers` (hex by lower-case name), `memory` (pieces with `address`, and `data` in base64), `cpus`.
    At most 32 KiB of memory; what is not mapped is left out.

    :raises LabError: if QEMU is gone, or does not answer.
    """
    running = (await session.execute("query-status", TIMEOUTS.postmortem))["status"] == "running"
    if running:
        await session.execute("stop", TIMEOUTS.postmortem)
    try:
        every = parse_registers(await session.hmp("info registers -a", TIMEOUTS.postmortem))
        chosen = next((one for one in every if one.cpu == cpu), every[0])
        arch, registers = named(chosen)
        stack, frame = ("rsp", "rbp") if arch == "x86_64" else ("sp", "x29")
        memory = await _stack(session, chosen.cpu, registers.get(stack, 0), registers.get(frame, 0))
    finally:
        if running:
            with suppress(LabError):  # it may have gone in the meantime
                await session.execute("cont", TIMEOUTS.postmortem)
    return {
        "arch": arch,
        "cpu": chosen.cpu,
        "registers": {name: f"{value:#x}" for name, value in registers.items()},
        "memory": [
            {"address": f"{at:#x}", "data": base64.b64encode(data).decode("ascii")}
            for at, data in sorted(memory.items())
        ],
        "cpus": [
            {"cpu": r.cpu, "pc": f"{r.pc:#x}", "halted": r.halted, "interrupts_enabled": r.interrupts_enabled}
            for r in every[:64]
        ],
    }


def named(registers: Registers) -> tuple[str, dict[str, int]]:
    """Architecture, and registers by lower-case name; `x7`, not `x07`. 32-bit x86 has none that are known here."""
    if "PSTATE=" in registers.text:
        found = {name.lower(): int(value, 16) for name, value in _ARM.findall(registers.text)}
        return "aarch64", {f"x{int(n[1:])}" if n[0] == "x" else n: value for n, value in found.items()}
    return "x86_64", {name.lower(): int(value, 16) for name, value in _X86.findall(registers.text)}


async def _stack(session: QmpSession, cpu: int, stack: int, frame: int) -> dict[int, bytes]:
    """Memory by address: the stack from its pointer on, and the pages to which frame pointers lead from there."""
    pieces: dict[int, bytes] = {}
    at = stack & ~7
    while at < stack + STACK:
        size = min(_PAGE - at % _PAGE, stack + STACK - at) & ~7
        data = await _read(session, cpu, at, size)
        if data:
            pieces[at] = data
        if len(data) < size:
            break
        at += size
    elsewhere = 0
    for _ in range(_FRAMES):
        if frame == 0 or frame % 8:
            break
        word = _word(pieces, frame)
        if word is None:
            page = frame & ~(_PAGE - 1)
            elsewhere += 1
            if elsewhere > _ELSEWHERE:
                break
            data = await _read(session, cpu, frame, page + _PAGE - frame)
            if len(data) < 16:
                break
            pieces[frame] = data
            word = _word(pieces, frame)
        if not word or word == frame:
            break
        frame = word
    return pieces


def _word(pieces: dict[int, bytes], address: int) -> int | None:
    for at, data in pieces.items():
        if at <= address and address + 16 <= at + len(data):
            return int.from_bytes(data[address - at : address - at + 8], "little")
    return None


async def _read(session: QmpSession, cpu: int, address: int, size: int) -> bytes:
    """Up to *size* bytes as the CPU maps them; fewer where something is not mapped. Only reading: no file, no stop."""
    line = f"x /{size // 8}xg {address:#x}"
    order = {"command-line": line, "cpu-index": cpu}
    text = str(await session.execute("human-monitor-command", TIMEOUTS.postmortem, **order))
    return b"".join(int(word, 16).to_bytes(8, "little") for word in _WORD.findall(text))[:size]
