"""Plays a scenario with a plan, and says what came of it in the few words that a campaign needs."""

from __future__ import annotations

import gc
import shutil
from dataclasses import dataclass, replace
from typing import Any

from harness.campaign.batch import run_planned
from harness.engine.options import BatchOptions, Planned
from harness.scenario.faulting import Plan
from harness.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Trial:
    """One run to make. `label` is the seed, or the place in a sweep."""

    label: str
    item: Planned
    plan: Plan
    options: BatchOptions


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a trial. `cause` is the first cause's word, `what` its sentence; `faults` the table of firings."""

    label: str
    plan: Plan
    verdict: Verdict
    cause: str
    what: str
    fingerprint: str | None
    faults: list[dict[str, Any]]
    bundle: str
    host_s: float
    qemu: str  # its version

    @property
    def failed(self) -> bool:
        """Whether the product did wrong; what the host or the plan could not do is no vote."""
        return self.verdict in (Verdict.FAIL, Verdict.CRASH, Verdict.HANG, Verdict.NONDETERMINISM)

    @property
    def signature(self) -> tuple[str, str]:
        """By what two failures are the same one."""
        return str(self.verdict), self.cause


def play_trial(trial: Trial) -> Played:
    """Play it. The evidence of a run that passed is removed.

    :raises KeyboardInterrupt: if it was interrupted.
    """
    item = replace(trial.item, scenario=replace(trial.item.scenario, faults=trial.plan))
    outcome = run_planned([item], trial.options).runs[0][1]
    if outcome is None:
        raise ValueError("a skipped scenario was to be played")
    verdict = outcome.verdict
    if verdict.interrupted:
        raise KeyboardInterrupt
    first = verdict.first_cause
    qemu = str(outcome.bundle.read_json("manifest.json").get("target", {}).get("qemu", ""))
    if verdict.verdict is Verdict.PASS:
        shutil.rmtree(outcome.bundle.path, ignore_errors=True)
    gc.collect()  # as between the runs of a batch
    return Played(
        label=trial.label,
        plan=trial.plan,
        verdict=verdict.verdict,
        cause=first.cause if first is not None else "",
        what=first.what if first is not None else "",
        fingerprint=verdict.fingerprint,
        faults=verdict.faults,
        bundle=str(outcome.bundle.path),
        host_s=verdict.host_s,
        qemu=qemu,
    )
