"""The journal of a search, `DIR/bisect.jsonl`: what was asked for, each image, each run. A search can be resumed.

Each event is on the disk before what follows from it is done; half a last line is no event.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
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

    def __init__(self, folder: Path, lock: int, *, made: bool = False) -> None:
        """Use `create` or `resume`; *made*: the folder is new, and goes again if no search is begun in it."""
        self.folder = folder
        self._lock, self._made = lock, made
        self._journal: Journal | None = None
        self.events: list[Event] = list(read_events(folder / FILE)) if (folder / FILE).exists() else []

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Take *folder*, which is made, for a new search; nothing is written before `begin`.

        :raises UsageError: if there is one already, or anything else, or the folder cannot be written.
        """
        try:
            made = not folder.exists()
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
        return cls(folder, lock, made=made)

    def begin(self, options: Mapping[str, Any]) -> None:
        """Begin the search; git is told to ignore the folder.

        :raises UsageError: if the folder cannot be written.
        """
        try:
            (self.folder / _IGNORED).write_text("*\n")
            self.append("bisect.begin", schema=SCHEMA, options=dict(options))
        except OSError as error:
            raise UsageError(f"cannot write to the folder {self.folder}: {error.strerror}") from error

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
        if self._journal is None:
            self._journal = Journal.reopen(self.folder / FILE)
        self.events.append(self._journal.append(kind, **data))
        self._journal.sync()

    def close(self) -> None:
        """Give the search back; calling it twice is fine."""
        if self._lock >= 0:
            if self._journal is not None:
                self._journal.close()
            if self._made and not self.events:
                with suppress(OSError):  # somebody has put something there
                    self.folder.rmdir()
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
