"""SIGINT and SIGTERM as events: of a run, of a campaign, of both at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from harness.verdicts import EXIT_INTERRUPTED


@dataclass(slots=True)
class _Signals:
    """Who wants to hear of the signals of one event loop, outermost first, and what came so far."""

    hear: list[Callable[[str], object]] = field(default_factory=list)
    hurry: Callable[[], None] | None = None
    came: list[str] = field(default_factory=list)

    def note(self, number: int) -> None:
        name = signal.Signals(number).name
        self.came.append(name)
        if len(self.came) == 1:
            for tell in self.hear:
                tell(name)
        elif len(self.came) == 2 and self.hurry is not None:
            self.hurry()
        else:
            os._exit(EXIT_INTERRUPTED)


_current: ContextVar[_Signals | None] = ContextVar("signals", default=None)  # of a loop's tasks, not of other threads


@contextmanager
def interruptions(tell: Callable[[str], object], hurry: Callable[[], None] | None = None) -> Iterator[None]:
    """The first SIGINT or SIGTERM calls *tell* with its name, so that what is under way ends in order.

    Where it is used inside of itself (a run inside a campaign), each *tell* is called, the outermost first. The outer
    begins nothing more after its *tell*: nobody tells what comes later. A second signal calls the outermost's *hurry*,
    or ends the process where there is none; a third one always does.
    """
    outer = _current.get()
    if outer is not None:
        outer.hear.append(tell)
        try:
            yield
        finally:
            outer.hear.remove(tell)
        return
    signals = _Signals([tell], hurry)
    token = _current.set(signals)
    loop = asyncio.get_running_loop()
    installed: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        with suppress(ValueError, RuntimeError):  # not in the main thread: the caller handles signals
            loop.add_signal_handler(number, signals.note, number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
        _current.reset(token)


def end_what_is_under_way(name: str) -> None:
    """Tell all but the outermost that *name* ends them, as a signal would: a deadline, which is no signal."""
    signals = _current.get()
    for tell in list(signals.hear[1:]) if signals is not None else ():
        tell(name)
