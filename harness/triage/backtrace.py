"""Symbolised backtraces: from the registers and the stack that a post mortem kept, and from call traces in text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from harness.errors import UsageError
from harness.targets.symbols import Symbols
from harness.triage.dwarf import Dwarf
from harness.triage.signature import function_name
from harness.triage.text import TextFrame
from harness.triage.unwind import ARCHS, Memory, Unwinder


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a backtrace. `function` is empty and `line` 0 where they are not known."""

    address: int | None
    function: str
    offset: int | None = None  # bytes from the function's start; None for one that was inlined
    file: str = ""
    line: int = 0
    inlined: bool = False  # into the next frame
    interrupted: bool = False  # by the frame before: an exception or interrupt came here
    how: str = ""  # registers, cfi, frame-pointer, text
    guess: bool = False  # the kernel that printed it was not sure

    def __str__(self) -> str:
        name = self.function or (f"{self.address:#x}" if self.address is not None else "?")
        offset = f"+{self.offset:#x}" if self.offset else ""
        place = f" at {self.source}" if self.source else ""
        extra = "".join(
            f" ({word})" for word, said in (("inlined", self.inlined), ("interrupted here", self.interrupted)) if said
        )
        return f"{'? ' if self.guess else ''}{name}{offset}{place}{extra}"

    @property
    def source(self) -> str:
        """`file:line`, or an empty string."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "address": None if self.address is None else f"{self.address:#x}"}


class Program:
    """What names addresses: symbols, and DWARF where the file has it.

    :param slide: what is to be taken from an address of the machine to get the one in the file (KASLR).
    """

    def __init__(self, symbols: Symbols, dwarf: Dwarf, slide: int = 0) -> None:
        self._symbols = symbols
        self.dwarf = dwarf
        self.slide = slide

    @classmethod
    def open(cls, file: Path, slide: int = 0) -> Self:
        """:raises UsageError: if *file* is no ELF file with symbols."""
        return cls(Symbols.of(file), Dwarf.open(file), slide)

    def close(self) -> None:
        self.dwarf.close()

    def frames(self, address: int, *, exact: bool, **more: Any) -> list[Frame]:
        """The frames of one address, inlined functions first.

        :param exact: *address* is the instruction itself, not the one that a call returns to.
        """
        place = address - self.slide
        symbol = self._symbols.place(place)
        # A call may be the last instruction of its line, or of its function: look where it is, not where it returns to.
        sources = self.dwarf.places(place if exact else place - 1)
        if not exact and symbol is not None and symbol.offset == 0 and sources:
            symbol = self._symbols.place(place - 1)
        name = symbol.symbol.name if symbol is not None else ""
        offset = None if symbol is None else place - symbol.symbol.address
        if not sources:
            return [Frame(address, function_name(name), offset, **more)]
        out: list[Frame] = []
        for number, source in enumerate(sources):
            last = number == len(sources) - 1
            function = source.function or (name if last else "")
            first = {key: value for key, value in more.items() if key != "interrupted" or number == 0}
            out.append(
                Frame(
                    address,
                    function_name(function),
                    offset if last else None,
                    source.file,
                    source.line,
                    source.inlined,
                    **first,
                )
            )
        return out

    def knows(self, address: int) -> bool:
        """Whether *address* lies in the program."""
        return self._symbols.place(address - self.slide) is not None

    def address_of(self, function: str, offset: int) -> int | None:
        """The address of `function+offset` in the machine, None if there is no such function, or several."""
        try:
            return self._symbols.address(function) + offset + self.slide
        except UsageError:
            return None


def of_machine(machine: Mapping[str, Any], program: Program | None, *, use_cfi: bool = True) -> list[Frame]:
    """The backtrace of a journal event `machine`; without a program addresses alone, by frame pointers.

    What is damaged or missing in the event shortens it.
    """
    arch = str(machine.get("arch", ""))
    if arch not in ARCHS:
        return []
    try:
        registers = {str(name): int(str(value), 16) for name, value in dict(machine.get("registers", {})).items()}
        memory = Memory(
            {int(str(p["address"]), 16): base64.b64decode(str(p["data"])) for p in machine.get("memory", [])}
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        return []
    unwinder = Unwinder(program.dwarf if program else None, arch, program.slide if program else 0, use_cfi=use_cfi)
    out: list[Frame] = []
    for step in unwinder.walk(registers, memory, halted=_halted(machine)):
        more: dict[str, Any] = {"how": step.how, "interrupted": step.interrupted}
        out += program.frames(step.pc, exact=step.exact, **more) if program else [Frame(step.pc, "", **more)]
    return out


def _halted(machine: Mapping[str, Any]) -> bool:
    cpus = machine.get("cpus")
    here = [one for one in cpus if isinstance(one, dict)] if isinstance(cpus, list) else []
    return any(one.get("cpu") == machine.get("cpu") and one.get("halted") is True for one in here)


def of_text(trace: Iterable[TextFrame], program: Program | None) -> list[Frame]:
    """A printed call trace, with what the program knows of its addresses."""
    out: list[Frame] = []
    for line in trace:
        address = line.address
        if address is None and program is not None and line.function and line.offset is not None:
            address = program.address_of(line.function, line.offset)
        known: list[Frame] = []
        if address is not None and program is not None and program.knows(address):
            known = program.frames(address, exact=False, how="text", guess=line.guess)
        out += known or [
            Frame(
                line.address,
                function_name(line.function),
                line.offset,
                line.file,
                line.line or 0,
                how="text",
                guess=line.guess,
            )
        ]
    return out
