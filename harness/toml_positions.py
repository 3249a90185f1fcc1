"""Where every table, key and array element of a TOML text stands; `tomllib` tells none of it."""

from __future__ import annotations

import re
import tomllib

Loc = tuple[str | int, ...]
"""A place inside a document: table keys and array indices from the top, `("steps", 3, "timeout")`."""


def positions(text: str) -> dict[Loc, int]:
    """Lines, from 1, of all places in *text*, which must be TOML that `tomllib` has accepted."""
    return _Positions(text).lines


_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"""|(?P<skip>[ \t\r]+|\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,."'#]+)""",
    re.S,
)


class _Positions:
    """One pass over the tokens of a text that is known to be valid TOML."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Loc, int] = {}
        self._arrays: dict[Loc, int] = {}  # arrays of tables, with how many they have so far
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for token in _TOKEN.finditer(text):
            if token.lastgroup != "skip":
                self._tokens.append((token[0], line))
            line += token[0].count("\n")
        self._next = 0
        self._document()

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][0]

    def _line(self) -> int:
        return self._tokens[min(self._next, len(self._tokens) - 1)][1]

    def _document(self) -> None:
        table: Loc = ()
        while self._peek():
            line = self._line()
            if self._peek() == "\n":
                self._take()
            elif self._peek() == "[":
                self._take()
                many = self._peek() == "["
                if many:
                    self._take()
                table = self._header(self._key(), line, many)
                while self._peek() == "]":
                    self._take()
            else:
                self._pair(table)

    def _header(self, key: list[str], line: int, many: bool) -> Loc:
        table: Loc = ()
        for part in key[:-1]:
            table = (*table, part)
            self.lines.setdefault(table, line)
            if table in self._arrays:
                table = (*table, self._arrays[table] - 1)
        table = (*table, key[-1])
        self.lines.setdefault(table, line)
        if many:
            count = self._arrays[table] = self._arrays.get(table, 0) + 1
            table = (*table, count - 1)
        self.lines[table] = line
        return table

    def _pair(self, table: Loc) -> None:
        line = self._line()
        for part in self._key():
            table = (*table, part)
            self.lines.setdefault(table, line)
        self._take()  # the equals sign
        self._value(table)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            word = self._take()
            parts.append(tomllib.loads(f"k={word}")["k"] if word[0] in "\"'" else word)
            if self._peek() != ".":
                return parts
            self._take()

    def _value(self, loc: Loc) -> None:
        if self._peek() == "[":
            self._take()
            index = 0
            while self._peek() != "]":
                if self._peek() in {"\n", ","}:
                    self._take()
                    continue
                self.lines[(*loc, index)] = self._line()
                self._value((*loc, index))
                index += 1
            self._take()
        elif self._peek() == "{":
            self._take()
            while self._peek() != "}":
                if self._peek() in {"\n", ","}:
                    self._take()
                    continue
                self._pair(loc)
            self._take()
        else:
            while self._peek() not in {"", "\n", ",", "]", "}"}:
                self._take()
