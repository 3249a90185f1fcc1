"""A Wayland client's connection: makes objects and requests, waits for events, and can say what no client should."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

from harness.clients.wayland.codec import Encoded, Fd, NewId, Value
from harness.clients.wayland.errors import CompositorError, ConnectionEnded, PeerError, Unanswered, WireError
from harness.clients.wayland.framing import Frame, FrameSplitter
from harness.clients.wayland.objects import DISPLAY, Side
from harness.clients.wayland.protocol import Interfaces, Kind
from harness.clients.wayland.remote import Event, Global, RemoteObject
from harness.clients.wayland.session import Call, Session
from harness.clients.wayland.transport import FDS_LIMIT, File, Received, Transport
from harness.errors import UsageError
from harness.timeouts import TIMEOUTS, host

_BATCH = 4096  # bytes handed to the transport at once: what libwayland takes at once


class Connection:
    """One client of a compositor.

    A request is only noted; `flush` and the waits send what was noted, in order. `display` is the object that is there
    from the start, `globals` what the compositor offers, by number, once `bind` or a registry of the caller has asked.

    The waits (`timeout` in seconds, by default that of a control command) raise, besides what they say themselves:
    `CompositorError` if the compositor reported an error, `WireError` if what it sent is wrong, `ConnectionEnded` if it
    closed the connection, `TimeoutError`. After the first three the connection is over, and every later use raises the
    same error again.

    :param interfaces: what objects can be; the shipped protocols by default (`protocol.load` adds others).
    """

    def __init__(self, transport: Transport, interfaces: Interfaces | None = None) -> None:
        self._transport = transport
        self._session = Session(interfaces)
        self._splitter = FrameSplitter()
        self._fds: deque[Fd] = deque()
        self._out: list[Encoded] = []
        self._sending: asyncio.Task[None] | None = None  # a batch that is on its way, though who waited for it gave up
        self._over: PeerError | None = None
        self._objects: dict[int, RemoteObject] = {}
        self._registry: RemoteObject | None = None
        self.display = self._object(DISPLAY)
        self.globals: dict[int, Global] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def request(self, target: RemoteObject, name: str, *arguments: Value) -> RemoteObject | None:
        """Note a request; `RemoteObject` tells what it takes. Returns the new object of one that makes one.

        :raises UsageError: if it is no valid request: `send_raw` sends those.
        """
        self._check_open()
        message = target.interface.request(name)
        given = deque(arguments)
        values: list[Value] = []
        new_id: int | None = None
        for argument in message.arguments:
            if argument.kind is Kind.NEW_ID:
                new_id = self._session.objects.allocate()
                bound = argument.interface is None and len(given) >= 2
                values.append(NewId(given.popleft(), given.popleft(), new_id) if bound else new_id)
            elif given:
                values.append(given.popleft())
        try:
            values = [self._id_of(value) for value in values]
            call = self._session.write(self._id_of(target), name, [*values, *given])
        except (WireError, UsageError) as error:
            if new_id is not None:
                self._session.objects.give_back(new_id)
            raise UsageError(f"{target}.{name}: {error.what}", "send_raw sends what is wrong") from None
        self._out.append(call.encode())
        return None if new_id is None else self._object(new_id)

    def send_raw(self, data: bytes, fds: Sequence[Fd] = ()) -> None:
        """Note *data* to be sent as it is. What it does to objects is not known here: see `adopt`."""
        self._check_open()
        self._out.append(Encoded(data, tuple(fds)))

    def adopt(self, id_: int, interface: str, version: int) -> RemoteObject:
        """The object that raw bytes made.

        :raises UsageError: if the id is not a free one of the client's.
        """
        try:
            self._session.objects.add(Side.CLIENT, id_, interface, version)
        except WireError as error:
            raise UsageError(error.what) from None
        return self._object(id_)

    def next_id(self) -> int:
        """An id for `adopt`, which the connection will not give to another object."""
        return self._session.objects.allocate()

    async def memory(self, size: int) -> File:
        """Shared memory of *size* bytes, all zero, to be given to `wl_shm.create_pool` once."""
        return await self._transport.memory(size)

    async def bind(self, interface: str, version: int | None = None) -> RemoteObject:
        """The first global of *interface*, in *version*: by default the newest that both sides know.

        :raises UsageError: if the compositor offers none.
        """
        if self._registry is None:
            self._registry = self.display.get_registry()
            await self.roundtrip()
        assert self._registry is not None
        found = next((offer for offer in self.globals.values() if offer.interface == interface), None)
        if found is None:
            offered = ", ".join(sorted({offer.interface for offer in self.globals.values()}))
            raise UsageError(f"the compositor offers no {interface}", f"it offers: {offered}")
        if version is None:
            version = min(found.version, self._session.objects.known_version(interface))
        bound: RemoteObject = self._registry.bind(found.name, interface, version)
        return bound

    async def flush(self) -> None:
        """Send the requests that were noted."""
        self._check_open()
        await self._send_rest()
        while self._out:
            data = bytearray()
            fds: list[Fd] = []
            while self._out:
                head = self._out[0]
                if data and (len(data) + len(head.data) > _BATCH or len(fds) + len(head.fds) > FDS_LIMIT):
                    break
                data += head.data
                fds += head.fds
                del self._out[0]
            self._sending = asyncio.ensure_future(self._transport.send(bytes(data), fds))
            await self._send_rest()

    async def _send_rest(self) -> None:
        # Shielded: a wait whose time is over must not leave half a message behind, after which the next would be noise.
        sending = self._sending
        if sending is None:
            return
        try:
            await asyncio.shield(sending)
        finally:
            if sending.done():
                self._sending = None

    async def dispatch(self, timeout: float | None = None) -> list[Event]:
        """Wait until something came, and return it; nothing if the compositor is idle, where that can be known."""
        async with _within(timeout):
            return await self._receive()

    async def wait(self, done: Callable[[Event], bool], timeout: float | None = None) -> list[Event]:
        """The events up to and with the batch that holds the first for which *done* is true.

        :raises Unanswered: if the compositor is idle before.
        """
        events: list[Event] = []
        try:
            async with _within(timeout):
                while new := await self._receive():
                    events += new
                    if any(done(event) for event in new):
                        return events
            raise Unanswered("the compositor is idle and did not send what was waited for")
        except PeerError as error:
            error.events = (*events, *error.events)
            raise

    async def roundtrip(self, timeout: float | None = None) -> list[Event]:
        """Wait until the compositor handled every request so far; what it said meanwhile, but for ids that it freed.

        :raises Unanswered: if it is idle and has not answered `wl_display.sync`.
        """
        callback = self.display.sync()
        events = await self.wait(lambda event: event.object is callback, timeout)
        return [event for event in events if event.object is not callback and event.name != "delete_id"]

    async def close(self) -> None:
        """End the connection. Can be called again. What was not sent by now is not sent."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await self._transport.close()

    async def _receive(self) -> list[Event]:
        await self.flush()
        events: list[Event] = []
        more = True
        while more and self._over is None:
            try:
                received = await self._transport.recv()
            except PeerError as error:
                error.events = (*events, *error.events)
                raise
            events += self._take(received)
            more = received.more
        if not events:
            self._check_open()
        return events

    def _id_of(self, value: Value) -> Value:
        if not isinstance(value, RemoteObject):
            return value
        if self._objects.get(value.id) is not value:
            raise UsageError(f"{value} does not exist (any more) on this connection")
        return value.id

    def _object(self, id_: int) -> RemoteObject:
        known = self._session.objects.get(id_)
        assert known is not None
        found = self._objects.get(id_)
        if found is None:
            found = self._objects[id_] = RemoteObject(self, id_, known.interface, known.version)
        return found

    def _check_open(self) -> None:
        if self._over is not None:
            raise self._over

    def _take(self, received: Received) -> list[Event]:
        """The events that *received* completed. An error ends them, and stays in `_over` until nothing is before it."""
        events: list[Event] = []
        self._fds += received.fds
        try:
            for item in self._splitter.feed(received.data):
                if not isinstance(item, Frame):
                    raise item
                events.append(self._event(self._session.read(Side.SERVER, item, self._fds)))
            if received.closed:
                self._splitter.finish()
                raise ConnectionEnded("the compositor closed the connection")
        except PeerError as error:
            self._over = error
        for event in events:
            event.object.handle(event)
        return events

    def _event(self, call: Call) -> Event:
        target = self._object(call.object_id)
        if call.name == "wl_display.error":
            raise self._compositor_error(*call.values)
        arguments: dict[str, Value] = {}
        for argument, value in zip(call.message.arguments, call.values, strict=True):
            if argument.kind is Kind.NEW_ID:
                self._objects.pop(value, None)  # the server's ids are free as soon as it heard of the end of the old
            is_object = argument.kind in (Kind.OBJECT, Kind.NEW_ID) and value is not None
            arguments[argument.name] = self._object(value) if is_object else value
        if call.name == "wl_display.delete_id":
            self._objects.pop(call.values[0], None)
        elif call.name == "wl_registry.global":
            self.globals[arguments["name"]] = Global(**arguments)
        elif call.name == "wl_registry.global_remove":
            self.globals.pop(arguments["name"], None)
        return Event(target, call.message.name, arguments)

    def _compositor_error(self, object_id: int, code: int, message: str) -> CompositorError:
        known = self._session.objects.get(object_id)
        if known is None:
            return CompositorError(object_id, "unknown", code, str(code), message)
        return CompositorError(object_id, known.interface.name, code, known.interface.error_name(code), message)


@asynccontextmanager
async def _within(timeout: float | None) -> AsyncIterator[None]:
    limit = host(TIMEOUTS.control_reply) if timeout is None else timeout
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError:
        raise TimeoutError(f"the compositor did not send what was waited for within {limit:g} s") from None
