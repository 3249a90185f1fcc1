"""The table of faults of a run: what was injected, when it was noticed and recovered from, by what evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.words import clip

_SHOWN = 200  # rows; a verdict holds no more


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One firing; times as text, empty where there was none."""

    name: str
    kind: str
    victims: str
    phase: str
    at: str
    detected: str
    recovered: str
    evidence: list[str]
    good: bool


@dataclass(frozen=True, slots=True)
class FaultView:
    """The rows that are shown, and the sentence about all of them."""

    rows: list[FaultRow]
    told: str


def fault_view(faults: Sequence[Mapping[str, Any]], recovery: Mapping[str, Any] | None) -> FaultView | None:
    """What the page shows of the faults of a verdict; None where none were planned."""
    if recovery is None:
        return None
    return FaultView([_row(fault) for fault in faults[:_SHOWN]], told(recovery))


def told(recovery: Mapping[str, Any]) -> str:
    """Of a run's faults together, as one line."""
    injected, recovered = int(recovery["injected"]), int(recovery["recovered"])
    text = f"{injected} injected, {recovered} recovered from"
    if recovery["p99_us"] is None:
        return text
    times = ", ".join(f"{key} {_seconds(int(recovery[f'{key}_us']))}" for key in ("p50", "p99", "most"))
    return f"{text} ({times})"


def _row(fault: Mapping[str, Any]) -> FaultRow:
    base = fault["at"] if fault["undone"] is None else fault["undone"]
    return FaultRow(
        name=clip(f"{fault['name']} #{fault['n']}", 100),
        kind=clip(fault["kind"], 40),
        victims=", ".join(map(str, fault["ids"])),
        phase=clip(fault["phase"], 80),
        at=_seconds(fault["at"]),
        detected="" if fault["detected"] is None else f"+{_seconds(max(0, fault['detected'] - fault['at']))}",
        recovered="" if fault["recovered"] is None else f"+{_seconds(max(0, fault['recovered'] - base))}",
        evidence=[clip(text, 160) for text in fault["evidence"][:6]],
        good=fault["recovered"] is not None,
    )


def _seconds(us: int) -> str:
    return f"{us / 1e6:.6f} s"
