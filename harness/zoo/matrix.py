"""The detection matrix: which defect was caught by which detector, and whether its cause was named right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.verdicts import PRODUCT, Verdict
from harness.zoo.model import Defect
from harness.zoo.play import Seen


@dataclass(frozen=True, slots=True)
class Row:
    """One defect and what its detectors said, in the order of the detectors."""

    defect: Defect
    seen: tuple[Seen, ...]

    @property
    def caught_by(self) -> list[str]:
        """Detectors whose verdict blames the product. INCONCLUSIVE catches nothing."""
        return [seen.cell.detector for seen in self.seen if is_alarm(seen)]

    @property
    def starved(self) -> bool:
        """Nobody caught it, and a detector's every run was one that the host starved: neither caught nor missed."""
        return not self.caught_by and any(seen.starved for seen in self.seen)

    @property
    def right(self) -> bool:
        """Whether the first detector that caught it names the right first cause."""
        first = next((seen for seen in self.seen if is_alarm(seen)), None)
        return first is not None and re.match(self.defect.cause, first.cause) is not None


def is_alarm(seen: Seen) -> bool:
    """Whether the run blames the product."""
    return Verdict(seen.verdict) in PRODUCT


def rows(defects: Iterable[Defect], seen: Iterable[Seen]) -> list[Row]:
    """The runs by defect."""
    by_defect: dict[str, list[Seen]] = {}
    for one in seen:
        by_defect.setdefault(one.cell.defect, []).append(one)
    return [Row(defect, tuple(by_defect.get(defect.name, ()))) for defect in defects]


def document(matrix: list[Row], clean: list[Seen], host_s: float) -> dict[str, Any]:
    """What `harness zoo --json` prints."""
    wrong = [row for row in matrix if row.caught_by and not row.right]
    alarms = [seen for seen in clean if seen.verdict != Verdict.PASS]
    return {
        "defects": len(matrix),
        "caught": sum(bool(row.caught_by) for row in matrix),
        "right_cause": sum(row.right for row in matrix),
        "clean_runs": len(clean),
        "false_alarms": len(alarms),
        "missed": [row.defect.name for row in matrix if not row.caught_by and not row.starved],
        "starved": [row.defect.name for row in matrix if row.starved],
        "wrong_cause": [row.defect.name for row in wrong],
        "alarms": [_seen(seen) for seen in alarms],
        "matrix": [
            {
                "defect": row.defect.name,
                "class": row.defect.kind,
                "late": row.defect.late,
                "caught_by": row.caught_by,
                "right_cause": row.right,
                "runs": [_seen(seen) for seen in row.seen],
            }
            for row in matrix
        ],
        "host_s": round(host_s, 1),
    }


def _seen(seen: Seen) -> dict[str, Any]:
    cell = seen.cell
    return {
        "detector": cell.detector, "image": cell.image, "seed": cell.seed,
        "verdict": seen.verdict, "first_cause": seen.cause or None, "bundle": seen.bundle,
    }  # fmt: skip
