"""The command line as a process of its own: a test follows its journal as it is written, and finds its every child.

What the harness starts inherits a word in the environment; whoever bears that word after the end was left behind.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncinotify import Inotify, Mask

from harness.evidence.journal import Event, read_events

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # s that anything here may take on a crowded host; a test waits so long only where it fails
_WORD = "HARNESS_TEST_WORD"


@dataclass(frozen=True)
class Ended:
    """What a finished harness left to read."""

    code: int
    stdout: str
    stderr: str
    seconds: float  # from the last signal (or the start) to the end

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; anything beside it is an error."""
        found = json.loads(self.stdout)
        assert isinstance(found, dict)
        return found


class LiveHarness:
    """`harness ARGUMENTS` on its way."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        folder: Path,
        runtime: Path,
        env: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        self.runs = folder / "runs"
        self.runtime = runtime
        self.word = secrets.token_hex(8)
        self._known = set(self.runs.iterdir()) if self.runs.is_dir() else set()
        self._inotify = Inotify()
        os.set_blocking(self._inotify.fd, False)
        self.runs.mkdir(exist_ok=True)
        self._inotify.add_watch(self.runs, Mask.CREATE)
        self._watched: set[Path] = set()
        self._since = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-P", "-m", "harness.cli.main", *map(str, arguments)],
            cwd=folder,
            env={
                **os.environ,
                "HARNESS_RUNS_DIR": str(self.runs),
                "XDG_RUNTIME_DIR": str(runtime),
                "PYTHONPATH": str(ROOT),
                _WORD: self.word,
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._pidfd = os.pidfd_open(self.process.pid)

    # ---- while it runs -------------------------------------------------------------------------------------------

    @property
    def bundle(self) -> Path:
        """The bundle of this harness's one run."""
        (path,) = self._bundles()
        return path

    def events(self) -> list[Event]:
        """The whole events of its journal so far; none before there is one."""
        return [
            event
            for path in self._bundles()
            if (path / "journal.jsonl").is_file()
            for event in read_events(path / "journal.jsonl")
        ]

    def until(self, condition: Callable[[list[Event]], bool], within: float = PATIENCE) -> list[Event]:
        """The journal as soon as *condition* holds for it. Woken by every write; fails if the harness ends before."""
        poll = select.poll()
        poll.register(self._inotify.fd, select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        end = time.monotonic() + within
        while True:
            over = bool(select.select([self._pidfd], [], [], 0)[0])
            self._watch_new()
            seen = self.events()
            if condition(seen):
                return seen
            assert not over, f"the harness ended first: {self.process.communicate()}; {_brief(seen)}"
            left = end - time.monotonic()
            assert left > 0, f"waited in vain; the journal: {_brief(seen)}"
            poll.poll(left * 1000)
            with suppress(BlockingIOError):
                os.read(self._inotify.fd, 1 << 16)

    def until_event(self, kind: str, **data: Any) -> Event:
        """The first event of *kind* with these values."""

        def fits(event: Event) -> bool:
            return event.kind == kind and all(event.data.get(key) == value for key, value in data.items())

        return next(filter(fits, self.until(lambda seen: any(map(fits, seen)))))

    def until_text(self, text: str) -> None:
        """Return once the console has shown *text*."""
        self.until(
            lambda seen: (
                bool(seen) and text.encode() in (self.bundle / "serial.bin").read_bytes()
                if self._has_serial()
                else False
            )
        )

    def qemu(self) -> int:
        """Process id of its QEMU, once it is up."""
        return int(self.until_event("target.start").data["pid"])

    def signal(self, number: int) -> None:
        self._since = time.monotonic()
        self.process.send_signal(number)

    @property
    def ended(self) -> int:
        """A descriptor that is readable once it has ended."""
        return self._pidfd

    # ---- its end -------------------------------------------------------------------------------------------------

    def finish(self, within: float = PATIENCE) -> Ended:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=within)
        return Ended(self.process.returncode, stdout, stderr, time.monotonic() - self._since)

    def children(self) -> list[int]:
        """Process ids of everything that it started and that lives, zombies not counted; itself left out."""
        return [pid for pid in _bearers(self.word) if pid != self.process.pid]

    def until_childless(self, within: float = PATIENCE) -> None:
        """Return once nothing that it started lives; the kernel kills after the parent's death, not before."""
        end = time.monotonic() + within
        while children := self.children():
            for pid in children:
                with suppress(ProcessLookupError):
                    pidfd = os.pidfd_open(pid)
                    try:
                        readable, _, _ = select.select([pidfd], [], [], max(0.0, end - time.monotonic()))
                        assert readable, f"process {pid} outlived the harness: {_command(pid)}"
                    finally:
                        os.close(pidfd)

    def run_directories(self) -> list[Path]:
        """What runs have left in the private runtime place."""
        return list(self.runtime.glob("rayos-harness-*/*"))

    def close(self) -> None:
        """End it and all that it started, however the test ended."""
        if self.process.poll() is None:
            self.process.kill()
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()
        os.close(self._pidfd)
        self._inotify.close()

    # ---- inside --------------------------------------------------------------------------------------------------

    def _bundles(self) -> list[Path]:
        return sorted(set(self.runs.iterdir()) - self._known) if self.runs.is_dir() else []

    def _has_serial(self) -> bool:
        bundles = self._bundles()
        return bool(bundles) and (bundles[0] / "serial.bin").is_file()

    def _watch_new(self) -> None:
        for path in self._bundles():
            if path not in self._watched:
                self._watched.add(path)
                self._inotify.add_watch(path, Mask.CREATE | Mask.MODIFY)


def _bearers(word: str) -> Iterator[int]:
    """Living processes with *word* in their environment."""
    needle = f"{_WORD}={word}".encode()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):  # gone meanwhile, or somebody else's
                if needle in (path / "environ").read_bytes().split(b"\0"):
                    yield int(path.name)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:200]
    except OSError:
        return "(gone)"


def _brief(events: list[Event]) -> str:
    return ", ".join(f"{event.kind} {event.data}"[:100] for event in events[-8:]) or "(empty)"


class Harnesses:
    """Starts harness processes for one test and clears up after them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Not in the test's own folder: the path of a unix socket has at most 107 bytes.
        self.runtime = Path(tempfile.mkdtemp(prefix="harness-test-"))
        self._started: list[LiveHarness] = []

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> LiveHarness:
        """`harness ARGUMENTS`, in the test's folder, its bundles in `runs/` there."""
        started = LiveHarness(arguments, self.folder, self.runtime, env or {}, prefix)
        self._started.append(started)
        return started

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Ended:
        """The same to its end."""
        return self.start(*arguments, env=env, prefix=prefix).finish()

    def scenario(self, text: str, name: str = "test", image: str = "reference") -> Path:
        """A scenario file with these steps."""
        path = self.folder / f"{name}.toml"
        path.write_text(f'version = 1\nname = "{name}"\nimage = "{image}"\n{text}')
        return path

    def close(self) -> None:
        for started in self._started:
            started.close()
        shutil.rmtree(self.runtime, ignore_errors=True)
