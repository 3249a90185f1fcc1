"""Plays a search's scenario on one of its images: the profile says how to boot it, the image's file takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.bisect.evidence import Ran
from harness.bisect.slots import Made
from harness.bisect.source import Image, Source
from harness.campaign.batch import plan, require_images, run_planned
from harness.campaign.pool import Job, Worker
from harness.engine.options import BatchOptions, Planned
from harness.engine.run import RunOutcome
from harness.errors import HarnessError, UsageError
from harness.evidence.bundle import Bundle
from harness.judge.facts import GuestFacts, by_host
from harness.report.pages import write_pages
from harness.scenario.model import Scenario
from harness.targets.profile import Profile

Doing = Callable[[int, int, str], None]
"""(slot, image, "building", "running" or "" for no more), from the slot's thread."""


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
        """:raises UsageError: for a scenario that is of several guests or skipped, or an image that is of no use."""
        if scenario.several:
            raise UsageError(f"{scenario.name} is of several guests; bisect boots one", "give a scenario of one guest")
        self._scenario, self.options = scenario, options
        self._item = plan([scenario], options)[0] if options.image or scenario.image else None
        if skip := (self._item.scenario if self._item is not None else scenario).skip:
            raise UsageError(f"{scenario.name} is skipped: {skip}", "take a scenario that is played")
        if self._item is not None:
            with_file(self._item.profile, Path())  # what it boots can be replaced

    def reproducible(self, first: Path | None) -> bool:
        """Whether its runs are a function of the image; *first* is one, if there is."""
        item = self._item or (self.planned(Image(first)) if first is not None else None)
        if item is None:
            return False
        told = by_host(item.scenario, item.profile)
        return GuestFacts.of(item.profile, item.clock, None, by_host=told).reproducible

    def __call__(self, number: int, image: Image) -> Ran:
        """Play it in this process, with a bundle of its own."""
        result = run_planned([self.planned(image)], self.options)
        outcome = result.runs[0][1]
        if outcome is None:
            raise UsageError(f"{self._scenario.name} is skipped: {self._scenario.skip}", "take a scenario that runs")
        if not outcome.verdict.interrupted:
            write_pages(outcome)
        return _ran(number, image, outcome)

    def planned(self, image: Image) -> Planned:
        """The scenario on *image*, which has a file.

        :raises UsageError: if the profile has no place for it.
        """
        assert image.file is not None
        if self._item is None:
            return plan([replace(self._scenario, image=str(image.file.absolute()))], self.options)[0]
        return replace(self._item, profile=with_file(self._item.profile, image.file))


class SlotMaker:
    """One slot of a search: builds what *source* builds in *slot*, and plays it in a worker process of its own."""

    def __init__(self, slot: int, source: Source, player: Player, doing: Doing) -> None:
        self._slot, self._source, self._player, self._doing = slot, source, player, doing
        self._runner = asyncio.Runner()
        self._worker = Worker("harness.cli.worker")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def __call__(self, number: int) -> Made:
        self._loop = self._runner.get_loop()
        try:
            self._doing(self._slot, number, "building")
            image = self._source.image(number, self._slot)
            if image.file is None or self._stopped:
                return Made(image)
            self._doing(self._slot, number, "running")
            try:
                return Made(image, self._play(number, image))
            except HarnessError as error:
                return Made(image, error=error)
        finally:
            self._doing(self._slot, number, "")

    def _play(self, number: int, image: Image) -> Ran:
        planned, options = self._player.planned(image), self._player.options
        if planned.scenario.skip:
            raise UsageError(f"{planned.scenario.name} is skipped: {planned.scenario.skip}", "take one that runs")
        require_images([planned], options)
        path = Bundle.choose(options.runs_dir, planned.scenario.name)
        return _ran(number, image, self._runner.run(self._worker.play(Job(planned, options, path))).outcome)

    def stop(self) -> None:
        self._stopped = True
        self._source.stop()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._worker.stop, "SIGINT")

    def close(self) -> None:
        self._runner.run(self._worker.close())
        self._runner.close()


def _ran(number: int, image: Image, outcome: RunOutcome) -> Ran:
    verdict = outcome.verdict
    first = verdict.first_cause
    cause = f"{first.cause}: {first.what}" if first is not None else ""
    path = str(outcome.bundle.path)
    return Ran(number, image.digest, path, str(verdict.verdict), cause, verdict.interrupted)
