"""SIGINT and SIGTERM as events of a run."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.evidence.journal import Journal
from harness.verdicts import EXIT_INTERRUPTED


@contextmanager
def interruptions(journal: Journal) -> Iterator[None]:
    """SIGINT and SIGTERM become an event of the run, so that it ends in order; a second one ends it at once."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def note(number: int) -> None:
        if seen:
            os._exit(EXIT_INTERRUPTED)
        seen.append(number)
        journal.append("run.interrupted", signal=signal.Signals(number).name)

    installed: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        with suppress(ValueError, RuntimeError):  # not in the main thread: the caller handles signals
            loop.add_signal_handler(number, note, number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
