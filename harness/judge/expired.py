"""A wait that ended unmet, explained: by the post mortem, and by what the console is known not to have delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.evidence.journal import Event
from harness.judge.console_watch import ConsoleWatch
from harness.judge.hang import classify
from harness.judge.verdict import Finding
from harness.verdicts import Verdict


def expired(
    timeout: Event, waited_for: str, sample: Mapping[str, Any] | None, console: ConsoleWatch, full_at: int | None
) -> Finding:
    """The finding of the `step.end` event *timeout*.

    :param sample: the post mortem, None if there was none.
    :param full_at: bytes at which the serial log was full, None while it has room.
    """
    verdict, cause, what = classify(console.activity.expiry(waited_for, timeout, console.stream), sample)
    if console.lost and not console.trust.lossy and verdict in {Verdict.FAIL, Verdict.HANG}:
        what = f"{what}; the line lost {console.lost} sealed markers"
        verdict, cause = Verdict.INCONCLUSIVE, "line-loss"
    if full_at is not None and cause in {"expectation", "silent", "silent-idle"}:
        what = f"{what}; the serial log was full at {full_at} bytes, and what came after that was not looked at"
        verdict, cause = Verdict.INCONCLUSIVE, "serial-cap"
    return Finding(verdict, cause, what, timeout.seq, int(timeout.data["index"]), dict(sample or {}))
