"""The journal of a search, `DIR/bisect.jsonl`: what was asked for, each image, each run. A search can be resumed.

Each event is on the disk before what follows from it is done; half a last line is no event.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from harness.errors import UsageError
from harness.evidence.journal import Event, Journal, read_events

SCHEMA = 1
FILE = "bisect.jsonl"
_IGNORED = ".gitignore"
_BEGUN = {FILE, _IGNORED}  # what there may be of a search that has not begun


class SearchJournal:
    """The open journal of one search, which belongs to this process until `close`."""

    def __init__(self, folder: Path, lock: int) -> None:
        """Use `create` or `resume`."""
        self.folder = folder
        self._lock = lock
        self.events: list[Event] = list(read_events(folder / FILE)) if (folder / FILE).exists() else []
        self._journal = Journal.reopen(folder / FILE)

    @classmethod
    def create(cls, folder: Path, options: Mapping[str, Any]) -> Self:
        """Begin a search in *folder*, which is made, and which git is told to ignore.

        :raises UsageError: if there is one already, or anything else, or the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder)
        except OSError as error:
            raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
        if (folder / FILE).exists() and any(True for _ in read_events(folder / FILE)):
            os.close(lock)
            raise UsageError(
                f"there is a search in {folder} already", f"finish it with --resume {folder}, or name another folder"
            )
        if any(entry.name not in _BEGUN for entry in folder.iterdir()):
            os.close(lock)
            raise UsageError(
                f"there is something else in {folder}", "name a new folder: the search cleans up in its own"
            )
        (folder / _IGNORED).write_text("*\n")
        journal = cls(folder, lock)
        journal.append("bisect.begin", schema=SCHEMA, options=dict(options))
        return journal

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """Take up the search in *folder*.

        :raises UsageError: if there is none that this harness can read.
        """
        if not (folder / FILE).is_file():
            raise UsageError(f"there is no search in {folder}", "begin one: harness bisect … --dir DIR")
        journal = cls(folder, _locked(folder))
        if not journal.events or journal.events[0].data.get("schema") != SCHEMA:
            journal.close()
            raise UsageError(f"{folder / FILE} is not the journal of a search that this harness can read")
        return journal

    @property
    def options(self) -> dict[str, Any]:
        """What the search was begun with."""
        return dict(self.events[0].data["options"]) if self.events else {}

    def append(self, kind: str, **data: Any) -> None:
        """Write one event; it is on the disk when this returns."""
        self.events.append(self._journal.append(kind, **data))
        self._journal.sync()

    def close(self) -> None:
        """Give the search back; calling it twice is fine."""
        if self._lock >= 0:
            self._journal.close()
            os.close(self._lock)
            self._lock = -1


def _locked(folder: Path) -> int:
    """:raises UsageError: if another process works in *folder*."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(f"another harness is at work in {folder}", "wait for its end, or stop it") from None
    return descriptor
