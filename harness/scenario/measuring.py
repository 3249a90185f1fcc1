"""The step that holds a measured figure to a limit or to a stored value, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from harness.measure.kinds import Statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure over markers: the `statistic` of one `field` of all markers that match `of`, since `since`.

    `field` is the name that the marker's schema gives it, or its place among the tokens after the event, from 0; a
    `count` needs none. The figure must lie within `at_least` … `at_most`, or, with `stored`, within `tolerance`
    percent of the approved one in `values/<scenario>.toml`. Waits for nothing: it looks at what has come.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    do: Literal["measure"] = "measure"
    name: str
    of: str
    field: str | int = ""
    statistic: Statistic = "mean"
    at_least: float | None = None
    at_most: float | None = None
    stored: bool = False
    tolerance: float = 2.0
    approved: float | None = None  # the stored figure; the loader fills it in
    since: Literal["action", "boot", "start"] = "boot"
