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
