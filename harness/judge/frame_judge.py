"""What the evaluator asks of whoever looks at pictures."""

from __future__ import annotations

from typing import Any, Protocol

from harness.evidence.journal import Event
from harness.markers.types import Marker
from harness.scenario.steps import CheckFrame


class FrameJudge(Protocol):
    """Judges one captured frame. Kept behind a protocol so that a run without frames imports no numerics."""

    def observe(self, event: Event) -> None:
        """See every journal event that shapes the scene (commands, replies)."""
        ...

    def observe_marker(self, marker: Marker) -> None:
        """See every marker (confirmed input)."""
        ...

    def judge(self, step: CheckFrame, event: Event) -> tuple[str, str, dict[str, Any]]:
        """Frame verdict word, reason sentence, details, for the `frame` event of *step*.

        :raises harness.errors.LabError: if nothing can be said.
        """
        ...

    def prove(self, event: Event) -> tuple[str, str, dict[str, Any]] | None:
        """What is wrong with the frames of a `proof` or `proof.bad` event: stable word, sentence, details.

        :raises harness.errors.LabError: if nothing can be said.
        """
        ...

    @property
    def proved(self) -> tuple[int, int, str]:
        """Frames proved so far in this run, number of the last of this boot, digest of them all."""
        ...
