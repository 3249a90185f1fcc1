"""Clients of the guest's compositor that break the protocol: the right error, and the end of that client alone."""

import asyncio
import struct
from collections import deque
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.clients.wayland.errors import CompositorError, WireError
from harness.clients.wayland.framing import FrameSplitter
from harness.clients.wayland.objects import Side
from harness.clients.wayland.protocol import Kind, standard
from harness.clients.wayland.session import Session
from harness.clients.wayland.tunnel import TunnelTransport
from harness.clients.words import UnknownSceneError
from tests.clients.wayland import strategies

from .host_client import FIRST, GLOBALS, HostClient, Window, assert_computed, pattern, striped
from .reference_session import reference

pytestmark = pytest.mark.system

INVALID_OBJECT, INVALID_METHOD, NO_MEMORY, IMPLEMENTATION = range(4)  # wl_display.error
DISPLAY, REGISTRY = 1, 2


def request(object_id, opcode, *words, size=None):
    """A message's bytes; *size* for a header that lies."""
    body = b"".join(word if isinstance(word, bytes) else struct.pack("<I", word & 0xFFFFFFFF) for word in words)
    return struct.pack("<IHH", object_id, opcode, 8 + len(body) if size is None else size) + body


def string(text):
    data = text.encode() + b"\0"
    return struct.pack("<I", len(data)) + data + b"\0" * (-len(data) % 4)


def raw(object_id, opcode, *words, **options):
    """An offence of these bytes; a callable among the words is given the client."""

    async def send(client):
        values = [word(client) if callable(word) else word for word in words]
        target = object_id(client) if callable(object_id) else object_id
        client.connection.send_raw(request(target, opcode, *values, **options))

    return send


def fresh(client):
    return client.connection.next_id()


def shm(client):
    return client.wl_shm.id


def base(client):
    return client.xdg_wm_base.id


def pooled(then, size=4096):
    async def make(client):
        then(client.wl_shm.create_pool(await client.connection.memory(4096), size))

    return make


def xdg(then):
    async def make(client):
        surface = client.wl_compositor.create_surface()
        done = then(client, surface, client.xdg_wm_base.get_xdg_surface(surface))
        if asyncio.iscoroutine(done):
            await done

    return make


async def buffer_before_ack(client):
    """It was configured, and shows something without a word about that."""
    surface = client.wl_compositor.create_surface()
    client.xdg_wm_base.get_xdg_surface(surface).get_toplevel()
    surface.commit()
    await client.settle()
    surface.attach(await client.buffer(pattern(20, 20)), 0, 0)
    surface.commit()


async def ack_twice(client):
    surface = client.wl_compositor.create_surface()
    shell, serials = client.xdg_wm_base.get_xdg_surface(surface), []
    shell.on("configure", lambda event: serials.append(event["serial"]))
    shell.get_toplevel()
    surface.commit()
    await client.settle()
    shell.ack_configure(serials[0])
    shell.ack_configure(serials[0])


async def dead_object(client):
    surface = client.wl_compositor.create_surface()
    surface.destroy()
    await client.settle()
    client.connection.send_raw(request(surface.id, 6))


async def cursor_of_a_window(client):
    window = Window(client, client.number + 8)
    client.wl_seat.get_pointer().set_cursor(0, window.surface, 0, 0)


async def buffers_pool_memory_of_another(client):
    """A handle is the connection's own; a request that takes a descriptor takes none of another connection."""
    client.connection.send_raw(request(client.wl_shm.id, 0, client.connection.next_id(), 64))


OFFENCES = {
    # what the wire format forbids
    "object that never was": (raw(200, 0), ("wl_display", INVALID_OBJECT)),
    "object of the server's that never was": (raw(0xFF000005, 0), ("wl_display", INVALID_OBJECT)),
    "object that was destroyed": (dead_object, ("wl_display", INVALID_OBJECT)),
    "opcode": (raw(DISPLAY, 2), ("wl_display", INVALID_METHOD)),
    "highest opcode": (raw(REGISTRY, 0xFFFF), ("wl_display", INVALID_METHOD)),
    "size 0": (raw(DISPLAY, 0, size=0), ("wl_display", INVALID_METHOD)),
    "size 7": (raw(DISPLAY, 0, size=7), ("wl_display", INVALID_METHOD)),
    "size 10": (raw(DISPLAY, 0, fresh, size=10), ("wl_display", INVALID_METHOD)),
    "size over the limit": (raw(DISPLAY, 0, fresh, size=4100), ("wl_display", INVALID_METHOD)),
    "argument missing": (raw(DISPLAY, 0), ("wl_display", INVALID_METHOD)),
    "argument too many": (raw(DISPLAY, 0, fresh, 0), ("wl_display", INVALID_METHOD)),
    "string null": (raw(REGISTRY, 0, 1, 0, 1, fresh), ("wl_display", INVALID_METHOD)),
    "string without NUL": (raw(REGISTRY, 0, 1, 4, b"wl_x", 1, fresh), ("wl_display", INVALID_METHOD)),
    "string with a NUL inside": (raw(REGISTRY, 0, 1, 4, b"w\0x\0", 1, fresh), ("wl_display", INVALID_METHOD)),
    "string past the end": (raw(REGISTRY, 0, 1, 99, b"wl_x"), ("wl_display", INVALID_METHOD)),
    "string of 4 GiB": (raw(REGISTRY, 0, 1, 0xFFFFFFFF, b"wl_x"), ("wl_display", INVALID_METHOD)),
    "object null": (raw(base, 2, fresh, 0), ("wl_display", INVALID_METHOD)),
    "object unknown": (raw(base, 2, fresh, 222), ("wl_display", INVALID_METHOD)),
    "object of another interface": (raw(base, 2, fresh, shm), ("wl_display", INVALID_METHOD)),
    "new id null": (raw(DISPLAY, 0, 0), ("wl_display", INVALID_METHOD)),
    "new id in use": (raw(DISPLAY, 0, REGISTRY), ("wl_display", INVALID_METHOD)),
    "new id of the server's": (raw(DISPLAY, 0, 0xFF000000), ("wl_display", INVALID_METHOD)),
    "new id that leaves a gap": (raw(DISPLAY, 0, lambda c: fresh(c) + 100), ("wl_display", INVALID_METHOD)),
    "file descriptor missing": (buffers_pool_memory_of_another, ("wl_display", INVALID_METHOD)),
    # globals
    "global that is not there": (raw(REGISTRY, 0, 99, string("wl_shm"), 1, fresh), ("wl_registry", INVALID_OBJECT)),
    "global of another name": (raw(REGISTRY, 0, 1, string("wl_shm"), 1, fresh), ("wl_registry", INVALID_OBJECT)),
    "version 0": (raw(REGISTRY, 0, 2, string("wl_shm"), 0, fresh), ("wl_registry", INVALID_OBJECT)),
    "version too high": (raw(REGISTRY, 0, 2, string("wl_shm"), 2, fresh), ("wl_registry", INVALID_OBJECT)),
    # buffers, by wl_shm.error; as in libwayland some are reported on the pool, which has no enum of its own
    "pool without size": (pooled(lambda pool: None, 0), ("wl_shm", 1)),
    "pool larger than its memory": (pooled(lambda pool: None, 4097), ("wl_shm", 2)),
    "pool that shrinks": (pooled(lambda pool: pool.resize(4095)), ("wl_shm_pool", 2)),
    "format": (pooled(lambda pool: pool.create_buffer(0, 8, 8, 32, 9)), ("wl_shm_pool", 0)),
    "stride": (pooled(lambda pool: pool.create_buffer(0, 8, 8, 31, 1)), ("wl_shm_pool", 1)),
    "buffer over the pool's end": (pooled(lambda pool: pool.create_buffer(4, 32, 32, 128, 1)), ("wl_shm_pool", 1)),
    "buffer before the pool": (pooled(lambda pool: pool.create_buffer(-4, 8, 8, 32, 1)), ("wl_shm_pool", 1)),
    "buffer whose size overflows": (
        pooled(lambda pool: pool.create_buffer(0, 1 << 30, 4, -(1 << 31), 1)),
        ("wl_shm_pool", 1),
    ),
    # surfaces and windows, by the error enums of their interfaces
    "scale": (xdg(lambda c, s, x: s.set_buffer_scale(0)), ("wl_surface", 0)),
    "transform": (xdg(lambda c, s, x: s.set_buffer_transform(8)), ("wl_surface", 1)),
    "role of another": (cursor_of_a_window, ("wl_pointer", 0)),
    "role twice": (xdg(lambda c, s, x: (x.get_toplevel(), x.get_toplevel())), ("xdg_surface", 2)),
    "surface with two xdg_surfaces": (xdg(lambda c, s, x: c.xdg_wm_base.get_xdg_surface(s)), ("xdg_wm_base", 0)),
    "commit without role": (xdg(lambda c, s, x: s.commit()), ("xdg_surface", 1)),
    "buffer before the configure is acknowledged": (buffer_before_ack, ("xdg_surface", 3)),
    "serial that was not sent": (xdg(lambda c, s, x: (x.get_toplevel(), x.ack_configure(1 << 30))), ("xdg_surface", 4)),
    "serial that was acknowledged": (ack_twice, ("xdg_surface", 4)),
    "role outlived by its window": (xdg(lambda c, s, x: (x.get_toplevel(), x.destroy())), ("xdg_surface", 6)),
    "shell outlived by its surfaces": (xdg(lambda c, s, x: c.xdg_wm_base.destroy()), ("xdg_wm_base", 1)),
    "popup": (
        xdg(lambda c, s, x: x.get_popup(None, positioner(c))),
        ("xdg_wm_base", 3),
    ),
    "touch": (xdg(lambda c, s, x: c.wl_seat.get_touch()), ("wl_seat", 0)),
    # limits and what the compositor does not have
    "surfaces": (xdg(lambda c, s, x: [c.wl_compositor.create_surface() for _ in range(16)]), ("wl_display", NO_MEMORY)),
    "scaled buffer": (
        xdg(lambda c, s, x: (x.get_toplevel(), s.set_buffer_scale(2), s.commit())),
        ("wl_display", IMPLEMENTATION),
    ),
}


def positioner(client):
    made = client.xdg_wm_base.create_positioner()
    made.set_size(10, 10)
    made.set_anchor_rect(0, 0, 1, 1)
    return made


@pytest.mark.long
def test_each_offence_has_its_error_and_ends_its_client_alone(tmp_path):
    async def body():
        async with reference(tmp_path) as session:
            await session.command("create id=1 x=500 y=300 w=300 h=200 color=3a6ea5")
            neighbour = await HostClient.open(session)
            await neighbour.window(pattern(200, 100, seed=1), place=(30, 500))
            await session.command("animate id=1 on=1")
            found = {}
            for name, (offence, _) in OFFENCES.items():
                offender = await HostClient.open(session, FIRST + 1)
                await offender.window(striped(120, 70, 0x010305 * len(found)), place=(450, 250))
                try:
                    await offence(offender)
                    await offender.settle()
                    found[name] = None
                except CompositorError as error:
                    found[name] = (error.interface, error.code)
                await assert_computed(session, name)  # its window is gone, those of the others stay
                windows = (await session.command("query")).words["windows"]
                assert windows == "2", f"{windows} windows after: {name}"
                await neighbour.settle()
                await offender.connection.close()
            assert found == {name: expected for name, (_, expected) in OFFENCES.items()}

    asyncio.run(body())
    serial = (tmp_path / "serial.bin").read_text()
    ends = [line for line in serial.splitlines() if "FAILURE:DETECTED" in line]
    assert ends == [f"RAYOS_FAILURE:DETECTED:protocol:{FIRST + 1}"] * len(OFFENCES)


# ---- fuzz ------------------------------------------------------------------------------------------------------------

OFFERS = [(name, interface, version) for name, (interface, version) in enumerate(GLOBALS.items(), 1)]
USERS = [("rayos_shell_v1", name) for name in ("key", "motion", "button")]  # these do what a user does to anybody


class Talk:
    """One connection, with both sides' messages decoded from the published descriptions."""

    def __init__(self, transport):
        self.transport, self.session = transport, Session()
        self.splitters = {side: FrameSplitter() for side in Side}
        self.fds = {side: deque() for side in Side}
        self.serials, self.error = [], None
        self.fresh = 2  # ids below were used

    def alive(self):
        ids = [*range(1, self.fresh), *range(0xFF000000, 0xFF000020)]
        found = [self.session.objects.get(id_) for id_ in ids if self.session.objects.is_alive(id_)]
        return [(o.id, o.interface.name, o.version) for o in found if o.interface.requests]

    async def say(self, data, fds=0):
        """Send bytes. Returns whether what they are is wrong by the descriptions alone."""
        files = [await self.transport.memory(256 * 256 * 4) for _ in range(fds)]
        self.fds[Side.CLIENT] += files
        try:
            for call in self._calls(Side.CLIENT, data):
                self._note(call)
            wrong = False
        except WireError:
            wrong = True
        await self.transport.send(data, files)
        more = True
        while more:
            received = await self.transport.recv()
            self.fds[Side.SERVER] += received.fds
            for call in self._calls(Side.SERVER, received.data):  # what the guest says is never wrong
                self._hear(call)
            more = received.more and not received.closed
        assert not self.splitters[Side.SERVER].pending, "an answer ends inside an event"
        return wrong

    def _calls(self, side, data):
        for item in self.splitters[side].feed(data):
            if isinstance(item, WireError):
                raise item
            yield self.session.read(side, item, self.fds[side])

    def _note(self, call):
        for argument, value in zip(call.message.arguments, call.values, strict=True):
            if argument.kind is Kind.NEW_ID:
                self.fresh = max(self.fresh, (value if isinstance(value, int) else value.id) + 1)

    def _hear(self, call):
        if call.name == "wl_display.error":
            self.error = call.values
        for argument, value in zip(call.message.arguments, call.values, strict=True):
            if argument.name == "serial":
                self.serials.append(value)


async def begin(talk):
    """Everything bound, a window that waits for its acknowledgement, a buffer, and one of each thing of the seat."""
    assert not await talk.say(request(DISPLAY, 1, REGISTRY))
    for name, interface, version in OFFERS:  # ids from 3, in this order
        assert not await talk.say(request(REGISTRY, 0, name, string(interface), version, talk.fresh))
    for message, fds in (
        (request(3, 0, 11), 0),  # wl_compositor.create_surface
        (request(8, 2, 12, 11), 0),  # xdg_wm_base.get_xdg_surface
        (request(12, 1, 13), 0),  # xdg_surface.get_toplevel
        (request(11, 6), 0),  # wl_surface.commit
        (request(5, 0, 14), 0),  # wl_seat.get_pointer
        (request(5, 1, 15), 0),  # wl_seat.get_keyboard
        (request(7, 0, 16), 0),  # wl_data_device_manager.create_data_source
        (request(7, 1, 17, 5), 0),  # wl_data_device_manager.get_data_device
        (request(4, 0, 18, 256 * 256 * 4), 1),  # wl_shm.create_pool
        (request(18, 0, 19, 0, 200, 150, 800, 1), 0),  # wl_shm_pool.create_buffer
    ):
        assert not await talk.say(message, fds)
    assert talk.error is None
    return talk


async def talk_at_random(folder, data, length):
    async with reference(folder) as session:
        await session.command("create id=1 x=100 y=100 w=300 h=200 color=3a6ea5 kind=checker")
        await assert_computed(session)
        talk = await begin(Talk(await TunnelTransport.open(session)))
        if data.draw(st.booleans()):  # the window is there
            assert not await talk.say(request(12, 4, talk.serials[-1]))
            assert not await talk.say(request(11, 1, 19, 0, 0) + request(11, 6))
        wrong = False
        for _ in range(length):
            if talk.error or wrong:
                break
            if data.draw(st.integers(0, 7)) == 0:
                assert (await session.command("frames n=1")).ok
            wrong = await talk.say(
                *data.draw(
                    strategies.requests(
                        standard(), talk.alive(), talk.fresh, talk.serials[-6:], OFFERS, leave_out=USERS
                    )
                )
            )
        if wrong:
            assert talk.error is not None, "the guest took what the descriptions forbid"
            assert (talk.error[0], talk.error[1]) in ((DISPLAY, INVALID_OBJECT), (DISPLAY, INVALID_METHOD)), talk.error
        await assert_neighbour(session, alone=talk.error is not None)
        await talk.transport.close()
        await assert_neighbour(session, alone=True)


async def assert_neighbour(session, *, alone):
    """The guest answers, and where no other window can be, its own client's is as computed."""
    reply = await session.command("query")
    assert reply.ok
    if alone:
        assert reply.words["windows"] == "1"
        with suppress(UnknownSceneError):  # after random requests whose consequences the model does not claim to know
            await assert_computed(session, "the neighbour", counted=False)  # what the talker damaged is not known


def at_random(examples):
    """The same examples in each run. Each has a guest of its own, so that a failing one can be made smaller."""
    return lambda test: settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )(given(data=st.data())(test))


@at_random(4)
def test_random_requests_end_at_most_their_own_client(tmp_path_factory, data):
    asyncio.run(talk_at_random(tmp_path_factory.mktemp("guest"), data, 25))


@pytest.mark.long
@at_random(100)
def test_many_random_requests_end_at_most_their_own_client(tmp_path_factory, data):
    asyncio.run(talk_at_random(tmp_path_factory.mktemp("guest"), data, 60))
