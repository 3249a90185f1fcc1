"""The journal of a campaign: which runs were planned, begun and finished, so that a killed one can be resumed.

`DIR/campaign.jsonl` holds one JSON object a line, appended as it happens: `{"seq", "utc", "kind", ...}`. It appears
whole, with the plan in it, or not at all; each line after that is on the disk before what it tells of goes on. A kill
at any byte costs at most the last line, which then is no event.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from harness.errors import UsageError

SCHEMA = 1
FILE = "campaign.jsonl"


class Unit(NamedTuple):
    """One run of a campaign: scenario *item* of the plan, played for the *turn*-th time (from 0)."""

    item: int
    turn: int


@dataclass(slots=True)
class Progress:
    """What a campaign's journal tells of its runs; paths of bundles are absolute."""

    begun: dict[Unit, Path] = field(default_factory=dict)  # begun and not finished: the harness was killed
    finished: dict[Unit, dict[str, Any]] = field(default_factory=dict)  # the data of `run.end`


class CampaignJournal:
    """The open journal of one campaign, which belongs to this process until `close`."""

    def __init__(self, folder: Path, lock: int, descriptor: int, events: list[dict[str, Any]]) -> None:
        """Use `create` or `resume`."""
        self.folder = folder
        self._lock = lock
        self._fd = descriptor
        self._next = len(events)
        self._head = events[0]
        self.plan: list[dict[str, Any]] = list(self._head["plan"])
        self.options: dict[str, Any] = dict(self._head["options"])
        self.progress = _progress(folder, events)

    @classmethod
    def create(cls, folder: Path, options: Mapping[str, Any], plan: Sequence[Mapping[str, Any]]) -> Self:
        """Begin a campaign in *folder*.

        :raises UsageError: if there is one already, another process works on it, or the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the campaign's folder {folder}: {error.strerror}") from error
        lock = _locked(folder)
        try:
            if (folder / FILE).exists():
                raise UsageError(
                    f"there is a campaign in {folder} already", f"finish it with --resume {folder}, or name another"
                )
            head = {"schema": SCHEMA, "options": dict(options), "plan": [dict(item) for item in plan]}
            line = _line(0, "campaign.begin", head)
            temporary = folder / f"{FILE}.tmp"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            _write(descriptor, line)
            temporary.rename(folder / FILE)
            os.fsync(lock)
            return cls(folder, lock, descriptor, [json.loads(line)])
        except OSError as error:
            os.close(lock)
            raise UsageError(f"cannot write the campaign's journal in {folder}: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """Take up the campaign in *folder*.

        :raises UsageError: if there is none, another process works on it, or its journal is damaged.
        """
        lock = _locked(folder)
        try:
            events, whole = read(folder / FILE)
            descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            os.ftruncate(descriptor, whole)  # half a line is no event, and the next one begins a line of its own
            return cls(folder, lock, descriptor, events)
        except OSError as error:
            os.close(lock)
            raise UsageError(f"cannot write {folder / FILE}: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise

    def begin(self, unit: Unit, bundle: Path) -> None:
        """The run is about to begin; its evidence will be in *bundle*, which is not there yet."""
        self.append("run.begin", **unit._asdict(), bundle=self.named(bundle))

    def end(self, unit: Unit, bundle: Path, result: Mapping[str, Any]) -> None:
        """The run has ended and is judged."""
        self.append("run.end", **unit._asdict(), bundle=self.named(bundle), **result)

    def append(self, kind: str, **data: Any) -> None:
        """Write one event; it is on the disk when this returns (2 ms).

        :raises OSError: if it cannot be written.
        """
        _write(self._fd, _line(self._next, kind, data))
        self._next += 1

    def close(self) -> None:
        """Give the campaign back; calling it twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            os.close(self._lock)
            self._fd = self._lock = -1

    def named(self, bundle: Path) -> str:
        """Relative to the folder where it lies in there: a campaign can be moved as a whole."""
        return str(bundle.relative_to(self.folder) if bundle.is_relative_to(self.folder) else bundle)


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole events of a campaign's journal, and how many bytes they take.

    :raises UsageError: if it is missing, or damaged elsewhere than in its last line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"there is no campaign in {path.parent}", "begin one: harness run SCENARIO… --campaign DIR"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    events: list[dict[str, Any]] = []
    whole = 0
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        event = _parsed(line)
        if event is None or event.get("seq") != number - 1:
            if number < len(lines):
                raise UsageError(f"{path}:{number}: the journal is damaged", "runs that it tells of would be lost")
            break
        events.append(event)
        whole += len(line)
    if not events or events[0].get("kind") != "campaign.begin" or events[0].get("schema") != SCHEMA:
        raise UsageError(f"{path} is not the journal of a campaign that this harness can read")
    return events, whole


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _progress(folder: Path, events: Sequence[Mapping[str, Any]]) -> Progress:
    progress = Progress()
    for event in events:
        if event["kind"] not in {"run.begin", "run.end", "run.torn", "run.failed"}:
            continue
        unit = Unit(event["item"], event["turn"])
        progress.begun.pop(unit, None)
        if event["kind"] == "run.begin":
            progress.begun[unit] = folder / event["bundle"]
        elif event["kind"] == "run.end" and not event["interrupted"]:
            progress.finished[unit] = {**event, "bundle": str(folder / event["bundle"])}
    return progress


def _line(seq: int, kind: str, data: Mapping[str, Any]) -> bytes:
    utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"seq": seq, "utc": utc, "kind": kind, **data}, separators=(",", ":")).encode("ascii") + b"\n"


def _write(descriptor: int, line: bytes) -> None:
    written = 0
    while written < len(line):
        written += os.write(descriptor, line[written:])
    os.fsync(descriptor)


def _locked(folder: Path) -> int:
    """A lock on the folder for as long as this process lives.

    :raises UsageError: if another process holds it, or there is no such folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"there is no campaign in {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"another harness is at work on the campaign in {folder}", "wait for its end, or stop it"
        ) from None
    return descriptor
