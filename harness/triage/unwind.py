"""From the registers of a stopped CPU up its stack: by call frame information where the ELF file has it for a place,
else by frame pointers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from harness.triage.dwarf import Dwarf

MOST = 64  # frames: deeper ones are recursion, and its first frames tell it
_SECTION = 32 << 20  # bytes of call frame information that are read: 10 MiB take 5 s
_X86 = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rip"]
_ARM = [*(f"x{n}" for n in range(31)), "sp"]


class Arch(NamedTuple):
    """`names`: registers in DWARF's order."""

    names: list[str]
    pc: str
    sp: str
    fp: str
    ra: str


ARCHS = {"x86_64": Arch(_X86, "rip", "rsp", "rbp", "rip"), "aarch64": Arch(_ARM, "pc", "sp", "x29", "x30")}


class Step(NamedTuple):
    """One frame: its program counter, and where its caller was found.

    `exact`: the pc is that of the instruction itself, not of the one after a call: the innermost frame, and code that
    was interrupted.
    """

    pc: int
    exact: bool
    how: Literal["registers", "cfi", "frame-pointer"]
    interrupted: bool = False  # by the frame before it: an exception or an interrupt


@dataclass(frozen=True)
class Memory:
    """Pieces of memory that were kept, by address."""

    pieces: Mapping[int, bytes]

    def word(self, address: int) -> int | None:
        """64 bits, None where nothing was kept."""
        for at, data in self.pieces.items():
            if at <= address and address + 8 <= at + len(data):
                return int.from_bytes(data[address - at : address - at + 8], "little")
        return None


class Unwinder:
    """Walks stacks of one program.

    :param slide: what is to be taken from an address of the machine to get the one in the file (KASLR).
    """

    def __init__(self, dwarf: Dwarf | None, arch: str = "x86_64", slide: int = 0, *, use_cfi: bool = True) -> None:
        self._dwarf = dwarf
        self._arch = ARCHS[arch]
        self._slide = slide
        self._use_cfi = use_cfi

    def walk(self, registers: Mapping[str, int], memory: Memory, *, halted: bool = False) -> list[Step]:
        """The frames, the innermost first; it ends where something is not known. Never raises, never loops.

        :param halted: the CPU waits in the instruction before its program counter.
        """
        arch = self._arch
        values = dict(registers)
        steps = [Step(values.get(arch.pc, 0), not halted, "registers")]
        while len(steps) < MOST:
            before = values.get(arch.sp, 0)
            pc = values.get(arch.pc, 0)
            found = self._by_cfi(values, memory, pc, exact=steps[-1].exact) if self._use_cfi else None
            how: Literal["cfi", "frame-pointer"] = "cfi"
            if found is None:
                found, how = self._by_frame_pointer(values, memory), "frame-pointer"
            if found is None:
                break
            values, signal = found
            if not values.get(arch.pc) or (values[arch.sp] <= before and not signal):
                break  # the stack grows towards lower addresses: a caller's frame lies higher
            steps.append(Step(values[arch.pc], signal, how, signal))
        return steps

    def _by_frame_pointer(self, values: Mapping[str, int], memory: Memory) -> tuple[dict[str, int], bool] | None:
        frame = values.get(self._arch.fp, 0)
        if not frame or frame % 8:
            return None
        caller, back = memory.word(frame), memory.word(frame + 8)
        if caller is None or not back:
            return None
        return {self._arch.pc: back, self._arch.sp: frame + 16, self._arch.fp: caller}, False

    # ---- call frame information ----------------------------------------------------------------------------------

    def _by_cfi(
        self, values: Mapping[str, int], memory: Memory, pc: int, *, exact: bool
    ) -> tuple[dict[str, int], bool] | None:
        """The caller's registers, and whether this frame is that of an interruption; None: the file does not say.

        A frame whose caller is `undefined` is the outermost: then there is no pc.
        """
        place = pc - self._slide
        entry = self._entry(place if exact else place - 1)
        if entry is None:
            return None
        try:
            return self._apply(entry, values, memory, place if exact else place - 1)
        except Exception:  # damaged or unusual information: frame pointers may still help
            return None

    def _apply(
        self, entry: Any, values: Mapping[str, int], memory: Memory, place: int
    ) -> tuple[dict[str, int], bool] | None:
        arch = self._arch
        rows = [row for row in entry.get_decoded().table if row["pc"] <= place]
        if not rows:
            return None
        row = rows[-1]
        rule = row["cfa"]
        if rule.expr is not None or arch.names[rule.reg] not in values:
            return None
        cfa = values[arch.names[rule.reg]] + rule.offset
        # What is saved by the callee keeps its value unless a rule says where it went.
        out = {name: values[name] for name in (*arch.names, arch.fp) if name in values}
        out[arch.sp] = cfa
        back: int | None = None if arch.ra not in values or arch.ra == arch.pc else values[arch.ra]
        for number, how in row.items():
            if not isinstance(number, int) or number >= len(arch.names):
                continue
            name = arch.names[number]
            kind = how.type
            value: int | None
            if kind == "OFFSET":
                value = memory.word(cfa + how.arg)
            elif kind == "VAL_OFFSET":
                value = cfa + how.arg
            elif kind == "SAME_VALUE":
                value = values.get(name)
            elif kind == "REGISTER":
                value = values.get(arch.names[how.arg])
            else:
                value = None
            if name == arch.ra:
                back = value
            if value is None:
                out.pop(name, None)
            else:
                out[name] = value
        signal = b"S" in entry.cie.header.get("augmentation", b"")
        out.setdefault(arch.sp, cfa)
        out[arch.pc] = back or 0
        return out, signal

    def _entry(self, place: int) -> Any:
        index = bisect_right(self._starts, place) - 1
        if index < 0:
            return None
        entry = self._entries[index]
        header = entry.header
        return entry if place < header["initial_location"] + header["address_range"] else None

    @cached_property
    def _entries(self) -> list[Any]:
        """The functions with information, by address."""
        if self._dwarf is None:
            return []
        info = self._dwarf.elf.get_dwarf_info() if self._dwarf.info is None else self._dwarf.info
        out: list[Any] = []
        for section, eh in ((info.debug_frame_sec, False), (info.eh_frame_sec, True)):
            if section is None or section.size > _SECTION:
                continue
            try:
                entries = _call_frames()(section.stream, section.size, section.address, info.structs, eh).get_entries()
            except Exception:  # noqa: S112 - damaged: the other section, or frame pointers
                continue
            out += [e for e in entries if hasattr(e, "cie") and "initial_location" in e.header]
        return sorted(out, key=lambda entry: entry.header["initial_location"])

    @cached_property
    def _starts(self) -> list[int]:
        return [entry.header["initial_location"] for entry in self._entries]


@cache
def _call_frames() -> Any:
    from elftools.dwarf.callframe import CallFrameInfo

    class CallFrames(CallFrameInfo):
        """GNU as marks signal frames in .debug_frame by the augmentation "S" alone, at which pyelftools 0.33 gives the
        whole section up.
        """

        def _parse_cie_augmentation(self, header: Any, entry_structs: Any) -> Any:
            plain = header.get("augmentation") and not set(header["augmentation"]) - set(b"SB")
            return (b"", {}) if plain else super()._parse_cie_augmentation(header, entry_structs)

    return CallFrames
