"""Runs in worker processes, several at once.

A process each, and not a task each: judging takes 0.28 s of Python's time for a run of the first-light scenario, so one
process would play 3.5 a second on any host, and a library that crashes would take all runs with it. Measured, 8 such
runs on two cores: one after the other 5.7 s, four tasks 5.5 s, four processes 3.1 s.

A worker dies with the process that started it, and its QEMU with the worker: a killed harness leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LabError, UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import read_events
from harness.judge.torn import bury
from harness.targets.process import ChildProcess
from harness.targets.runtime import sweep
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions, Planned
    from harness.engine.run import RunOutcome

_LENGTH = struct.Struct("!Q")
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main(int(sys.argv[2]))"


@dataclass(frozen=True, slots=True)
class Job:
    """One run for a worker."""

    planned: Planned
    options: BatchOptions  # without anything that is called
    bundle: Path


@dataclass(slots=True)
class Played:
    """A run and what of its pages could not be written, as (file, why)."""

    outcome: RunOutcome
    unwritten: list[tuple[Path, str]] = field(default_factory=list)


class Worker:
    """One worker process, started with its first run.

    :param module: whose `main(descriptor)` answers jobs from that socket: see `harness.cli.worker`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._child: ChildProcess | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._signal: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._killed = False

    async def play(self, job: Job) -> Played:
        """Play a run. If the worker dies of it the run is judged by what evidence there is.

        :raises HarnessError: as `harness.engine.run.play`.
        """
        if self._child is None:
            await self._start()
        played: Played | None = None
        with suppress(OSError, asyncio.IncompleteReadError):
            await send(self._writer, job)
            while True:
                kind, *rest = await receive(self._reader)
                match kind:
                    case "played":
                        played = Played(*rest)
                    case "pages":
                        if played is not None:
                            played.unwritten += rest[0]
                        break
                    case "usage":
                        raise UsageError(*rest)
                    case "lab":
                        raise LabError(*rest)
                    case _:
                        raise RuntimeError(f"in a worker process:\n{rest[0]}")
            return played if played is not None else await self._dead(job)
        if played is not None:
            await self.close()
            return played
        return await self._dead(job)

    def stop(self, name: str) -> None:
        """Pass the signal *name* on, so that the run under way ends in order; SIGKILL follows after `worker_stop`."""
        self._signal = name
        if self._child is not None and self._timer is None:
            self._child.signal(signal.Signals[name])
            self._timer = asyncio.get_running_loop().call_later(host(TIMEOUTS.worker_stop), self.kill)

    def kill(self) -> None:
        """End it at once."""
        self._killed = True
        if self._child is not None:
            self._child.signal(signal.SIGKILL)

    async def close(self) -> None:
        """Let it go; it ends when it has nothing to do any more. Calling it twice is fine."""
        child, self._child = self._child, None
        if child is None:
            return
        self._writer.close()
        try:
            async with asyncio.timeout(host(TIMEOUTS.worker_stop)):
                await child.wait()
        except TimeoutError:
            self._killed = True
        finally:
            child.signal(signal.SIGKILL)
            await child.wait()
            if self._timer is not None:
                self._timer.cancel()
            if self._killed:
                sweep()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            words = ("-P", "-c", _START.format(module=self._module), json.dumps(sys.path), str(theirs.fileno()))
            self._child = ChildProcess.spawn([sys.executable, *words], pass_fds=[theirs.fileno()])
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        if self._signal is not None:
            self.stop(self._signal)

    async def _dead(self, job: Job) -> Played:
        """The worker died. What it started dies with it, a moment later; what is left of the run is judged."""
        from harness.engine.run import RunOutcome

        child = self._child
        said = ""
        if child is not None:
            await child.wait()
            said = child.output
            self._killed = True
            await self.close()
        await asyncio.to_thread(_until_gone, job.bundle)
        verdict = bury(job.bundle, job.planned.scenario, self._signal, said)
        return Played(RunOutcome(verdict, Bundle(job.bundle), job.planned.scenario, job.planned.clock))


async def send(writer: asyncio.StreamWriter, message: Any) -> None:
    """Send one message.

    :raises OSError: if nobody is there to read it.
    """
    data = pickle.dumps(message)
    writer.write(_LENGTH.pack(len(data)) + data)
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next message; both ends are ours.

    :raises asyncio.IncompleteReadError: if the other end is gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301 - from a process of ours


def _until_gone(bundle: Path) -> None:
    """Return once no QEMU of the run in *bundle* lives: the kernel kills it after the worker's end, not before."""
    with suppress(OSError):
        for event in read_events(bundle / "journal.jsonl"):
            if event.kind == "target.start" and isinstance(event.data.get("pid"), int):
                _await_end(event.data["pid"])


def _await_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes():
                select.select([descriptor], [], [], host(TIMEOUTS.stop_term))
        finally:
            os.close(descriptor)
