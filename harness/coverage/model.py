"""The coverage of source files: lines and functions, each reached or not, and how several runs are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self


class Function(NamedTuple):
    """A function as it begins; `hits` counts the runs that reached it."""

    line: int
    hits: int


@dataclass(slots=True)
class FileCoverage:
    """One source file. Of lines and functions that have code: how many runs reached each."""

    lines: dict[int, int] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)

    @property
    def lines_hit(self) -> int:
        return sum(hits > 0 for hits in self.lines.values())

    @property
    def functions_hit(self) -> int:
        return sum(function.hits > 0 for function in self.functions.values())


@dataclass(slots=True)
class Coverage:
    """All files by path."""

    files: dict[str, FileCoverage] = field(default_factory=dict)

    @classmethod
    def merged(cls, several: Iterable[Mapping[str, FileCoverage]]) -> Self:
        """The sum of *several*: what one of them reached is reached."""
        out = cls()
        for files in several:
            for path, file in files.items():
                into = out.files.setdefault(path, FileCoverage())
                for line, hits in file.lines.items():
                    into.lines[line] = into.lines.get(line, 0) + hits
                for name, function in file.functions.items():
                    before = into.functions.get(name)
                    into.functions[name] = Function(function.line, function.hits + (before.hits if before else 0))
        return out

    @property
    def lines(self) -> int:
        return sum(len(file.lines) for file in self.files.values())

    @property
    def lines_hit(self) -> int:
        return sum(file.lines_hit for file in self.files.values())

    @property
    def functions(self) -> int:
        return sum(len(file.functions) for file in self.files.values())

    @property
    def functions_hit(self) -> int:
        return sum(file.functions_hit for file in self.files.values())

    def told(self) -> str:
        """As one line for people."""
        share = f" ({100 * self.lines_hit / self.lines:.1f} %)" if self.lines else ""
        return (
            f"{self.lines_hit:,} of {self.lines:,} lines{share}, {self.functions_hit:,} of {self.functions:,} functions"
        )
