"""Plays a search's scenario on one of its images: the profile says how to boot it, the image's file takes its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.bisect.evidence import Ran
from harness.bisect.source import Image
from harness.engine.batch import BatchOptions, Planned, plan, run_planned
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.judge.facts import GuestFacts
from harness.report.pages import write_pages
from harness.scenario.model import Scenario
from harness.targets.profile import Profile


def with_file(profile: Profile, file: Path) -> Profile:
    """*profile* with *file* in the place of what it boots: kernel, disk, ISO, EFI program or firmware."""
    boot = profile.boot
    match boot.shape:
        case "kernel":
            boot = replace(boot, kernel=file, symbols=None)
        case "disk" if boot.disk is not None:
            boot = replace(boot, disk=replace(boot.disk, file=file))
        case "cdrom":
            boot = replace(boot, cdrom=file)
        case "uefi" if boot.esp is not None:
            boot = replace(boot, esp=file)
        case "firmware":
            return replace(profile, machine=replace(profile.machine, bios=str(file)))
        case _:
            raise UsageError(
                f"the image {profile.name} boots nothing that one file could take the place of",
                "give a profile that boots a kernel, a disk, an ISO or an EFI directory",
            )
    return replace(profile, boot=boot)


class Player:
    """Plays one scenario on many images.

    :param image: the profile; None: the scenario's, and without one each file by itself.
    """

    def __init__(self, scenario: Scenario, options: BatchOptions) -> None:
        """:raises UsageError: for a scenario that is of several guests, or an image that is not known."""
        if scenario.several:
            raise UsageError(f"{scenario.name} is of several guests; bisect boots one", "give a scenario of one guest")
        self._scenario, self._options = scenario, options
        self._item = plan([scenario], options)[0] if options.image or scenario.image else None

    def reproducible(self, first: Path | None) -> bool:
        """Whether its runs are a function of the image; *first* is one, if there is."""
        item = self._item or (self._planned(first) if first is not None else None)
        if item is None:
            return False
        by_host = item.scenario.faults is not None and item.scenario.faults.by_host
        return GuestFacts.of(item.profile, item.clock, None, by_host=by_host).reproducible

    def __call__(self, number: int, image: Image) -> Ran:
        assert image.file is not None
        result = run_planned([self._planned(image.file)], self._options)
        outcome = result.runs[0][1]
        if outcome is None:
            raise UsageError(f"{self._scenario.name} is skipped: {self._scenario.skip}", "take a scenario that runs")
        if not outcome.verdict.interrupted:
            write_pages(outcome)
        return _ran(number, image, outcome)

    def _planned(self, file: Path) -> Planned:
        if self._item is None:
            return plan([replace(self._scenario, image=str(file.absolute()))], self._options)[0]
        return replace(self._item, profile=with_file(self._item.profile, file))


def _ran(number: int, image: Image, outcome: RunOutcome) -> Ran:
    verdict = outcome.verdict
    first = verdict.first_cause
    cause = f"{first.cause}: {first.what}" if first is not None else ""
    path = str(outcome.bundle.path)
    return Ran(number, image.digest, path, str(verdict.verdict), cause, verdict.interrupted)
