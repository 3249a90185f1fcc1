"""Crashes in console text: one pass over the lines, memory and time bounded whatever the guest prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from harness.console.safe import safe
from harness.console.text import render
from harness.judge.crash_rules import Rule, Rules
from harness.triage.signature import function_name, signature, stable

LINE = 512  # bytes of a line that are looked at: the longest line of a kernel's report has 200
_PREFIXES = 6  # at most on one line
_CRASHES = 50  # kept; a guest that crashes on every line must not fill the memory
_FRAMES = 64  # of one call trace
_FACT = 200  # characters
_AFTER = 50  # lines: what comes within so many of a crash may be its consequence
_BLOCK = 1 << 16  # bytes read at once
_FACT_IN_TITLE = re.compile(r"\{(\w+)\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_WIDE = re.compile(r"(\s{8})\s+")  # a gap that a pattern which is free to share it out would try in too many ways
_SOURCE = re.compile(r"^at (?P<file>[\w./-]{1,200}):(?P<line>\d{1,7})(?::\d{1,5})?$")  # under a line of a Rust trace


class RawLine(NamedTuple):
    """A line of a serial log: byte offset, number from 1, at most `LINE` bytes of it."""

    offset: int
    number: int
    data: bytes


@dataclass(slots=True)
class TextFrame:
    """One line of a call trace; `guess`: the kernel itself is not sure of it."""

    function: str = ""
    offset: int | None = None
    address: int | None = None
    module: str = ""
    file: str = ""
    line: int | None = None
    guess: bool = False


@dataclass(slots=True)
class TextCrash:
    """A recognised block."""

    rule: Rule
    offset: int  # byte offset of its first line
    number: int  # of its first line, from 1
    facts: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)  # without prefixes and control characters
    registers: dict[str, int] = field(default_factory=dict)  # names in lower case
    trace: list[TextFrame] = field(default_factory=list)
    minor: bool = False
    where: str = ""  # the function

    @property
    def kind(self) -> str:
        return self.rule.kind

    @property
    def title(self) -> str:
        """One line; no addresses, no numbers that differ from run to run."""
        known = {**self.facts, "where": self.where}

        def fact(found: re.Match[str]) -> str:
            return known.get(found[1], "")

        def optional(found: re.Match[str]) -> str:
            missing = any(not known.get(name) for name in _FACT_IN_TITLE.findall(found[1]))
            return "" if missing else found[1]

        text = _FACT_IN_TITLE.sub(fact, _OPTIONAL.sub(optional, self.rule.title))
        return safe(stable(text).rstrip(" :,"), _FACT)

    @property
    def signature(self) -> str:
        return signature(self.kind, self.title)


def find_crashes(stream: BinaryIO, rules: Rules, begin: int = 0, end: int | None = None) -> list[TextCrash]:
    """All crashes that *rules* recognise from byte *begin* of *stream* to *end*, in order, at most 50.

    Lines are numbered from the first that is read. 28 MB of ordinary lines took 0.8 s on two busy cores.
    """
    reader = _Reader(rules)
    for offset, number, text in _blocks(stream, begin, end):
        if len(reader.found) >= _CRASHES and reader.open is None:
            break
        reader.block(offset, number, text)
    reader.close()
    return reader.found


def _blocks(stream: BinaryIO, begin: int, end: int | None) -> Iterator[tuple[int, int, bytes]]:
    """Whole lines, many at once: byte offset and number of the first, and their text. A long line is cut."""
    stream.seek(begin)
    left = None if end is None else max(end - begin, 0)
    at, number, head, dropped = begin, 1, b"", 0
    while data := stream.read(_BLOCK if left is None else min(_BLOCK, left)):
        left = None if left is None else left - len(data)
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            # Offsets of the lines after a cut one are those of the file: what was cut is put back as one gap.
            first, newline, others = (whole + b"\n").partition(b"\n")
            line = head + first
            yield at, number, line[:LINE] + b"\n"
            at += dropped + len(line) + 1
            number += 1
            if others:
                yield at, number, others
                at += len(others)
                number += others.count(b"\n")
            head, dropped = b"", 0
        head += rest
        if len(head) > LINE:
            dropped += len(head) - LINE
            head = head[:LINE]
    if head:
        yield at, number, head


def principal(crashes: list[TextCrash]) -> TextCrash | None:
    """The one that the others may follow from: the first that is not minor, else the first."""
    return next((crash for crash in crashes if not crash.minor), crashes[0] if crashes else None)


class _Reader:
    def __init__(self, rules: Rules) -> None:
        self.found: list[TextCrash] = []
        self.open: TextCrash | None = None
        self._rules = rules
        self._last = -_AFTER - 1  # line number at which the last block ended
        # Of two hints one of which is within the other the shorter says it all.
        hints = {rule.hint.encode() for rule in rules.rules}
        self._hints = tuple(hint for hint in sorted(hints) if not any(o != hint and o in hint for o in hints))

    def block(self, offset: int, number: int, text: bytes) -> None:
        """Take whole lines."""
        hints = [hint for hint in self._hints if hint in text]
        if not hints and self.open is None:
            return
        for data in text.removesuffix(b"\n").split(b"\n"):
            hinted = any(hint in data for hint in hints)
            if hinted or self.open is not None:
                self._take(RawLine(offset, number, data[:LINE]), hinted=hinted)
            offset += len(data) + 1
            number += 1

    def _take(self, line: RawLine, *, hinted: bool) -> None:
        text = self.plain(line.data)
        if self.open is not None and len(self.open.lines) == 1 and self.open.rule.next is not None:
            match = self.open.rule.next.search(text)
            self._learn(self.open, match)
            hinted = hinted and match is None  # it belongs to the line before, whatever it looks like
        begins = self._begins(text) if hinted else None
        if begins is not None:
            rule, match = begins
            before = self.open or (self.found[-1] if self.found and line.number - self._last <= _AFTER else None)
            if before is None or not self._follows(rule, before):
                self.close(line.number)
                if len(self.found) < _CRASHES:
                    self.open = TextCrash(rule, line.offset, line.number, minor=rule.minor)
                    self._learn(self.open, match)
                    self._read(self.open, text)
                return
            if rule.follows == "any" and not rule.minor:
                before.minor = False  # the kernel died of it
        if self.open is None:
            return
        crash = self.open
        for pattern in crash.rule.find:
            self._learn(crash, pattern.search(text))
        self._read(crash, text)
        ended = crash.rule.end is not None and crash.rule.end.search(text) is not None
        if ended or len(crash.lines) >= crash.rule.lines:
            self.close(line.number)

    def close(self, number: int = 0) -> None:
        """The open block has ended at the line *number*."""
        if self.open is None:
            return
        crash, self.open, self._last = self.open, None, number
        told = function_name(crash.facts.get("where", ""))
        blank = not told or self._rules.causes_nothing(told)
        crash.where = (self._where(crash.trace) if blank else "") or told
        self.found.append(crash)

    def plain(self, data: bytes) -> str:
        """The text of a line without what kernels and loggers put before each."""
        text = render(data)[0].strip()
        for _ in range(_PREFIXES):
            prefix = self._rules.prefix.match(text)
            if prefix is None or not prefix[0]:
                break
            text = text[prefix.end() :].lstrip()
        return text

    def _begins(self, text: str) -> tuple[Rule, re.Match[str]] | None:
        for rule in self._rules.rules:
            if rule.hint in text:
                match = rule.start.search(text)
                if match is not None:
                    return rule, match
        return None

    @staticmethod
    def _follows(rule: Rule, before: TextCrash) -> bool:
        return rule.follows == "any" or (rule.follows == "crash" and not before.minor)

    @staticmethod
    def _learn(crash: TextCrash, match: re.Match[str] | None) -> None:
        for name, value in (match.groupdict() if match is not None else {}).items():
            if value and value.strip() and name not in crash.facts:
                crash.facts[name] = value.strip()[:_FACT]

    def _read(self, crash: TextCrash, text: str) -> None:
        crash.lines.append(safe(text, LINE))
        for found in self._rules.register.finditer(text):
            crash.registers.setdefault(found["name"].lower(), int(found["value"], 16))
        source = _SOURCE.match(text)
        if source is not None and crash.trace:
            crash.trace[-1].file, crash.trace[-1].line = source["file"], int(source["line"])
            return
        if len(crash.trace) >= _FRAMES:
            return
        narrow = _WIDE.sub(r"\1", text)
        for pattern in self._rules.trace:
            match = pattern.match(narrow)
            if match is not None:
                crash.trace.append(_frame(match.groupdict()))
                return

    def _where(self, trace: list[TextFrame]) -> str:
        sure = [frame for frame in trace if frame.function and not frame.guess]
        names = [function_name(frame.function.strip()) for frame in sure]
        return next((name for name in names if not self._rules.causes_nothing(name)), "")


def number(text: str | None, base: int = 10) -> int | None:
    """What *text* says as a number of 64 bits; None where a rule took for one what is none."""
    try:
        value = int(text or "", base)
    except ValueError:
        return None
    return value if 0 <= value < 1 << 64 else None


def _frame(groups: dict[str, str | None]) -> TextFrame:
    return TextFrame(
        (groups.get("function") or "").strip(),
        number(groups.get("offset"), 16),
        number(groups.get("address"), 16),
        groups.get("module") or "",
        groups.get("file") or "",
        number(groups.get("line")),
        bool(groups.get("guess")),
    )
