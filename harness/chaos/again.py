"""Plays what a repro file holds, and compares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.campaign.batch import plan, run_planned
from harness.chaos.repro import Repro
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.evidence.bundle import sha256_file
from harness.targets.needs import require
from harness.verdicts import EXIT_LAB, Verdict


@dataclass(slots=True)
class Again:
    """A run of a repro file. `reproduced` is None where the run says nothing of the guest."""

    outcome: RunOutcome
    reproduced: bool | None
    sentence: str
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return EXIT_LAB if self.reproduced is None else 0 if self.reproduced else 1


def play_again(repro: Repro, image: str | None, runs_dir: Path) -> Again:
    """Play it once.

    :raises UsageError: for an image that is not there.
    """
    options = BatchOptions(runs_dir=runs_dir, image=image or repro.image)
    item = plan([repro.scenario], options)[0]
    if repro.words:
        boot = item.profile.boot
        words = f"{boot.cmdline} {repro.words}".strip()
        item = replace(item, profile=replace(item.profile, boot=replace(boot, cmdline=words)))
    require(item.profile)
    outcome = run_planned([item], options).runs[0][1]
    if outcome is None:
        raise UsageError(f"the scenario {repro.scenario.name} is skipped")
    kernel = item.profile.boot.kernel
    same_image = kernel is None or sha256_file(kernel) == repro.kernel_sha256
    qemu = str(outcome.bundle.read_json("manifest.json").get("target", {}).get("qemu", ""))
    return _compared(repro, outcome, same_image=same_image, qemu=qemu)


def _compared(repro: Repro, outcome: RunOutcome, *, same_image: bool, qemu: str) -> Again:
    verdict = outcome.verdict
    cause = verdict.first_cause.cause if verdict.first_cause is not None else ""
    notes = [] if same_image else ["the image is another than that of the file: its fingerprint is not compared"]
    if qemu != repro.qemu:
        notes.append(f"QEMU is {qemu}, it was {repro.qemu}: the fingerprint is not compared")
    if verdict.verdict is Verdict.INCONCLUSIVE and repro.verdict != verdict.verdict:
        return Again(outcome, None, "inconclusive: this run says nothing of the guest", notes)
    if (str(verdict.verdict), cause) != (repro.verdict, repro.cause):
        was = f"{repro.verdict} ({repro.cause})"
        return Again(outcome, False, f"not reproduced: it was {was}, and is {verdict.verdict} {cause}".rstrip(), notes)
    if not notes and verdict.fingerprint != repro.fingerprint:
        what = f"the fingerprint was {repro.fingerprint}, and is {verdict.fingerprint}"
        return Again(outcome, False, f"not reproduced: the same verdict, but {what}", notes)
    return Again(outcome, True, "reproduced: the same verdict" + ("" if notes else ", the same fingerprint"), notes)
