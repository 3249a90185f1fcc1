"""Campaigns as processes of their own: a test follows the journal, kills the harness, sees what stays."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from asyncinotify import Inotify, Mask

from harness.evidence.bundle import Bundle
from harness.evidence.campaign import read
from harness.evidence.journal import read_events
from harness.judge.rejudge import recorded, rejudge

from .live_harness import PATIENCE, ROOT, Ended, Harnesses, LiveHarness

SHORT = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_KIT:DESKTOP"]\nsince = "start"\n'
FRAMES = '[[step]]\ndo = "command"\nsend = ["create id=1 x=9 y=9 w=90 h=90 color=3a6ea5", "frames n=30"]\n'
NEVER = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'


class Campaign:
    """A campaign in a folder of its own, on an image of its own (which a test may change)."""

    def __init__(self, harnesses: Harnesses, name: str = "campaign") -> None:
        self.harnesses = harnesses
        self.folder = harnesses.folder / name
        self.journal = self.folder / "campaign.jsonl"
        self.image = harnesses.folder / "image/own.toml"
        if not self.image.exists():
            shutil.copytree(ROOT / "images/reference", self.image.parent, ignore=shutil.ignore_patterns("*.o", "*.d"))
            text = (self.image.parent / "reference.toml").read_text()
            self.image.write_text(text.replace('name = "reference"', 'name = "own"', 1))
        self.files: list[Path] = []

    def add(self, name: str, steps: str = SHORT) -> None:
        """One more scenario."""
        self.files.append(self.harnesses.scenario(steps, name, str(self.image)))

    @property
    def names(self) -> list[str]:
        return [file.stem for file in self.files]

    def start(self, *options: str) -> LiveHarness:
        """Begin it, or go on with it."""
        if self.journal.exists():
            return self.harnesses.start("run", "--resume", self.folder, "--json", *options)
        words = ("--campaign", self.folder, "--repeat-share", "0")
        return self.harnesses.start("run", *self.files, *words, "--json", *options)

    def events(self) -> list[dict[str, Any]]:
        """The whole events of the campaign's journal, none before there is one."""
        return read(self.journal)[0] if self.journal.exists() else []

    def bundles(self, name: str = "") -> list[Path]:
        """The bundles of all runs, or of one scenario's."""
        return sorted((self.folder / "runs").glob(f"*-{name}-*" if name else "*"))

    def guests(self, name: str = "") -> list[int]:
        """Process ids of every QEMU that a run of this campaign, or of one scenario, ever started."""
        return [
            event.data["pid"]
            for bundle in self.bundles(name)
            if (bundle / "journal.jsonl").exists()
            for event in read_events(bundle / "journal.jsonl")
            if event.kind == "target.start"
        ]

    @contextmanager
    def _changes(self, live: LiveHarness) -> Iterator[select.poll]:
        """Readable when the campaign's folder or the harness has done something."""
        self.folder.mkdir(exist_ok=True)
        with Inotify() as inotify:
            os.set_blocking(inotify.fd, False)
            inotify.add_watch(self.folder, Mask.CREATE | Mask.MOVED_TO | Mask.MODIFY)
            poll = select.poll()
            poll.register(inotify.fd, select.POLLIN)
            poll.register(live.ended, select.POLLIN)
            self._drain = lambda: os.read(inotify.fd, 1 << 16)
            yield poll

    def until(self, live: LiveHarness, events: int) -> None:
        """Return when the journal has so many events, or the harness has ended."""
        end = time.monotonic() + PATIENCE
        with self._changes(live) as poll:
            while len(self.events()) < events and live.process.poll() is None:
                assert time.monotonic() < end, self.events()
                poll.poll(PATIENCE * 1000)
                with suppress(BlockingIOError):
                    self._drain()

    def until_in_flight(self, lives: LiveHarness, count: int, name: str = "") -> None:
        """Return when so many runs, or runs of one scenario, wait in their `expect` step."""
        end = time.monotonic() + PATIENCE * 2  # 20 at once on two cores
        with Inotify() as inotify:
            os.set_blocking(inotify.fd, False)
            self.until(lives, 1 + count)
            for bundle in self._begun(count, name, inotify, end):
                inotify.add_watch(bundle, Mask.CREATE | Mask.MODIFY)
            while sum(map(_waiting, self.bundles(name))) < count:
                assert lives.process.poll() is None, lives.process.communicate()
                assert time.monotonic() < end, (self.events(), [_kinds(bundle) for bundle in self.bundles()])
                select.select([inotify.fd], [], [], end - time.monotonic())
                with suppress(BlockingIOError):
                    os.read(inotify.fd, 1 << 16)

    def _begun(self, count: int, name: str, inotify: Inotify, end: float) -> list[Path]:
        runs = self.folder / "runs"
        runs.mkdir(exist_ok=True)
        inotify.add_watch(runs, Mask.CREATE)
        while len(self.bundles(name)) < count:
            assert time.monotonic() < end, "not all of them began"
            select.select([inotify.fd], [], [], end - time.monotonic())
            with suppress(BlockingIOError):
                os.read(inotify.fd, 1 << 16)
        return self.bundles(name)

    # ---- what has to be true -----------------------------------------------------------------------------------------

    def kill(self, live: LiveHarness) -> None:
        """kill -9: the journal can be read, and no QEMU and no worker stays."""
        live.signal(signal.SIGKILL)
        live.process.communicate(timeout=PATIENCE)
        live.until_childless()
        for pid in self.guests():
            assert not _is_qemu(pid), f"QEMU {pid} outlived the harness"
        self.events()

    def check_whole(self, ended: Ended, live: LiveHarness) -> None:
        """The campaign is complete: each scenario told once, each run finished once, each bundle known."""
        assert ended.code == 0, (ended.stderr, self.events())
        assert [run["scenario"] for run in ended.document["runs"]] == self.names
        assert {run["verdict"] for run in ended.document["runs"]} == {"PASS"}
        events = self.events()
        finished = Counter(event["item"] for event in events if event["kind"] == "run.end" and not event["interrupted"])
        assert finished == dict.fromkeys(range(len(self.files)), 1)
        done: set[int] = set()
        for event in events:
            if event["kind"] == "run.begin":
                assert event["item"] not in done, f"{event['item']} was played again"
            elif event["kind"] == "run.end" and not event["interrupted"]:
                done.add(event["item"])
        begun = {self.folder / event["bundle"] for event in events if event["kind"] == "run.begin"}
        torn = {self.folder / event["bundle"] for event in events if event["kind"] == "run.torn"}
        assert set(self.bundles()) == begun, "a bundle that the journal does not know, or the other way round"
        for path in begun:
            bundle = Bundle.open(path)
            verdict = rejudge(bundle, recorded(bundle)[0])
            assert verdict.to_json() == bundle.read_json("verdict.json")
            if path in torn:
                assert verdict.first_cause is not None
                assert verdict.first_cause.cause == "harness-died"
        assert live.run_directories() == []
        assert live.children() == []


def _kinds(bundle: Path) -> list[str]:
    file = bundle / "journal.jsonl"
    return [bundle.name, *(f"{event.kind} {event.data}"[:150] for event in list(read_events(file))[-3:])]


def _waiting(bundle: Path) -> bool:
    try:
        return b'"kind":"step.begin","index":1' in (bundle / "journal.jsonl").read_bytes()
    except OSError:
        return False


def _is_qemu(pid: int) -> bool:
    try:
        return b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
