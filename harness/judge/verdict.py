"""What the judge says: findings, checks with their evidence, and the verdict of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from harness.verdicts import Verdict


class CheckStatus(StrEnum):
    """State of one check of the scenario."""

    PENDING = "pending"
    MET = "met"
    BROKEN = "broken"
    NOT_REACHED = "not-reached"
    SKIPPED = "skipped"  # the target cannot do it, and the scenario can do without


@dataclass(slots=True)
class Check:
    """One thing the scenario asked to be true. `evidence` holds where and what was seen, ready for JSON."""

    step: int | None
    kind: str  # expect, frame, exit, command, input, rule, forbid
    what: str
    status: CheckStatus = CheckStatus.PENDING
    reason: str = ""
    evidence: list[dict[str, Any]] = field(default_factory=list)
    by_sight: bool = False  # broken by something that came, not by something missing


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that decides: the earliest finding in journal order is the first cause.

    `cause` is a stable word for machines (`frame-mismatch`, `triple-fault`, `deadline`), `what` a sentence for people.
    """

    verdict: Verdict
    cause: str
    what: str
    seq: int
    step: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """The judged run. `to_json` is what `verdict.json` holds; it depends on the bundle alone, never on when it was
    judged.
    """

    verdict: Verdict
    first_cause: Finding | None
    findings: list[Finding]
    checks: list[Check]
    fingerprint: str | None
    frames_checked: int
    markers: int
    markers_lost: int
    epochs: int
    guest_s: float | None
    host_s: float
    interrupted: bool
    notes: list[str]
    faults: list[dict[str, Any]] = field(default_factory=list)  # the table of what was injected and what followed
    recovery: dict[str, Any] | None = None  # of all faults together, None where none were planned

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        findings = [Finding(**{**found, "verdict": Verdict(found["verdict"])}) for found in data["findings"]]
        checks = [Check(**{**check, "status": CheckStatus(check["status"])}) for check in data["checks"]]
        first = findings[0] if data["first_cause"] else None
        verdict = Verdict(data["verdict"])
        return cls(**{**data, "verdict": verdict, "first_cause": first, "findings": findings, "checks": checks})

    def to_json(self) -> dict[str, Any]:
        out = asdict(self)
        for finding in [*out["findings"], *([out["first_cause"]] if out["first_cause"] else [])]:
            finding["verdict"] = str(finding["verdict"])
        for check in out["checks"]:
            check["status"] = str(check["status"])
        out["verdict"] = str(self.verdict)
        return out
