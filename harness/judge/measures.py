"""Collects the values that the `measure` steps look at, and judges their figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.judge.verdict import Check, CheckStatus
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.measure.statistics import figure
from harness.scenario.measuring import Measure

VALUES = 1_000_000  # kept of one measure: 4 guest hours of 60 markers a second


class Gauge:
    """One `measure` step and what it has seen."""

    def __init__(self, step: Measure) -> None:
        self.step = step
        self._pattern = Pattern.parse(step.of)
        self._values: list[float] = []
        self._odd = ""  # a matching marker without a number there

    def forget(self) -> None:
        """The search begins here."""
        self._values.clear()
        self._odd = ""

    def feed(self, marker: Marker) -> None:
        if len(self._values) >= VALUES or not marker.trusted or not self._pattern.match_marker(marker):
            return
        value = self._value(marker)
        if value is None:
            self._odd = self._odd or marker.text
        else:
            self._values.append(value)

    def _value(self, marker: Marker) -> float | None:
        field = self.step.field
        if field == "":
            return 0.0
        found = marker.values.get(field) if isinstance(field, str) else None
        if isinstance(field, int):
            try:
                return float(marker.args[field])
            except (IndexError, ValueError):
                return None
        return float(found) if isinstance(found, (int, float)) else None

    @property
    def figure(self) -> float | None:
        """The figure so far."""
        return figure(self.step.statistic, self._values)

    def approve(self, figure: float) -> None:
        """Somebody looked at *figure* and took it as right (`--update-goldens`)."""
        self.step = replace(self.step, approved=figure)

    def judge(self, check: Check) -> str:
        """Settle *check*; the reason where it is broken, else ""."""
        step, value = self.step, self.figure
        said = f"{step.statistic} of {step.field or step.of}"
        if self._odd:
            reason = f"{self._odd} has no number in {step.field!r}"
        elif value is None:
            reason = f"no {step.of} came to measure"
        else:
            reason = next(self._broken(value, said), "")
        check.status = CheckStatus.BROKEN if reason else CheckStatus.MET
        check.reason = reason
        check.evidence.append({"figure": value, "values": len(self._values), "approved": step.approved})
        return reason

    def _broken(self, value: float, said: str) -> Iterator[str]:
        step = self.step
        if step.at_least is not None and value < step.at_least:
            yield f"{said} is {value:g}, less than {step.at_least:g}"
        if step.at_most is not None and value > step.at_most:
            yield f"{said} is {value:g}, more than {step.at_most:g}"
        if not step.stored:
            return
        if step.approved is None:
            yield f"{said} is {value:g}, and no figure is stored: approve one with --update-goldens"
        elif abs(value - step.approved) > abs(step.approved) * step.tolerance / 100:
            off = f"{(value / step.approved - 1) * 100:+.1f} %" if step.approved else "not 0"
            yield f"{said} is {value:g}, {off} of the approved {step.approved:g} (tolerance {step.tolerance:g} %)"
