"""Holds the marker stream to the rules of the families that the scenario names."""

from __future__ import annotations

from collections.abc import Iterable

from harness.console.safe import safe
from harness.judge.verdict import Check, CheckStatus
from harness.markers.rules import RuleSet, Violation
from harness.markers.schema import Schema
from harness.markers.types import Marker

_LISTED = 50  # violations kept as evidence: a guest that breaks a rule on every line must not fill the verdict


class RuleWatch:
    """Writes violations to *check*; each method returns the first one of the run, when it has just come."""

    def __init__(self, schema: Schema, families: tuple[str, ...], check: Check) -> None:
        self._rules = RuleSet(schema, families)
        self._check = check

    def feed(self, marker: Marker) -> Violation | None:
        return self._take(self._rules.feed(marker))

    def new_boot(self) -> Violation | None:
        return self._take(self._rules.new_epoch())

    def finish(self) -> Violation | None:
        return self._take(self._rules.finish())

    def _take(self, violations: Iterable[Violation]) -> Violation | None:
        first = None
        for violation in violations:
            if self._check.status is not CheckStatus.BROKEN:
                self._check.status, self._check.reason, first = CheckStatus.BROKEN, violation.what, violation
            if len(self._check.evidence) < _LISTED:
                text = safe(violation.marker.text, 200) if violation.marker is not None else ""
                self._check.evidence.append({"rule": violation.rule, "what": violation.what, "text": text})
        return first
