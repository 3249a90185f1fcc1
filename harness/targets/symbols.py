"""The symbols of an ELF file: addresses by name, names by address."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from harness.errors import UsageError
from harness.targets.profile import Profile
from harness.toml import suggestion

_NAMED = re.compile(r"(.+?)(?:\+(0x[0-9a-fA-F]+|\d+))?")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function or an object. `size` is in bytes, 0 where the file does not say."""

    name: str
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """An address, by the nearest symbol at or below it."""

    symbol: Symbol
    offset: int

    def __str__(self) -> str:
        return self.symbol.name if self.offset == 0 else f"{self.symbol.name}+{self.offset:#x}"


@dataclass(frozen=True)
class Symbols:
    """All functions and objects of one file, by name; several may share a name (static functions).

    Those that are local to a source file are also there as `file.c:name`.
    """

    file: Path
    by_name: Mapping[str, tuple[Symbol, ...]] = field(repr=False)
    loaded: tuple[range, ...] = ()  # addresses that the file fills; none for an object file

    @classmethod
    def of(cls, elf: Path) -> Self:
        """Read the symbol table of *elf*: 5 ms for a thousand symbols.

        :raises UsageError: if it is no ELF file, is damaged, or has no symbols (it was stripped).
        """
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
        from elftools.elf.sections import SymbolTableSection

        found: dict[str, list[Symbol]] = {}
        try:
            with elf.open("rb") as stream:
                file = ELFFile(stream)
                loads = [s.header for s in file.iter_segments() if s["p_type"] == "PT_LOAD"]
                loaded = tuple(range(s["p_vaddr"], s["p_vaddr"] + s["p_memsz"]) for s in loads)
                section = file.get_section_by_name(".symtab")
                table = section if isinstance(section, SymbolTableSection) else None
                source = ""  # the symbols of a source file follow its name; the global ones come last
                for entry in table.iter_symbols() if table is not None else ():
                    kind, where = entry["st_info"]["type"], entry["st_shndx"]
                    if kind == "STT_FILE":
                        source = entry.name
                    elif entry.name and where != "SHN_UNDEF" and kind in _KINDS and not entry.name.startswith("$"):
                        symbol = Symbol(entry.name, entry["st_value"], entry["st_size"])
                        local = source and entry["st_info"]["bind"] == "STB_LOCAL"
                        for name in (entry.name, f"{source}:{entry.name}") if local else (entry.name,):
                            same = found.setdefault(name, [])
                            if symbol not in same:
                                same.append(symbol)
        except OSError as error:
            raise UsageError(f"cannot read {elf}: {error.strerror}") from error
        except ELFError as error:
            raise UsageError(
                f"{elf} is no ELF file with symbols: {error}",
                "name the one that the image was made from (vmlinux) as boot.symbols in its profile",
            ) from error
        if not found:
            raise UsageError(
                f"{elf} has no symbols: it was stripped",
                "keep an unstripped copy, and name it as boot.symbols in the image's profile",
            )
        return cls(elf, {name: tuple(symbols) for name, symbols in found.items()}, loaded)

    @classmethod
    def of_profile(cls, profile: Profile) -> Self:
        """Those of what *profile* boots: `boot.symbols`, or else its kernel.

        :raises UsageError: if there is neither, and as `of`.
        """
        file = profile.boot.symbols or profile.boot.kernel
        if file is None:
            raise UsageError(
                f"the image {profile.name} names no file with symbols",
                'name one in its profile: [boot] symbols = "path/to/vmlinux"',
            )
        return cls.of(file)

    def address(self, name: str) -> int:
        """The address of `name` or `name+offset` (decimal or 0x…).

        :raises UsageError: if there is no such symbol, or several are called so.
        """
        parts = _NAMED.fullmatch(name.strip())
        if parts is None or parts[1] not in self.by_name:
            plain = parts[1] if parts is not None else name
            raise UsageError(f"there is no symbol {plain!r} in {self.file}{suggestion(plain, self.by_name)}")
        candidates = self.by_name[parts[1]]
        if len(candidates) > 1:
            fuller = [name for name, own in self.by_name.items() if name.endswith(f":{parts[1]}") and len(own) == 1]
            raise UsageError(
                f"{len(candidates)} symbols of {self.file} are called {parts[1]!r}",
                f"say which: {', '.join(fuller) or 'by its address'}",
            )
        return candidates[0].address + int(parts[2] or "0", 0)

    def place(self, address: int) -> Place | None:
        """The symbol that *address* belongs to: the nearest below, unless that ends before it."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0 or (self.loaded and not any(address in span for span in self.loaded)):
            return None
        symbol = self._sorted[index]
        offset = address - symbol.address
        return Place(symbol, offset) if not symbol.size or offset < symbol.size else None

    @cached_property
    def _sorted(self) -> list[Symbol]:
        """By address; of those that share one, the largest comes last."""
        every = {symbol for symbols in self.by_name.values() for symbol in symbols}
        return sorted(every, key=lambda symbol: (symbol.address, symbol.size))

    @cached_property
    def _addresses(self) -> list[int]:
        return [symbol.address for symbol in self._sorted]


_KINDS = frozenset({"STT_FUNC", "STT_OBJECT", "STT_NOTYPE"})  # assembly has labels without a type
