"""Dialogue with a login prompt or a shell: pexpect on the console's own stream, without a second reader of the port."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.spawnbase import SpawnBase

from harness.console.pump import Console
from harness.console.regex import compile_regex
from harness.console.safe import safe
from harness.console.types import Chunk
from harness.errors import TargetLost, UsageError

_BACKLOG = 1 << 20  # bytes kept while nobody expects anything; the oldest go first
# bytes pexpect takes at once; it searches only the last _WINDOW characters, so a read must be shorter than that
_READ = 4096
_WINDOW = 2 * _READ
_BEFORE = 64 * 1024  # characters before a match that are kept

Expected = str | type[EOF] | type[TIMEOUT]


class DialogueTimeoutError(Exception):
    """None of the patterns came in time. The text says what did."""


class Dialogue:
    """pexpect's `expect` and `sendline` as coroutines, from the unanswered text on the console's last line on.

    :param newline: what `sendline` ends a line with; the Enter key of a serial terminal sends CR, which firmware
        insists on.
    """

    def __init__(self, console: Console, *, newline: str = "\r") -> None:
        self._console = console
        self._newline = newline
        self._feed = _Feed()
        self._spawn = _Spawn(self._feed.take)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="dialogue")

    async def __aenter__(self) -> Self:
        self._feed.put(self._console.unfinished)
        self._console.on_chunk.append(self._on_chunk)
        self._console.on_end.append(self._feed.end)
        if self._console.ended:
            self._feed.end()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._console.on_chunk.remove(self._on_chunk)
        self._console.on_end.remove(self._feed.end)
        self._feed.abort()
        self._pool.shutdown(wait=False)

    @property
    def before(self) -> str:
        """What came before the last match, its last 64 Ki characters at least; after a timeout, all that came."""
        return _text(self._spawn.before)

    @property
    def after(self) -> str:
        """What matched last; empty after EOF or TIMEOUT."""
        return _text(self._spawn.after)

    @property
    def dropped(self) -> int:
        """Bytes that came while nobody expected anything and were too many to keep."""
        return self._feed.dropped

    async def expect(self, patterns: Sequence[Expected], timeout: float) -> int:
        """Wait for the first match; returns the index of its pattern. Cancelling it gives the stream back unharmed.

        :param patterns: regular expressions (`.` matches newlines too) with a longest match, or pexpect's `EOF` and
            `TIMEOUT`.
        :param timeout: seconds of host time.
        :raises DialogueTimeoutError: unless TIMEOUT is among the patterns.
        :raises harness.errors.TargetLost: if the console ends, unless EOF is among the patterns.
        :raises harness.errors.UsageError: for a pattern that can match nothing or has no longest match.
        """
        compiled = [compile_regex(p, bounded=True) if isinstance(p, str) else p for p in patterns]
        if not compiled:
            raise UsageError("a dialogue must expect something")
        self._feed.resume()
        work = asyncio.get_running_loop().run_in_executor(
            self._pool, self._spawn.expect_list, compiled, max(timeout, 0.0)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self._feed.abort()
            await asyncio.wait({work})
            work.exception()
            raise
        except TIMEOUT:
            raise DialogueTimeoutError(
                f"within {timeout:g} s there was no match for {_names(patterns)}; {self._last()}"
            ) from None
        except EOF:
            raise TargetLost(
                f"the console ended while a dialogue waited for {_names(patterns)}; {self._last()}"
            ) from None

    async def send(self, text: str) -> None:
        """Send *text* as it is.

        :raises harness.errors.TargetLost: if the other end is gone.
        """
        await self._console.write(text.encode())

    async def sendline(self, text: str = "") -> None:
        """Send *text* and a line end."""
        await self.send(text + self._newline)

    def _on_chunk(self, chunk: Chunk) -> None:
        self._feed.put(chunk.data)

    def _last(self) -> str:
        before = self.before.rstrip()
        return f"the last that came: {safe(before[-200:], 200)!r}" if before else "nothing came at all"


class _AbortedError(Exception):
    """The dialogue was cancelled while its thread waited."""


class _Feed:
    """The bytes on their way from the event loop to the worker thread: bounded, never blocks the loop."""

    def __init__(self) -> None:
        self.dropped = 0
        self._data = bytearray()
        self._ended = False
        self._aborted = False
        self._changed = threading.Condition()

    def put(self, data: bytes) -> None:
        with self._changed:
            self._data += data
            if len(self._data) > _BACKLOG:
                self.dropped += len(self._data) - _BACKLOG
                del self._data[:-_BACKLOG]
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def abort(self) -> None:
        with self._changed:
            self._aborted = True
            self._changed.notify()

    def resume(self) -> None:
        with self._changed:
            self._aborted = False

    def take(self, size: int, timeout: float | None) -> bytes:
        """Up to *size* bytes, waiting for the first one. Called in the worker thread."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._data:
                if self._aborted:
                    raise _AbortedError
                if self._ended:
                    raise EOF("the console ended")
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TIMEOUT("nothing more came")
                self._changed.wait(left)
            if self._aborted:
                raise _AbortedError
            data = bytes(self._data[:size])
            del self._data[:size]
            return data


class _Spawn(SpawnBase):  # type: ignore[type-arg] # generic only in its type stubs
    """pexpect's expect loop over a function that reads."""

    _before: Any  # private to pexpect, missing in its type stubs
    _decoder: Any
    buffer_type: Any

    def __init__(self, take: Callable[[int, float | None], bytes]) -> None:
        super().__init__(
            timeout=None, maxread=_READ, searchwindowsize=_WINDOW, encoding="utf-8", codec_errors="replace"
        )
        self.delayafterread = None
        self._take = take

    def read_nonblocking(self, size: int = 1, timeout: float | None = None) -> str:
        text: str = self._decoder.decode(self._take(size, timeout), False)
        if self._before.tell() > 2 * _BEFORE:  # pexpect would keep all that came before a match
            tail = self._before.getvalue()[-_BEFORE:]
            self._before = self.buffer_type()
            self._before.write(tail)
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _names(patterns: Sequence[Expected]) -> str:
    return ", ".join(repr(p) if isinstance(p, str) else p.__name__ for p in patterns)
