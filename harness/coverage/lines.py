"""From addresses that were reached to source lines and functions, by the ELF file's symbols and DWARF."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from posixpath import commonpath, normpath
from typing import NamedTuple

from harness.console.safe import safe
from harness.coverage.blocks import Blocks
from harness.coverage.model import Coverage, FileCoverage, Function
from harness.errors import UsageError
from harness.triage.dwarf import Dwarf, LineRow

_EXECUTABLE = 0x4  # SHF_EXECINSTR
_LEVELS = 6  # folders above the ELF file in which its sources are looked for


class Text(NamedTuple):
    """What of an ELF file is code."""

    ranges: tuple[range, ...]
    functions: tuple[tuple[str, int, int], ...]  # name, address, size; by address


class Lines(NamedTuple):
    """The line table of an ELF file, by address, with paths as far as they could be found."""

    rows: tuple[LineRow, ...]
    root: Path | None  # the folder of its sources


@lru_cache(maxsize=4)
def text_of(elf: Path) -> Text:
    """The code of *elf*.

    :raises UsageError: if it is no ELF file, or has no debug information.
    """
    dwarf = Dwarf.open(elf)
    try:
        if not any(dwarf.elf.get_section_by_name(name) for name in (".debug_line", ".zdebug_line")):
            raise UsageError(
                f"{elf} has no debug information: nothing maps its code to source lines",
                "build with -g, or name a file that has it as boot.symbols in the image's profile",
            )
        sections = [
            range(s["sh_addr"], s["sh_addr"] + s["sh_size"])
            for s in dwarf.elf.iter_sections()
            if s["sh_flags"] & _EXECUTABLE and s["sh_size"] and s["sh_type"] == "SHT_PROGBITS" and s["sh_addr"]
        ]
        table = dwarf.elf.get_section_by_name(".symtab")
        functions = {
            (symbol["st_value"], symbol.name): symbol["st_size"]
            for symbol in (table.iter_symbols() if table is not None else ())
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]
        }
    finally:
        dwarf.close()
    return Text(
        tuple(sorted(sections, key=lambda span: span.start)),
        tuple((name, address, size) for (address, name), size in sorted(functions.items())),
    )


@lru_cache(maxsize=4)
def lines_of(elf: Path) -> Lines:
    """The lines of *elf*: 0.4 s for the reference guest, and once for all runs of a batch.

    :raises UsageError: if it is no ELF file.
    """
    dwarf = Dwarf.open(elf)
    try:
        rows = sorted(dwarf.rows())
        folders = dwarf.folders()
    finally:
        dwarf.close()
    names = {row.file for row in rows}
    relative = next((row.file for row in rows if not row.file.startswith("/")), None)
    if relative is not None:
        root, there = _root(elf, relative), ""
    else:
        root, there = _built_in(elf, names, folders)
    placed = {name: _place(root, there, name) for name in names}
    return Lines(tuple(row._replace(file=placed[row.file]) for row in rows), root)


def cover(elf: Path, blocks: Blocks) -> Coverage:
    """What *blocks* reached of the lines and functions of *elf*. Lines are those at which a statement begins.

    :raises UsageError: if the file cannot be read.
    """
    text, lines = text_of(elf), lines_of(elf)
    out = Coverage()
    known = {(row.file, row.line) for row in lines.rows if row.statement}
    for row in lines.rows:
        if (row.file, row.line) in known and any(span.start <= row.low < span.stop for span in text.ranges):
            file = out.files.setdefault(row.file, FileCoverage())
            hit = file.lines.get(row.line, 0) or int(blocks.reached(row.low, row.high))
            file.lines[row.line] = hit
    for path, name, function in _functions(text, lines, blocks):
        if path in out.files:
            copies = out.files[path].functions  # a header's function is in each object that uses it
            copies[name] = max(copies.get(name, function), function, key=lambda copy: copy.hits)
    return out


def _functions(text: Text, lines: Lines, blocks: Blocks) -> Iterator[tuple[str, str, Function]]:
    starts = [row.low for row in lines.rows]
    for name, address, size in text.functions:
        at = bisect_right(starts, address) - 1
        if at >= 0 and lines.rows[at].low <= address < lines.rows[at].high:
            row = lines.rows[at]
            yield row.file, safe(name, 500), Function(row.line, int(blocks.reached(address, address + size)))


def _root(elf: Path, relative: str) -> Path | None:
    """The folder in which a build that was not told one compiled *relative*: one of those around its result."""
    folders = list(elf.resolve().parents)[:_LEVELS]
    return next((folder for folder in folders if (folder / relative).is_file()), None)


def _built_in(elf: Path, names: Collection[str], folders: Collection[str]) -> tuple[Path | None, str]:
    """Where the sources are, and where they were when they were compiled: in a container that is another folder."""
    there = commonpath(folders) if folders else "/"
    within = sorted(name for name in names if there != "/" and name.startswith(f"{there}/"))
    if any(Path(name).is_file() for name in within):
        return Path(there), there
    return (_root(elf, within[0].removeprefix(f"{there}/")) if within else None), there


def _place(root: Path | None, there: str, file: str) -> str:
    whole = file
    if root is not None and not file.startswith("/"):
        whole = normpath(root / file)
    elif root is not None and there and file.startswith(f"{there}/"):
        whole = str(root / file.removeprefix(f"{there}/"))
    return safe(whole, 4000)
