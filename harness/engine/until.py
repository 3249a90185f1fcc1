"""Where a replay is to stop: `MARKER`, `frame:N`, `icount:N`, `symbol:NAME[:n]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.console.lines import LineAssembler
from harness.console.recording import file_chunks
from harness.errors import UsageError
from harness.judge.sight import sees
from harness.markers.match import Pattern
from harness.markers.parser import MarkerParser
from harness.markers.schema import Schema

_NUMBERED = re.compile(r"(icount|frame):(\d+)")
_SYMBOL = re.compile(r"symbol:(.+?)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class AtInstruction:
    """Before the instruction with this number, counted from the start of the machine."""

    number: int


@dataclass(frozen=True, slots=True)
class AtFrame:
    """When the screen first shows this frame, whole, by its identity strip."""

    number: int


@dataclass(frozen=True, slots=True)
class AtSymbol:
    """Before the first instruction of a symbol, for the *hit*-th time."""

    name: str
    hit: int = 1


@dataclass(frozen=True, slots=True)
class AtConsole:
    """When the guest has written this many bytes to its console: to the end of the line that holds a pattern."""

    count: int
    line: str


Until = AtInstruction | AtFrame | AtSymbol | AtConsole


def parse_until(text: str, serial: Path, schema: Schema) -> Until:
    """*text* as a place in a run whose console said *serial*.

    :raises UsageError: for a place that cannot be, or a pattern that nothing in the console matches.
    """
    if numbered := _NUMBERED.fullmatch(text):
        number = int(numbered[2])
        if number == 0:
            raise UsageError(f"--until {text}: frames and instructions are counted from 1")
        return AtInstruction(number) if numbered[1] == "icount" else AtFrame(number)
    if symbol := _SYMBOL.fullmatch(text):
        hit = int(symbol[2] or "1")
        if hit == 0:
            raise UsageError(f"--until {text}: hits are counted from 1")
        return AtSymbol(symbol[1], hit)
    if text.startswith(("icount:", "frame:")):
        raise UsageError(f"--until {text}: a number belongs after the colon")
    return _in_console(text, serial, schema)


def _in_console(text: str, serial: Path, schema: Schema) -> AtConsole:
    pattern, assembler, parser = Pattern.parse(text), LineAssembler(), MarkerParser(schema)
    end = serial.stat().st_size if serial.exists() else 0
    lines = (line for chunk in (file_chunks(serial) if end else ()) for line in assembler.feed(chunk))
    for line in lines:
        if sees(pattern, line, list(parser.feed(line))):
            return AtConsole(_end_of_line(serial, line.offset + len(line.raw)), line.text)
    for line in assembler.flush():
        if sees(pattern, line, [*parser.feed(line), *parser.finish()]):
            return AtConsole(end, line.text)
    raise UsageError(
        f"the console of this run never said {text}",
        "`harness markers BUNDLE` lists its markers; other places are frame:N, icount:N, symbol:NAME[:n]",
    )


def _end_of_line(serial: Path, start: int) -> int:
    """The offset behind the newline that ends the text before *start*."""
    with serial.open("rb") as stream:
        stream.seek(start)
        return start + len(stream.readline())
