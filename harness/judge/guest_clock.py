"""Guest time and rendezvous, read from the markers that tell of them (docs/protocol.md)."""

from __future__ import annotations

from harness.markers.types import Marker

_DIGITS = 19  # of the largest number that 64 bits hold


class GuestClock:
    """`ready_seq` and `now_us` are those of the last rendezvous of this boot, None before it; `total_us` adds up
    over boots.
    """

    def __init__(self) -> None:
        self.ready_seq: int | None = None
        self.now_us: int | None = None
        self.total_us: int | None = None

    def take(self, marker: Marker) -> bool:
        """Whether *marker* is a rendezvous; then the clock is set by it."""
        if marker.family != "CONTROL" or marker.event != "READY" or not marker.trusted or len(marker.args) != 2:
            return False
        if not all(a.isdecimal() and len(a) <= _DIGITS for a in marker.args):
            return False
        self.ready_seq, now = int(marker.args[0]), int(marker.args[1])
        before = self.now_us if self.now_us is not None and self.now_us <= now else 0
        self.total_us = now if self.total_us is None else self.total_us + now - before
        self.now_us = now
        return True

    def total_at(self, us: int) -> int:
        """The time *us* of this boot, added up over boots."""
        return (self.total_us or 0) - (self.now_us or 0) + us

    def new_boot(self) -> None:
        """The guest boots again and counts from zero."""
        self.ready_seq = self.now_us = None
