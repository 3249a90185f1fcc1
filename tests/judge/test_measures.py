"""Measured figures, held to limits and to approved values."""

from __future__ import annotations

from typing import Any

import pytest

from harness.console.types import Line, LineFlag
from harness.judge.measures import Gauge
from harness.judge.verdict import Check, CheckStatus
from harness.markers.parser import MarkerParser
from harness.markers.schema import PLAN
from harness.scenario.measuring import Measure

SNAPSHOT = "RAYOS_SOAK:METRICS_SNAPSHOT"


def _judged(*lines: str, **step: Any) -> Check:
    gauge = Gauge(Measure(name="m", of=SNAPSHOT, **{"field": "latency_us", **step}))
    parser = MarkerParser(PLAN)
    for number, text in enumerate(lines, 1):
        for marker in parser.feed(Line(number, 0, number * 100, text.encode(), text, 0, LineFlag.NONE, ())):
            gauge.feed(marker)
    check = Check(0, "measure", "m")
    gauge.judge(check)
    return check


def _latencies(*values: int) -> list[str]:
    return [f"{SNAPSHOT}:10:2000:{value}:60" for value in values]


def test_a_figure_within_its_limits_is_met() -> None:
    check = _judged(*_latencies(90, 100, 110), at_least=100, at_most=100)
    assert check.status is CheckStatus.MET
    assert check.evidence == [{"figure": 100.0, "values": 3, "approved": None}]


@pytest.mark.parametrize("limits", [{"at_least": 100.5}, {"at_most": 99.5}])
def test_a_figure_outside_its_limits_is_broken(limits: dict[str, float]) -> None:
    assert _judged(*_latencies(90, 100, 110), **limits).status is CheckStatus.BROKEN


@pytest.mark.parametrize(("value", "met"), [(100, True), (102, True), (98, True), (103, False), (97, False)])
def test_a_stored_figure_has_a_tolerance_on_both_sides(value: int, met: bool) -> None:
    check = _judged(*_latencies(value), stored=True, approved=100.0, tolerance=2.0)
    assert (check.status is CheckStatus.MET) is met


def test_a_figure_that_nobody_approved_is_not_met() -> None:
    check = _judged(*_latencies(100), stored=True)
    assert check.status is CheckStatus.BROKEN
    assert "--update-goldens" in check.reason


def test_nothing_to_measure_is_not_met() -> None:
    assert _judged(at_most=5.0).status is CheckStatus.BROKEN


def test_other_markers_and_untrusted_ones_are_not_measured() -> None:
    check = _judged("RAYOS_SOAK:START:1:1", *_latencies(100), f"run {SNAPSHOT}:1:1:900:60 now", at_most=100)
    assert check.status is CheckStatus.MET


def test_a_field_can_be_given_by_its_place() -> None:
    assert _judged(*_latencies(100), field=2, at_least=100, at_most=100).status is CheckStatus.MET


def test_a_matching_marker_without_a_number_there_is_told() -> None:
    check = _judged(*_latencies(100), field=9, at_most=1000)
    assert check.status is CheckStatus.BROKEN
    assert "no number" in check.reason
