"""What leads a run that is one of several, or that a program plays step by step: it says when each step is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from harness.evidence.journal import Journal


class Conductor(Protocol):
    """The view that one run has of whoever plays several of them together. It takes the signals to the process too."""

    def began(self, journal: Journal) -> None:
        """The run has its journal; nothing has been started."""
        ...

    async def turn(self, index: int) -> bool:
        """Return once step *index* is due; False: no further step is to be played. Asked once more after the last."""
        ...
