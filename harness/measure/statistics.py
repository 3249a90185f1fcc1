"""One figure from a series of values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import get_args

from harness.measure.kinds import Statistic


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least *percent* % of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _slope(values: Sequence[float]) -> float:
    """Growth from one value to the next, by least squares; a single value does not grow."""
    if len(values) < 2:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


_OF: dict[str, Callable[[Sequence[float]], float]] = {
    "count": len,
    "distinct": lambda values: len(set(values)),
    "sum": math.fsum,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "median": statistics.median,
    "p90": lambda values: percentile(values, 90),
    "p99": lambda values: percentile(values, 99),
    "slope": _slope,
    "spread": lambda values: max(values) - min(values),
}
if set(_OF) != set(get_args(Statistic)):
    raise AssertionError("every statistic has its function")


def figure(statistic: Statistic, values: Sequence[float]) -> float | None:
    """*statistic* of *values*; None where there are no values to take it from (a count is 0 then)."""
    if not values and statistic not in {"count", "distinct", "sum"}:
        return None
    return float(_OF[statistic](values))
