"""What our own faults did to the serial line: a marker that did not come may have been the line's, not the guest's."""

from __future__ import annotations

from harness.evidence.journal import Event


class BadLine:
    """Counts `line.*` events; `said` tells of them, empty while the line has been a good one."""

    def __init__(self) -> None:
        self._changed = 0
        self._lost = 0
        self._bad = False

    def take(self, event: Event) -> None:
        """Take a `line.bad`, `line.damage` or `line.good` event."""
        if event.kind == "line.damage":
            self._changed += len(event.data["changed"])
            self._lost += len(event.data["lost"])
        else:
            self._bad = event.kind == "line.bad"

    @property
    def said(self) -> str:
        if self._changed or self._lost:
            return f"a fault of ours had changed {self._changed} bytes of the serial line and lost {self._lost} by then"
        return "a fault of ours held the serial line" if self._bad else ""
