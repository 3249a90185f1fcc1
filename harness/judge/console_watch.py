"""What the console said: lines, markers, forbidden texts. Tells the checks, the clock and whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from harness.console.safe import safe
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, Line
from harness.evidence.fingerprint import Fingerprint
from harness.judge.activity import Activity
from harness.judge.checklist import Checklist
from harness.judge.facts import GuestFacts
from harness.judge.findings import Findings
from harness.judge.guest_clock import GuestClock
from harness.judge.line_trust import LineTrust
from harness.judge.sight import find_text
from harness.judge.texts import TextWatch
from harness.judge.verdict import Check, CheckStatus
from harness.markers.match import Pattern
from harness.markers.parser import MarkerParser
from harness.markers.schema import Schema
from harness.markers.types import Marker
from harness.scenario.model import Scenario
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.judge.rule_watch import RuleWatch
    from harness.markers.rules import Violation


class ConsoleWatch:
    """The console's side of the judgement of one run.

    :param settled: called with the step of each expectation that was decided by what came.
    """

    def __init__(
        self,
        scenario: Scenario,
        facts: GuestFacts,
        schema: Schema,
        checks: Checklist,
        clock: GuestClock,
        findings: Findings,
        fingerprint: Fingerprint,
        settled: Callable[[int], None],
    ) -> None:
        self.received = 0  # bytes so far
        self.markers = 0
        self.last_marker = ""
        self.on_marker: list[Callable[[Marker], None]] = []
        self.on_line: list[Callable[[Line], None]] = []
        self.activity = Activity()
        self.stream = ConsoleStream()
        self.trust = LineTrust(scenario, checks, facts)
        findings.on_add = self.trust.noted
        self._parser = MarkerParser(schema)
        self._texts = TextWatch(scenario, facts)
        self._checks = checks
        self._rules = _rule_watch(schema, scenario, checks.rules) if checks.rules is not None else None
        self._clock = clock
        self._findings = findings
        self._fingerprint = fingerprint
        self._settled = settled

    @property
    def lost(self) -> int:
        """Sealed markers that the line lost."""
        return self._parser.lost

    def partial_matches(self, pattern: Pattern) -> bool:
        """Whether the text of the line that has not ended yet matches."""
        partial = self.stream.partial
        return partial is not None and find_text(pattern, partial) is not None

    def feed(self, chunk: Chunk) -> None:
        """Take bytes."""
        self.received += len(chunk.data)
        self.activity.took(len(chunk.data))
        self._lines(self.stream.feed(chunk))
        partial = self.stream.partial
        if partial is not None:
            for index in self._checks.feed_partial(partial):
                self._settled(index)

    def new_boot(self, epoch: int) -> None:
        """The machine was reset or started again: the boot *epoch* begins."""
        self._lines(self.stream.new_epoch(epoch))
        self._clock.new_boot()
        self._checks.new_boot()
        if self._rules is not None:
            self._broken(self._rules.new_boot())

    def finish(self) -> None:
        """The console has ended: what is unfinished is all there will be of it."""
        self._lines(self.stream.finish())
        for marker in self._parser.finish():
            self._marker(marker)

    def finish_rules(self) -> None:
        """The run has ended: what is still open breaks the rules of pairing."""
        if self._rules is not None and self._findings.first is None:
            self._findings.closed = False  # what is still open at the end belongs to the run
            self._broken(self._rules.finish())

    def _lines(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._line(line)

    def _line(self, line: Line) -> None:
        self.activity.line(line)
        found = self._parser.feed(line)
        for marker in found:
            self._marker(marker)
        self.trust.line(line, found)
        told = self.trust.believable(found)
        self._watch_text(line, told)
        for index in self._checks.feed(line, told):
            self._settled(index)
        for listener in self.on_line:
            listener(line)

    def _watch_text(self, line: Line, found: Sequence[Marker]) -> None:
        for pattern, text in self._texts.forbidden(line, found):
            check = self._checks.forbidden[pattern]
            check.status, check.reason = CheckStatus.BROKEN, f"line {line.number}: {text}"
            self._findings.find(Verdict.FAIL, "forbidden", f"forbidden text came: {text}", {"offset": line.offset})
        crash = self._texts.crash(line, found)
        if crash is not None:
            evidence = {"offset": line.offset, "line": line.number, "pattern": crash[0]}
            self._findings.find(Verdict.CRASH, "crash-text", f"the guest reported its death: {crash[1]}", evidence)

    def _marker(self, marker: Marker) -> None:
        self.markers += 1
        self.trust.marker(marker)
        self.last_marker = safe(marker.text, 120)
        self._fingerprint.marker(marker.epoch, marker.text)
        if self._clock.take(marker):
            self._fingerprint.cut()
        if self._rules is not None:
            self._broken(self._rules.feed(marker))
        for listener in self.on_marker:
            listener(marker)

    def _broken(self, violation: Violation | None) -> None:
        if violation is not None:
            self._findings.find(Verdict.FAIL, f"rule-{violation.rule}", f"marker rule broken: {violation.what}")


def _rule_watch(schema: Schema, scenario: Scenario, check: Check) -> RuleWatch:
    from harness.judge.rule_watch import RuleWatch  # most runs name no families, and a quick boot should stay quick

    return RuleWatch(schema, scenario.rules.families, check)
