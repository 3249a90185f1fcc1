"""A finished run's bundle, or any serial log, played back as a target: a console that was, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from harness.console.recording import RecordingPort, file_chunks, recorded_chunks
from harness.errors import UsageError
from harness.evidence.journal import Journal, read_events
from harness.targets.base import RECORDING_ENDED, Capability, TargetExit


class GatedPort:
    """A recording that begins to play at `go`: nothing of it may pass before somebody waits for it."""

    def __init__(self, port: RecordingPort) -> None:
        self._port = port
        self._open = asyncio.Event()
        self.ended = asyncio.Event()
        self.played = False  # to its end, not closed before

    def go(self) -> None:
        self._open.set()

    def stamp_ns(self) -> int:
        """Recorded host time of the bytes read last; see `RecordingPort`."""
        return self._port.stamp_ns()

    async def read(self) -> bytes:
        await self._open.wait()
        data = await self._port.read()
        if not data:
            self.played = self.played or not self.ended.is_set()
            self.ended.set()
        return data

    async def write(self, data: bytes) -> None:
        """:raises harness.errors.UsageError: always."""
        await self._port.write(data)

    def unread(self) -> int:
        return self._port.unread()

    async def close(self) -> None:
        await self._port.close()
        self._open.set()
        self.ended.set()


class RecordingTarget:
    """One playback of a bundle's folder or a log file; see `harness.targets.base.Target`.

    :raises UsageError: if there is no such recording.
    """

    def __init__(self, path: Path) -> None:
        self._serial = path / "serial.bin" if path.is_dir() else path
        self._events = path / "journal.jsonl" if path.is_dir() else None
        for file in (self._serial, self._events):
            if file is not None and not file.is_file():
                raise UsageError(f"{path} is no recording: no {file.name} there", "give a run's bundle or a serial log")
        self._path = path
        chunks = file_chunks(path) if self._events is None else recorded_chunks(self._serial, read_events(self._events))
        self._console = GatedPort(RecordingPort(chunks, str(path)))

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset()

    @property
    def console(self) -> GatedPort:
        return self._console

    @property
    def control(self) -> None:
        """A recording answers no commands."""
        return None

    @property
    def proof(self) -> None:
        """Nor does it wait for anybody."""
        return None

    @property
    def qmp(self) -> None:
        """A recording has none."""
        return None

    def addresses(self) -> Mapping[str, str]:
        return {}

    async def start(self, journal: Journal) -> None:
        """Writes `target.start`."""
        journal.append("target.start", target="recording", path=str(self._path.absolute()))

    async def go(self) -> None:
        """Begin to play."""
        self._console.go()

    async def reset(self) -> None:
        """:raises UsageError: always."""
        raise UsageError(f"{self.name} is a recording and cannot be reset")

    async def relaunch(self, *, cut: bool = False, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """:raises UsageError: always."""
        raise UsageError(f"{self.name} is a recording and cannot be started again")

    async def postmortem(self) -> Mapping[str, Any]:
        """There is nothing to look at but the console."""
        return {}

    async def wait_exit(self) -> TargetExit:
        """Return once all was played. A recording ends as it was meant to: `asked` is true."""
        await self._console.ended.wait()
        return TargetExit(None, asked=True, shutdown_reason=RECORDING_ENDED if self._console.played else None)

    async def stop(self) -> TargetExit:
        """End the playback where it is. Calling it twice is fine."""
        await self._console.close()
        return TargetExit(None, asked=True)
