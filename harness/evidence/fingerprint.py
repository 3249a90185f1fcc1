"""Digest of what a guest did: markers, guest-printed times and frames, up to the last rendezvous or the guest's own
end.

Never host times, paths, picture files, or what came after the decision to stop.
"""

from __future__ import annotations

import hashlib


class Fingerprint:
    """Folds records in order; `cut` remembers the value so far, and only what was before the last cut counts."""

    def __init__(self) -> None:
        self._running = hashlib.sha256()
        self._at_cut: str | None = None

    def marker(self, epoch: int, text: str) -> None:
        """Add a marker's canonical text."""
        self._add("M", str(epoch), text)

    def frame(self, name: str, digest: str) -> None:
        """Add a frame by the digest of its pixels."""
        self._add("F", name, digest)

    def fault(self, name: str, done: str) -> None:
        """Add a fault that was injected, and what was done."""
        self._add("X", name, done)

    def cut(self) -> None:
        """The guest reached an instant that it defines itself (rendezvous, exit)."""
        self._at_cut = self._running.hexdigest()[:32]

    @property
    def value(self) -> str | None:
        """32 hex digits, or None before the first cut."""
        return self._at_cut

    def _add(self, *fields: str) -> None:
        record = "\x1f".join(f.replace("\x1f", " ").replace("\x1e", " ") for f in fields) + "\x1e"
        self._running.update(record.encode("utf-8", "surrogatepass"))


class Trace(Fingerprint):
    """A fingerprint that keeps what it is made of, so that two of them can be compared."""

    def __init__(self) -> None:
        super().__init__()
        self._all: list[tuple[str, ...]] = []
        self._kept = 0

    def cut(self) -> None:
        super().cut()
        self._kept = len(self._all)

    @property
    def records(self) -> list[tuple[str, ...]]:
        """What counts, in order: `("M", epoch, text)` for a marker, `("F", name, digest)` for a frame."""
        return self._all[: self._kept]

    def _add(self, *fields: str) -> None:
        super()._add(*fields)
        self._all.append(fields)
