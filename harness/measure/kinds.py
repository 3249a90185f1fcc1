"""The names of the statistics; what they compute is in `harness.measure.statistics`, which takes a while to import."""

from __future__ import annotations

from typing import Literal

Statistic = Literal[
    "count", "distinct", "sum", "first", "last", "min", "max", "mean", "median", "p90", "p99", "slope", "spread"
]
