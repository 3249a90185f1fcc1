"""A child process whose end is an event, and whose last words are kept. `harness.targets.spawn` starts it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.errors import LabError
from harness.targets.spawn import Spawned, spawn
from harness.timeouts import TIMEOUTS, host

TAIL = 16 * 1024  # bytes of output that are kept; QEMU's complaints are a line or two


class Tail:
    """The last bytes of a pipe that is always drained."""

    def __init__(self, descriptor: int, limit: int = TAIL, on_data: Callable[[bytes], None] | None = None) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._limit = limit
        self._data = bytearray()
        self._on_data = on_data
        asyncio.get_running_loop().add_reader(descriptor, self.pull)

    def pull(self) -> bytes:
        """Take what is there now, and return all that is kept."""
        for _ in range(64):  # a writer that never stops must not hold the event loop
            if self._descriptor < 0:
                break
            try:
                piece = os.read(self._descriptor, 65536)
            except BlockingIOError:
                break
            if not piece:
                self.close()
                break
            if self._on_data is not None:
                self._on_data(piece)
            self._data += piece
            del self._data[: -self._limit]
        return bytes(self._data)

    def close(self) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


class ChildProcess:
    """One child in a process group of its own. It gets SIGKILL when the *thread* that spawned it ends."""

    def __init__(self, spawned: Spawned) -> None:
        """Must run in the event loop's thread, as all that follows."""
        self._popen, self.argv = spawned.popen, spawned.argv
        self._output = Tail(spawned.output)
        self._pidfd = os.pidfd_open(self._popen.pid)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    @classmethod
    def spawn(cls, argv: Sequence[str], *, pass_fds: Sequence[int] = (), env: Mapping[str, str] | None = None) -> Self:
        """Start *argv*: see `harness.targets.spawn.spawn`."""
        return cls(spawn(argv, pass_fds=pass_fds, env=env))

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """As in subprocess: negative for a signal; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    @property
    def output(self) -> str:
        """The last part of what it wrote on stdout and stderr, not made safe for display."""
        return self._output.pull().decode("utf-8", "replace").strip()

    async def wait(self) -> int:
        """Return its return code once it has ended."""
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if it has ended."""
        if not self._ended.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def end(self, soft: Callable[[], Awaitable[object]] | None = None) -> int:
        """End it: ask with *soft*, then SIGTERM, then SIGKILL to its whole group. Returns its return code."""
        try:
            with suppress(LabError, TimeoutError):
                async with asyncio.timeout(host(TIMEOUTS.stop_soft)):
                    if soft is not None and self.returncode is None:
                        await soft()
                        await self.wait()
            if self.returncode is None:
                self.signal(signal.SIGTERM)
                with suppress(TimeoutError):
                    async with asyncio.timeout(host(TIMEOUTS.stop_term)):
                        await self.wait()
        finally:  # also when this is cancelled
            self.signal(signal.SIGKILL)
        return await self.wait()

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        # While the dead leader is not reaped its id, which is that of the group, cannot belong to anyone else.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._popen.wait()
        os.close(self._pidfd)
        self._output.pull()
        self._output.close()
        self._ended.set_result(code)


def proc_state(pid: int) -> str:
    """State letter of a process as in `/proc/PID/stat` (`R`, `S`, `T` stopped, `Z` …); empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]
