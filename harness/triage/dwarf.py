"""Source places of addresses, by DWARF: function, file and line, and the functions that were inlined there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any, NamedTuple, Self

from harness.errors import UsageError

_SOME = 4000  # compilation units are searched one by one at most, where the file has no table of addresses
_DEPTH = 64  # of lexical blocks and inlined functions


class Source(NamedTuple):
    """A place in the source; `line` is 0 where it is not known."""

    function: str
    file: str
    line: int
    inlined: bool = False


class LineRow(NamedTuple):
    """Code from `low` up to `high` was made from `line`; `statement`: it may begin a statement there."""

    low: int
    high: int
    file: str
    line: int
    statement: bool


class Dwarf:
    """The debug information of one ELF file; read as it is needed, close it with `close`.

    Damaged debug information makes places unknown, it never raises.
    """

    def __init__(self, stream: Any, elf: Any) -> None:
        self._stream = stream
        self.elf = elf
        self.info: Any = elf.get_dwarf_info() if elf.has_dwarf_info() else None
        self._lines: dict[int, list[tuple[int, int, str, int]]] = {}

    @classmethod
    def open(cls, file: Path) -> Self:
        """:raises UsageError: if *file* is no ELF file."""
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        try:
            stream = file.open("rb")
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from error
        try:
            return cls(stream, ELFFile(stream))
        except Exception as error:
            stream.close()
            if isinstance(error, (ELFError, ValueError, KeyError, TypeError, AssertionError)):
                raise UsageError(f"{file} is no ELF file that can be read: {error}") from error
            raise

    def close(self) -> None:
        self._stream.close()

    def places(self, address: int) -> list[Source]:
        """Where *address* is: the innermost inlined function first, the function that really is there last."""
        if self.info is None:
            return []
        try:
            unit = self._unit(address)
            return [] if unit is None else self._places(unit, address)
        except Exception:  # pyelftools raises many kinds for damaged files; the symbol's name is still there
            return []

    def rows(self) -> Iterator[LineRow]:
        """The line tables of all units; of a damaged one what comes before the damage.

        Files are named with the folder that their unit was compiled in, as far as the compiler told it.
        """
        for unit in self.info.iter_CUs() if self.info is not None else ():
            with suppress(Exception):  # pyelftools raises many kinds for damaged files
                yield from self._rows(unit)

    def folders(self) -> set[str]:
        """The folders in which units were compiled, those that were told whole."""
        found = set()
        for unit in self.info.iter_CUs() if self.info is not None else ():
            with suppress(Exception):  # as above
                found.add(self._compiled_in(unit))
        return {folder for folder in found if folder.startswith("/")}

    def _rows(self, unit: Any) -> Iterator[LineRow]:
        program = self.info.line_program_for_CU(unit)
        files: dict[int, str] = {}
        same: list[Any] = []  # of one address: where optimised statements begin together, the code is that of each
        for entry in program.get_entries() if program is not None else ():
            state = entry.state
            if state is None:
                continue
            if same and state.address != same[0].address:
                for row in same if state.address > same[0].address else ():
                    file = files.get(row.file)
                    if file is None:
                        file = files[row.file] = self._file(unit, row.file, whole=True)
                    if row.line:
                        yield LineRow(row.address, state.address, file, row.line, bool(row.is_stmt))
                same = []
            if state.end_sequence:
                same = []
            else:
                same.append(state)

    def _places(self, unit: Any, address: int) -> list[Source]:
        file, line = self._line(unit, address)
        chain = self._chain(unit, address)
        out: list[Source] = []
        for die in reversed(chain):
            inlined = die.tag == "DW_TAG_inlined_subroutine"
            out.append(Source(self._name(die), file, line, inlined))
            if inlined:
                file = self._file(unit, self._value(die, "DW_AT_call_file"))
                line = self._value(die, "DW_AT_call_line") or 0
        return out or ([Source("", file, line)] if line else [])

    # ---- which unit ----------------------------------------------------------------------------------------------

    def _unit(self, address: int) -> Any:
        offset = self._aranges.cu_offset_at_addr(address) if self._aranges is not None else None
        if offset is not None:
            return self.info.get_CU_at(offset)
        for number, unit in enumerate(self.info.iter_CUs()):
            if number >= _SOME:
                return None
            if any(low <= address < high for low, high in self._ranges(unit.get_top_DIE())):
                return unit
        return None

    @cached_property
    def _aranges(self) -> Any:
        try:
            return self.info.get_aranges()
        except Exception:
            return None

    def _ranges(self, die: Any) -> Iterator[tuple[int, int]]:
        """The addresses of a DIE."""
        unit, attributes = die.cu, die.attributes
        if "DW_AT_ranges" in attributes:
            base = self._value(unit.get_top_DIE(), "DW_AT_low_pc") or 0
            lists = self.info.range_lists()
            attribute = attributes["DW_AT_ranges"]
            entries = (
                lists.get_range_list_at_offset(attribute.value, unit)
                if attribute.form != "DW_FORM_rnglistx"
                else lists.get_range_list_at_offset_ex(attribute.value)
            )
            for entry in entries:
                if hasattr(entry, "base_address"):
                    base = entry.base_address
                elif hasattr(entry, "begin_offset"):
                    start = 0 if getattr(entry, "is_absolute", False) else base
                    yield start + entry.begin_offset, start + entry.end_offset
        elif "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
            low, high = self._value(die, "DW_AT_low_pc"), attributes["DW_AT_high_pc"]
            if low is not None:
                yield low, high.value if high.form == "DW_FORM_addr" else low + high.value

    # ---- which functions -----------------------------------------------------------------------------------------

    def _chain(self, unit: Any, address: int) -> list[Any]:
        """The functions at *address*, the outermost first."""
        out: list[Any] = []
        die = unit.get_top_DIE()
        for _ in range(_DEPTH):
            for child in die.iter_children():
                if child.tag in _SCOPES and any(low <= address < high for low, high in self._ranges(child)):
                    die = child
                    if child.tag in _FUNCTIONS:
                        out.append(child)
                    break
            else:
                return out
        return out

    def _name(self, die: Any) -> str:
        for _ in range(8):  # from a copy to what it is a copy of, to its declaration
            if "DW_AT_linkage_name" in die.attributes and "DW_AT_name" not in die.attributes:
                return str(self._text(die, "DW_AT_linkage_name"))
            if "DW_AT_name" in die.attributes:
                return self._text(die, "DW_AT_name")
            for link in ("DW_AT_abstract_origin", "DW_AT_specification"):
                if link in die.attributes:
                    die = die.get_DIE_from_attribute(link)
                    break
            else:
                break
        return ""

    @staticmethod
    def _text(die: Any, name: str) -> str:
        value = die.attributes[name].value
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    @staticmethod
    def _value(die: Any, name: str) -> Any:
        attribute = die.attributes.get(name)
        return attribute.value if attribute is not None else None

    # ---- which line ----------------------------------------------------------------------------------------------

    def _line(self, unit: Any, address: int) -> tuple[str, int]:
        for low, high, file, line in self._table(unit):
            if low <= address < high:
                return file, line
        return "", 0

    def _table(self, unit: Any) -> list[tuple[int, int, str, int]]:
        """Addresses, file and line; of the rows of one address the last counts."""
        known = self._lines.get(unit.cu_offset)
        if known is not None:
            return known
        out: list[tuple[int, int, str, int]] = []
        program = self.info.line_program_for_CU(unit)
        before = None
        for entry in program.get_entries() if program is not None else ():
            state = entry.state
            if state is None:
                continue
            if before is not None and not before.end_sequence and state.address > before.address:
                out.append((before.address, state.address, self._file(unit, before.file), before.line))
            before = state
        self._lines[unit.cu_offset] = out
        return out

    def _compiled_in(self, unit: Any) -> str:
        die = unit.get_top_DIE()
        return self._text(die, "DW_AT_comp_dir") if "DW_AT_comp_dir" in die.attributes else ""

    def _file(self, unit: Any, number: int | None, *, whole: bool = False) -> str:
        """The name of a unit's file; *whole*: not from the folder that the unit was compiled in, but with it."""
        program = self.info.line_program_for_CU(unit)
        if program is None or number is None:
            return ""
        header = program.header
        entries = header["file_entry"]
        index = number if header["version"] >= 5 else number - 1
        if not 0 <= index < len(entries):
            return ""
        entry = entries[index]
        name = entry.name.decode("utf-8", "replace")
        folders = header["include_directory"]
        place = entry.dir_index if header["version"] >= 5 else entry.dir_index - 1
        if not name.startswith("/") and 0 <= place < len(folders):
            name = f"{folders[place].decode('utf-8', 'replace')}/{name}"
        if not whole or name.startswith("/"):
            return normpath(name) if whole else _tidy(name)
        first = header["version"] >= 5 and place == 0  # this one is the folder that the unit was compiled in
        base = "" if first else self._compiled_in(unit)  # may be a word that stands for a folder, and is of no use
        return normpath(f"{base}/{name}" if base.startswith(("/", ".")) else name)


def _tidy(path: str) -> str:
    """`./kernel/./crash.c` is `kernel/crash.c`."""
    parts = [part for part in path.split("/") if part != "."]
    return "/".join(parts) or path


_FUNCTIONS = frozenset({"DW_TAG_subprogram", "DW_TAG_inlined_subroutine"})
_SCOPES = _FUNCTIONS | {"DW_TAG_lexical_block", "DW_TAG_namespace"}
