"""One QMP session: commands with deadlines, events that are always drained, a clean end when QEMU goes away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from qemu.qmp import ConnectError, EventListener, ExecInterruptedError, ExecuteError, QMPClient, Runstate, StateError
from qemu.qmp.error import ProtocolError as WireError
from qemu.qmp.error import QMPError as LibraryError
from qemu.qmp.message import Message

from harness.errors import LabError, ProtocolError, TargetLost
from harness.evidence.journal import Journal
from harness.timeouts import TIMEOUTS, host

# The library reports every lost connection at level ERROR; without a handler Python prints those on stderr.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())

EVENT_BACKLOG = 4096  # events that one iterator may leave unread; a guest that resets in a loop makes 2,000 a second


class QmpError(LabError):
    """QEMU refused a command. `error_class` is QMP's (`GenericError`, `CommandNotFound` …), `desc` its sentence."""

    def __init__(self, command: str, error_class: str, desc: str) -> None:
        super().__init__(f"QEMU refused {command}: {desc}")
        self.command = command
        self.error_class = error_class
        self.desc = desc


class QmpTimeoutError(LabError):
    """QEMU did not answer in time: it is stopped, starved or blocked. A reply that comes later is dropped."""


@dataclass(frozen=True, slots=True)
class QmpEvent:
    """One asynchronous event. `timestamp` is QEMU's wall clock in seconds."""

    name: str
    data: Mapping[str, Any]
    timestamp: float


class QmpSession:
    """The one QMP connection to a running QEMU. After `close` it may be connected again, to QEMU's next life."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._client: QMPClient | None = None
        self._follower: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[QmpEvent], None]] = []
        self.on_command: list[Callable[[str], None]] = []
        """Called with the name of each command before it is sent."""
        self._waiting: dict[asyncio.Future[QmpEvent], frozenset[str]] = {}
        self._queues: list[asyncio.Queue[QmpEvent | LabError]] = []
        self._not_after: float | None = None
        self.pid: int | None = None
        """Process id of QEMU, where it is known: what the direct look at its memory needs."""

    async def connect(self, sock: socket.socket, pid: int | None = None) -> None:
        """Take over *sock*, read the greeting, negotiate.

        :raises TargetLost: if QEMU hangs up or says nothing in time.
        :raises ProtocolError: if what answers is not QEMU.
        """
        client = QMPClient()
        client.events.event_filter = lambda _: False  # keeps each event for ever otherwise
        client.register_listener(_Tap(self._on_event))
        try:
            async with asyncio.timeout(host(TIMEOUTS.qmp_connect)):
                await client.connect(sock)
        except TimeoutError as error:
            raise TargetLost(f"QEMU did not greet on its monitor within {host(TIMEOUTS.qmp_connect):g} s") from error
        except ConnectError as error:
            if isinstance(error.exc, (EOFError, OSError)):
                raise TargetLost("QEMU closed its monitor before it was ready") from error
            raise ProtocolError(f"no QMP greeting: {error}") from error
        finally:
            if client.runstate is not Runstate.RUNNING:
                sock.close()
        self._client, self.pid = client, pid
        self._follower = asyncio.create_task(self._follow(client), name="qmp")

    @property
    def version(self) -> str:
        """Version of QEMU as `7.2.22 (Debian 1:7.2+dfsg-7)`."""
        greeting = self._client.greeting if self._client else None
        if greeting is None:
            return ""
        version: Mapping[str, Any] = greeting.QMP.version
        numbers = version["qemu"]
        text = f"{numbers['major']}.{numbers['minor']}.{numbers['micro']}"
        return f"{text} ({version['package']})" if version.get("package") else text

    @property
    def alive(self) -> bool:
        """Whether commands can be sent."""
        return self._client is not None and self._client.runstate is Runstate.RUNNING

    async def execute(self, command: str, /, within: float | None = None, **arguments: Any) -> Any:
        """Run *command* and return its result. Arguments are sent under the names given, `**{"with-hyphen": value}`.

        :param within: deadline in seconds, before the slowdown factor; default `TIMEOUTS.qmp_command`.
        :raises QmpError: if QEMU refused it.
        :raises QmpTimeoutError: if the deadline passed.
        :raises TargetLost: if QEMU is gone, or went away before it answered.
        """
        if self._client is None:
            raise TargetLost(f"{command}: there is no QMP connection")
        limit = host(TIMEOUTS.qmp_command if within is None else within)
        if self._not_after is not None:
            limit = max(0.0, min(limit, self._not_after - asyncio.get_running_loop().time()))
        for told in self.on_command:
            told(command)
        try:
            async with asyncio.timeout(limit):
                return await self._client.execute(command, arguments or None)
        except TimeoutError as error:
            raise QmpTimeoutError(f"QEMU did not answer {command} within {limit:g} s") from error
        except ExecuteError as error:
            raise QmpError(command, str(error.error_class), str(error)) from error
        except (ExecInterruptedError, StateError) as error:
            raise TargetLost(f"QEMU went away during {command}") from error
        except WireError as error:
            raise ProtocolError(f"{command}: {error}") from error

    async def give(self, name: str, descriptor: int) -> None:
        """Let QEMU have the file *descriptor*, which stays ours too, as `fd:NAME`. Errors raise as in `execute`."""
        if self._client is None or not self.alive:
            raise TargetLost(f"{name}: there is no QMP connection")
        try:
            self._client.send_fd_scm(descriptor)
        except OSError as error:
            raise TargetLost(f"QEMU went away before it got {name}") from error
        await self.execute("getfd", fdname=name)

    @contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """One deadline, *seconds* from now, for all commands within, those that clean up behind a failed one included.

        A QEMU that somebody stopped would take its full time for each of them otherwise.
        """
        before, at = self._not_after, asyncio.get_running_loop().time() + seconds
        self._not_after = at if before is None else min(at, before)
        try:
            yield
        finally:
            self._not_after = before

    async def hmp(self, line: str, within: float | None = None) -> str:
        """Run a command of the human monitor and return its text. Errors raise as in `execute`."""
        return str(await self.execute("human-monitor-command", within, **{"command-line": line}))

    def listen(self, listener: Callable[[QmpEvent], None]) -> None:
        """Call *listener* with each event, after it was written to the journal."""
        self._listeners.append(listener)

    def next_event(self, *names: str) -> asyncio.Future[QmpEvent]:
        """The next event with one of *names*, counted from this call: ask first, then do what causes it.

        The future raises TargetLost once QEMU is gone.
        """
        future: asyncio.Future[QmpEvent] = asyncio.get_running_loop().create_future()
        if not self.alive:
            future.set_exception(TargetLost(f"no {' or '.join(names)} event can come: there is no QMP connection"))
            return future
        self._waiting[future] = frozenset(names)
        future.add_done_callback(lambda done: self._waiting.pop(done, None) and None)
        return future

    async def wait_event(self, *names: str, within: float | None = None) -> QmpEvent:
        """Wait for the next event with one of *names*.

        :raises QmpTimeoutError: if none came within *within* seconds (None: no limit).
        :raises TargetLost: once QEMU is gone.
        """
        limit = None if within is None else host(within)
        try:
            async with asyncio.timeout(limit):
                return await self.next_event(*names)
        except TimeoutError as error:
            raise QmpTimeoutError(f"no {' or '.join(names)} event within {limit:g} s") from error

    async def events(self) -> AsyncIterator[QmpEvent]:
        """All events from the first step of the iteration on; ends when the connection ends.

        :raises LabError: if the caller leaves more than `EVENT_BACKLOG` events unread.
        """
        queue: asyncio.Queue[QmpEvent | LabError] = asyncio.Queue()
        if not self.alive:
            return
        self._queues.append(queue)
        try:
            while True:
                item = await queue.get()
                if isinstance(item, TargetLost):
                    return
                if isinstance(item, LabError):
                    raise item
                yield item
        finally:
            if queue in self._queues:
                self._queues.remove(queue)

    async def wait_closed(self) -> None:
        """Return once QEMU has closed the connection and the last event was taken in."""
        if self._follower is not None:
            await asyncio.wait({self._follower})

    async def close(self) -> None:
        """Give up the connection; QEMU may be there or gone. Calling it twice is fine."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait({self._follower})
            follower, self._follower = self._follower, None
            if not follower.cancelled() and follower.exception() is not None:
                follower.result()  # a listener raised inside the reader: a bug that must not pass in silence

    async def _follow(self, client: QMPClient) -> None:
        """Wait for the end of the connection, and take it down in order."""
        try:
            while client.runstate is Runstate.RUNNING:
                await client.runstate_changed()
        finally:
            # EOFError is how the end of QEMU looks; nothing that the dying connection says is of use beyond that.
            with suppress(EOFError, OSError, LibraryError):
                await client.disconnect()
            lost = TargetLost("QEMU closed its monitor")
            for future in list(self._waiting):
                if not future.done():
                    future.set_exception(lost)
                    future.exception()  # who asked and never looked need not be told on stderr
            for queue in self._queues:
                queue.put_nowait(lost)

    def _on_event(self, message: Message) -> None:
        stamp = message.get("timestamp")
        seconds = stamp["seconds"] + stamp["microseconds"] / 1e6 if isinstance(stamp, dict) else 0.0
        data = message.get("data")
        event = QmpEvent(str(message["event"]), data if isinstance(data, dict) else {}, seconds)
        self.journal.append("qmp.event", name=event.name, data=event.data, timestamp=event.timestamp)
        for listener in self._listeners:
            listener(event)
        for future, names in list(self._waiting.items()):
            if event.name in names and not future.done():
                future.set_result(event)
        for queue in list(self._queues):
            if queue.qsize() < EVENT_BACKLOG:
                queue.put_nowait(event)
            else:
                queue.put_nowait(LabError(f"more than {EVENT_BACKLOG} QMP events were left unread"))
                self._queues.remove(queue)


class _Tap(EventListener):
    """Hands on each event within the client's reader task: nothing queues, and none is seen after a later reply."""

    def __init__(self, sink: Callable[[Message], None]) -> None:
        super().__init__()
        self._sink = sink

    async def put(self, event: Message) -> None:
        self._sink(event)
