"""One measured figure, always beside a reference from the same run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """`value` in `unit`; `reference` is what it is compared with, in the same unit; `ratio` = value / reference."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    against: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.reference else self.value / self.reference

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["ratio"] = self.ratio
        return data

    def line(self) -> str:
        beside = (
            f"   {self.against}: {self.reference:.4g} {self.unit}, ratio {self.ratio:.3g}"
            if self.ratio is not None
            else ""
        )
        return f"{self.name:<52}{self.value:>12.4g} {self.unit:<10}{beside}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which *share* (0 to 1) of them lie, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
