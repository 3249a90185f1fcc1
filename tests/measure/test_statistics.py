"""One figure from a series."""

from __future__ import annotations

from typing import get_args

import pytest

from harness.measure.kinds import Statistic
from harness.measure.statistics import figure, percentile


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("count", 5), ("distinct", 3), ("sum", 30), ("first", 2), ("last", 10), ("min", 2), ("max", 10), ("mean", 6),
        ("median", 6), ("p90", 10), ("p99", 10), ("slope", 1.6), ("spread", 8),
    ],
)  # fmt: skip
def test_each_statistic_of_a_known_series(statistic: Statistic, expected: float) -> None:
    assert figure(statistic, [2, 6, 6, 6, 10]) == pytest.approx(expected)


def test_every_statistic_is_told_apart_from_nothing() -> None:
    for statistic in get_args(Statistic):
        found = figure(statistic, [])
        assert found == 0.0 if statistic in {"count", "distinct", "sum"} else found is None


def test_percentiles_are_nearest_rank() -> None:
    values = [float(v) for v in range(1, 101)]
    assert [percentile(values, p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert percentile([7.0], 50) == 7.0


def test_one_value_does_not_grow() -> None:
    assert figure("slope", [5]) == 0.0
