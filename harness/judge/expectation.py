"""One expectation, fed line by line: pending, met or broken. The live waits and the offline judge use this same
object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.console.safe import safe
from harness.console.types import Line, LineFlag
from harness.judge.sight import find_text
from harness.judge.verdict import CheckStatus
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario.steps import Count, Expect

_EVIDENCE_TEXT = 200  # characters of a matched line that are kept as evidence


@dataclass(slots=True)
class _Condition:
    """A pattern with what has been seen of it."""

    pattern: Pattern
    seen: int = 0
    evidence: dict[str, Any] | None = None
    untrusted: str = ""  # a match that must not decide (echo, torn …), kept for the explanation


@dataclass(slots=True)
class Expectation:
    """The state of one `Expect` from the moment it was armed."""

    step: Expect
    status: CheckStatus = CheckStatus.PENDING
    reason: str = ""
    by_sight: bool = False  # broken by something that came, not by something missing
    _all: list[_Condition] = field(default_factory=list)
    _any: list[_Condition] = field(default_factory=list)
    _order: list[_Condition] = field(default_factory=list)
    _none: list[_Condition] = field(default_factory=list)
    _count: list[_Condition] = field(default_factory=list)
    _next: int = 0  # index into _order
    _partial_line: int = -1  # number of the line whose unfinished text already matched, up to ...
    _partial_end: int = 0

    def __post_init__(self) -> None:
        self._all = [_Condition(Pattern.parse(p)) for p in self.step.all]
        self._any = [_Condition(Pattern.parse(p)) for p in self.step.any]
        self._order = [_Condition(Pattern.parse(p)) for p in self.step.order]
        self._none = [_Condition(Pattern.parse(p)) for p in self.step.none]
        self._count = [_Condition(Pattern.parse(c.pattern)) for c in self.step.count]

    def feed(self, line: Line, markers: Iterable[Marker]) -> None:
        """Take one whole line and the markers found in it."""
        if self.status is not CheckStatus.PENDING:
            return
        found = list(markers)
        for condition in (*self._all, *self._any):
            if not condition.seen:
                self._look(condition, line, found)
        self._advance_order(line, found)
        for condition in (*self._none, *self._count):
            self._look(condition, line, found)
        self._settle()

    def feed_partial(self, line: Line) -> None:
        """Take the text of a line that has not ended yet (a prompt). Counts and `none` wait for the whole line."""
        if self.status is not CheckStatus.PENDING:
            return
        for condition in (*self._all, *self._any):
            if not condition.seen and not condition.pattern.is_marker:
                self._look(condition, line, [])
        self._advance_order(line, [])
        self._settle()

    def finish(self, *, elapsed: bool) -> None:
        """The wait is over: `elapsed` after the `during` time, else at its deadline."""
        if self.status is not CheckStatus.PENDING:
            return
        if self._satisfied() and (elapsed or self.step.during is None):
            self.status = CheckStatus.MET
        else:
            self.status, self.reason = CheckStatus.BROKEN, self.missing()

    def missing(self) -> str:
        """What has not been seen yet, as a sentence."""
        parts = [f"never came: {c.pattern.source}{_doubt(c)}" for c in self._all if not c.seen]
        if self._any and not any(c.seen for c in self._any):
            parts.append("none of these came: " + ", ".join(c.pattern.source for c in self._any))
        if self._next < len(self._order):
            late, place = self._order[self._next], f"place {self._next + 1} of {len(self._order)}"
            parts.append(f"never came in order ({place}): {late.pattern.source}{_doubt(late)}")
        for want, have in zip(self.step.count, self._count, strict=True):
            if not _count_ok(want, have.seen):
                parts.append(_times(want, have.seen))
        return "; ".join(parts) or "the time to watch was not over"

    def evidence(self) -> list[dict[str, Any]]:
        """Each condition with where it was seen."""
        out: list[dict[str, Any]] = []
        for kind, conditions in (
            ("all", self._all),
            ("any", self._any),
            ("order", self._order),
            ("none", self._none),
            ("count", self._count),
        ):
            for c in conditions:
                entry: dict[str, Any] = {"condition": kind, "pattern": c.pattern.source, "seen": c.seen}
                if c.evidence:
                    entry.update(c.evidence)
                if c.untrusted:
                    entry["untrusted"] = c.untrusted
                out.append(entry)
        return out

    def _look(self, condition: _Condition, line: Line, markers: list[Marker]) -> None:
        if condition.pattern.is_marker:
            for marker in markers:
                if condition.pattern.match_marker(marker):
                    if marker.trusted:
                        self._saw(condition, line, marker.text)
                    else:
                        condition.untrusted = str(marker.flags)
        elif find_text(condition.pattern, line, self._text_start(line)) is not None:
            self._saw(condition, line, line.text)
        elif line.echo and condition.pattern.match_line(line.text) is not None:
            condition.untrusted = "echo"

    def _advance_order(self, line: Line, markers: list[Marker]) -> None:
        position, index = self._text_start(line), 0
        while self._next < len(self._order):
            condition = self._order[self._next]
            if condition.pattern.is_marker:
                while index < len(markers) and not (
                    markers[index].trusted and condition.pattern.match_marker(markers[index])
                ):
                    index += 1
                if index == len(markers):
                    return
                self._saw(condition, line, markers[index].text)
                index += 1
            else:
                span = find_text(condition.pattern, line, position)
                if span is None:
                    return
                position = span[1]
                if line.flags & LineFlag.PARTIAL:
                    self._partial_line, self._partial_end = line.number, position
                self._saw(condition, line, line.text)
            self._next += 1

    def _text_start(self, line: Line) -> int:
        return self._partial_end if line.number == self._partial_line else 0

    def _saw(self, condition: _Condition, line: Line, text: str) -> None:
        condition.seen += 1
        if condition.evidence is None:
            condition.evidence = {
                "text": safe(text, _EVIDENCE_TEXT),
                "offset": line.offset,
                "line": line.number,
                "epoch": line.epoch,
                "host_ns": line.host_ns,
            }

    def _settle(self) -> None:
        for c in self._none:
            if c.seen:
                self.status, self.reason = CheckStatus.BROKEN, f"came although it must not: {c.pattern.source}"
                self.by_sight = True
                return
        for want, have in zip(self.step.count, self._count, strict=True):
            most = want.exactly if want.exactly is not None else want.at_most
            if most is not None and have.seen > most:
                self.status, self.by_sight = CheckStatus.BROKEN, True
                self.reason = _times(want, have.seen)
                return
        if self.step.during is None and self._satisfied():
            self.status = CheckStatus.MET

    def _satisfied(self) -> bool:
        return (
            all(c.seen for c in self._all)
            and (not self._any or any(c.seen for c in self._any))
            and self._next == len(self._order)
            and all(_count_ok(want, have.seen) for want, have in zip(self.step.count, self._count, strict=True))
        )


def _count_ok(want: Count, seen: int) -> bool:
    if want.exactly is not None and seen != want.exactly:
        return False
    too_few = want.at_least is not None and seen < want.at_least
    too_many = want.at_most is not None and seen > want.at_most
    return not (too_few or too_many)


def _times(want: Count, seen: int) -> str:
    bounds = (("exactly", want.exactly), ("at least", want.at_least), ("at most", want.at_most))
    wanted = " and ".join(f"{word} {number}" for word, number in bounds if number is not None)
    return f"came {seen} times: {want.pattern} (wanted {wanted})"


def _doubt(condition: _Condition) -> str:
    return f" (seen, but only {condition.untrusted}: that decides nothing)" if condition.untrusted else ""
