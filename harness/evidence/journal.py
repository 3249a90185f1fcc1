"""The append-only journal: everything that happened in a run, one JSON object a line.

An event is `{"seq", "host_ns", "kind", ...}`: `seq` counts from 0 without gaps, `host_ns` is monotonic since the
start of the
run, `guest_us` (where known) is guest time. A journal that was cut at any byte reads up to its last whole event.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One journal event; `data` holds all keys besides the envelope."""

    seq: int
    host_ns: int
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    guest_us: int | None = None

    def to_json(self) -> str:
        envelope: dict[str, Any] = {"seq": self.seq, "host_ns": self.host_ns, "kind": self.kind}
        if self.guest_us is not None:
            envelope["guest_us"] = self.guest_us
        envelope.update(self.data)
        return json.dumps(envelope, ensure_ascii=True, separators=(",", ":"))


_ENVELOPE = frozenset({"seq", "host_ns", "kind", "guest_us"})


class Journal:
    """Writes events to `journal.jsonl` and hands each to its listeners in order.

    Every event is one `write` of one whole line to the operating system, so that the death of the harness loses
    nothing that was appended; `sync` makes it survive the death of the host.
    """

    def __init__(self, path: Path, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._clock_ns = clock_ns
        self._start_ns = clock_ns()
        self._next = 0
        self._listeners: list[Callable[[Event], None]] = []

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Go on with a journal whose writer was killed (or begin one); half a last line is cut off.

        :raises OSError: if it cannot be read or written.
        """
        last, count, whole = 0, 0, 0
        if path.exists():
            for last_event in read_events(path):
                last, count = last_event.host_ns, count + 1
            with path.open("rb") as stream:
                whole = sum(len(line) for _, line in zip(range(count), stream, strict=False))
        journal = cls(path)
        os.ftruncate(journal._fd, whole)
        journal._start_ns -= last
        journal._next = count
        return journal

    def now_ns(self) -> int:
        """Nanoseconds since the run began."""
        return self._clock_ns() - self._start_ns

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call *listener* with each event after it was written."""
        self._listeners.append(listener)

    def append(self, kind: str, *, guest_us: int | None = None, host_ns: int | None = None, **data: Any) -> Event:
        """Write one event. Values must be JSON; bytes are the caller's to encode."""
        event = Event(self._next, self.now_ns() if host_ns is None else host_ns, kind, data, guest_us)
        line = event.to_json().encode("ascii") + b"\n"
        written = os.write(self._fd, line)
        while written < len(line):
            written += os.write(self._fd, line[written:])
        self._next += 1
        for listener in self._listeners:
            listener(event)
        return event

    def sync(self) -> None:
        """Force what was written to the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Sync and close; calling it twice is fine."""
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1


def read_events(path: Path) -> Iterator[Event]:
    """The whole events of a journal, in order; a torn last line is left out.

    :raises OSError: if the file cannot be read.
    """
    with path.open("rb") as stream:
        for expected, line in enumerate(stream):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not isinstance(record, dict) or record.get("seq") != expected:
                return
            yield Event(
                record["seq"],
                record["host_ns"],
                record["kind"],
                {k: v for k, v in record.items() if k not in _ENVELOPE},
                record.get("guest_us"),
            )
