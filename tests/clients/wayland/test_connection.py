"""A client's connection: requests go out in order, events come to their objects, errors are typed and final."""

import asyncio
import socket
import struct

import numpy as np
import pytest

from harness.clients.wayland.connection import Connection
from harness.clients.wayland.errors import CompositorError, ConnectionEnded, Fault, Refused, Unanswered, WireError
from harness.clients.wayland.framing import Frame
from harness.clients.wayland.objects import Side
from harness.clients.wayland.remote import Global
from harness.clients.wayland.sockets import SocketTransport
from harness.clients.wayland.transport import FDS_LIMIT, Received, pixel_bytes, pixel_runs
from harness.errors import UsageError

from .compositor import GLOBALS, KEYMAP, Compositor, DirectTransport


def play(body, **options):
    """Run *body(connection, compositor)*."""

    async def run():
        compositor = Compositor()
        transport = DirectTransport(compositor, **options)
        async with Connection(transport) as connection:
            result = await body(connection, compositor)
        assert transport.ended
        return result, transport

    return asyncio.run(run())


def test_globals_are_bound_in_the_newest_version_that_both_know():
    async def body(connection, _):
        surface_maker = await connection.bind("wl_compositor")
        shm = await connection.bind("wl_shm")
        old = await connection.bind("wl_seat", 2)
        with pytest.raises(UsageError, match="offers no wl_output"):
            await connection.bind("wl_output")
        return surface_maker.version, shm.version, old.version, connection.globals

    (four, one, two, offered), _ = play(body)
    assert (four, one, two) == (4, 1, 2)
    assert offered == {number: Global(number, *rest) for number, rest in GLOBALS.items()}


@pytest.mark.parametrize("cut", [None, 1, 7, 4096])
def test_a_roundtrip_gives_what_came_before_its_answer(cut):
    async def body(connection, _):
        registry = connection.display.get_registry()
        events = await connection.roundtrip()
        assert all(event.object is registry for event in events if event.name == "global")
        return [event["interface"] for event in events if event.name == "global"]

    assert play(body, cut=cut)[0] == [interface for interface, _ in GLOBALS.values()]


def test_requests_go_out_together_in_order_and_ids_are_used_again_after_delete_id():
    async def body(connection, compositor):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        surface.attach(None, 1, 2)
        surface.commit()
        surface.destroy()
        assert maker.create_region().id != surface.id
        await connection.roundtrip()
        assert surface.id in {maker.create_region().id, maker.create_region().id}
        await connection.flush()
        return [call.name for call in compositor.calls]

    names, transport = play(body)
    assert names[3:8] == [
        "wl_compositor.create_surface",
        "wl_surface.attach",
        "wl_surface.commit",
        "wl_surface.destroy",
        "wl_compositor.create_region",
    ]
    assert len(transport.sent) == 3


def test_shared_memory_goes_as_a_descriptor_and_can_be_written_before_and_after():
    async def body(connection, compositor):
        shm = await connection.bind("wl_shm")
        memory = await connection.memory(64)
        await memory.put(0, b"ab")
        pool = shm.create_pool(memory, 64)
        buffer = pool.create_buffer(0, 4, 4, 16, 0)
        await connection.roundtrip()
        await memory.fill(32, [(2, 0x112233), (1, 0xFF)])
        call = next(call for call in compositor.calls if call.name == "wl_shm.create_pool")
        return call.arguments["fd"].content, buffer

    (content, buffer), _ = play(body)
    assert content == b"ab" + bytes(30) + bytes.fromhex("3322110033221100ff000000") + bytes(20)
    assert buffer.interface.name == "wl_buffer"


def test_many_descriptors_are_sent_a_few_at_a_time_and_never_after_their_bytes():
    async def body(connection, compositor):
        shm = await connection.bind("wl_shm")
        memories = [await connection.memory(n + 1) for n in range(FDS_LIMIT * 2 + 3)]
        for memory in memories:
            shm.create_pool(memory, 1)
        await connection.roundtrip()
        got = [call.arguments["fd"] for call in compositor.calls if call.name == "wl_shm.create_pool"]
        return got == memories

    right, transport = play(body)
    assert right
    assert max(len(fds) for _, fds in transport.sent) == FDS_LIMIT


def test_more_requests_than_one_read_takes_go_out_in_pieces_of_whole_messages():
    async def body(connection, compositor):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        for n in range(1000):
            surface.damage(n, 0, 1, 1)
        await connection.roundtrip()
        return [call.values[0] for call in compositor.calls if call.name == "wl_surface.damage"]

    order, transport = play(body)
    assert order == list(range(1000))
    assert max(len(data) for data, _ in transport.sent) <= 4096


def test_an_event_brings_its_objects_and_the_content_of_its_descriptor():
    async def body(connection, compositor):
        seat = await connection.bind("wl_seat")
        keyboard = seat.get_keyboard()
        (keymap,) = await connection.roundtrip()
        assert (keymap.object, keymap.name, keymap["size"]) == (keyboard, "keymap", len(KEYMAP))
        assert await keymap["fd"].read() == KEYMAP

    play(body)


def test_an_object_that_the_compositor_makes_can_be_used():
    async def body(connection, compositor):
        seat = await connection.bind("wl_seat")
        manager = connection.adopt(connection.next_id(), "wl_data_device_manager", 3)
        compositor.session.objects.add(Side.CLIENT, manager.id, "wl_data_device_manager", 3)
        manager.get_data_device(seat)
        offered, offer, selected = await connection.roundtrip()
        assert offered["id"] is offer.object is selected["id"]
        offer.object.accept(1, "text/plain")
        offer.object.destroy()
        await connection.roundtrip()
        with pytest.raises(UsageError, match="destroyed"):
            offer.object.accept(1, None)
        return [call.name for call in compositor.calls][-3:]

    names, _ = play(body)
    assert names == ["wl_data_offer.accept", "wl_data_offer.destroy", "wl_display.sync"]


def test_a_handler_gets_each_event_and_may_answer_it():
    async def body(connection, compositor):
        seen = []
        registry = connection.display.get_registry()

        def bind(event):
            seen.append(event["interface"])
            if event["interface"] == "wl_shm":
                registry.bind(event["name"], "wl_shm", 1)

        registry.on("global", bind)
        with pytest.raises(KeyError, match="no event 'globe'"):
            registry.on("globe", bind)
        await connection.roundtrip()
        await connection.roundtrip()
        return seen, [call.name for call in compositor.calls]

    (seen, names), _ = play(body)
    assert seen == [interface for interface, _ in GLOBALS.values()]
    assert names.count("wl_registry.bind") == 1


def test_an_error_of_the_compositor_names_object_interface_code_and_message():
    async def body(connection, _):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        callback = connection.display.sync()
        surface.attach(None, -1, 0)
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        error = raised.value
        assert (error.object_id, error.interface, error.code) == (surface.id, "wl_surface", 0)
        assert (error.name, error.message) == ("invalid_scale", "negative")
        assert callback in [event.object for event in error.events]
        for later in (connection.roundtrip(), connection.dispatch(), connection.flush(), connection.bind("wl_shm")):
            with pytest.raises(CompositorError, match="negative"):
                await later
        with pytest.raises(CompositorError):
            surface.commit()

    play(body)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (Frame(99, 0, b"").to_bytes(), "invalid_object"),
        (Frame(1, 99, b"").to_bytes(), "invalid_method"),
        (Frame(1, 0, b"").to_bytes(), "invalid_method"),
        (b"\1\0\0\0\0\0\4\0", "invalid_method"),
    ],
)
def test_what_no_client_should_say_can_be_said_and_the_answer_is_seen(data, name):
    async def body(connection, _):
        connection.send_raw(data)
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        return raised.value.name

    assert play(body)[0] == name


def test_an_object_made_by_raw_bytes_can_be_adopted():
    async def body(connection, compositor):
        id_ = connection.next_id()
        connection.send_raw(Frame(1, 0, id_.to_bytes(4, "little")).to_bytes())
        callback = connection.adopt(id_, "wl_callback", 1)
        events = await connection.dispatch()
        with pytest.raises(UsageError, match="in use"):
            connection.adopt(1, "wl_callback", 1)
        return [event.object is callback for event in events if event.name == "done"]

    assert play(body)[0] == [True]


def test_a_wrong_request_is_the_callers_mistake_and_nothing_is_sent():
    async def body(connection, compositor):
        maker = await connection.bind("wl_compositor")
        surface, region = maker.create_surface(), maker.create_region()
        region.destroy()
        await connection.flush()
        before = connection.next_id()
        for wrong in (
            lambda: surface.attach(None, 0),
            lambda: surface.attach(None, 0, 0, 0),
            lambda: surface.attach(maker, 0, 0),
            lambda: surface.set_input_region(region),
            region.destroy,
            lambda: maker.create_surface(5),
            lambda: connection.request(surface, "nothing"),
        ):
            with pytest.raises(UsageError):
                wrong()
        with pytest.raises(AttributeError, match="no request 'nothing'"):
            surface.nothing()
        assert connection.next_id() == before + 1  # none was lost
        count = len(compositor.calls)
        await connection.flush()
        return compositor.calls[count:]

    assert play(body)[0] == []


def test_an_object_is_not_taken_for_the_one_that_has_its_id_now():
    async def body(connection, _):
        maker = await connection.bind("wl_compositor")
        old = maker.create_region()
        old.destroy()
        await connection.roundtrip()
        new = [maker.create_region() for _ in range(2)]
        assert old.id in [region.id for region in new]
        surface = maker.create_surface()
        with pytest.raises(UsageError, match="does not exist"):
            surface.set_input_region(old)
        with pytest.raises(UsageError, match="does not exist"):
            old.add(0, 0, 1, 1)

    play(body)


def test_a_compositor_that_is_idle_and_did_not_answer_is_seen_without_waiting():
    async def body(connection, compositor):
        compositor.mute = True
        with pytest.raises(Unanswered):
            await connection.roundtrip()
        assert await connection.dispatch() == []

    play(body)


def test_an_event_that_is_wrong_is_an_error_after_those_before_it():
    async def body(connection, compositor):
        registry = connection.display.get_registry()
        await connection.flush()
        compositor.out += Frame(77, 5, b"").to_bytes()
        events = await connection.dispatch()
        assert [event.object for event in events] == [registry] * len(GLOBALS)
        with pytest.raises(WireError) as raised:
            await connection.dispatch()
        return raised.value.fault, raised.value.object_id

    assert play(body)[0] == (Fault.OBJECT, 77)


@pytest.mark.parametrize(("rest", "error"), [(b"", ConnectionEnded), (b"\1\0\0\0", WireError)])
def test_a_connection_that_ends_says_whether_inside_a_message(rest, error):
    async def body(connection, compositor):
        compositor.out += rest
        compositor.closed = True
        with pytest.raises(error):
            await connection.roundtrip()

    play(body)


def test_a_silent_connection_is_a_timeout_that_says_so():
    async def body(connection, _):
        connection._transport.recv = asyncio.Event().wait
        with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
            await connection.roundtrip(timeout=0.01)

    play(body)


def test_requests_whose_wait_was_given_up_still_go_out_whole_and_in_order():
    count = 3000

    async def run():
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # far less than they are
        theirs.setblocking(False)
        with theirs:
            async with Connection(SocketTransport(ours)) as connection:
                for _ in range(count):
                    connection.display.sync()
                with pytest.raises(TimeoutError):
                    await connection.dispatch(timeout=0.01)
                sent = asyncio.create_task(read_exactly(theirs, 12 * count))
                await connection.flush()
                async with asyncio.timeout(30):  # what was lost would be waited for
                    return await sent

    async def read_exactly(end, length):
        data = b""
        while len(data) < length:
            data += await asyncio.get_running_loop().sock_recv(end, length - len(data))
        return data

    assert list(struct.iter_unpack("<III", asyncio.run(run()))) == [(1, 12 << 16, id_) for id_ in range(2, count + 2)]


def test_a_connection_is_closed_though_nobody_reads_what_is_on_its_way():
    async def run():
        ours, theirs = socket.socketpair()
        with theirs:
            async with Connection(SocketTransport(ours)) as connection:
                connection.send_raw(bytes(1 << 22))
                with pytest.raises(TimeoutError):
                    await connection.dispatch(timeout=0.01)
        return ours.fileno()

    assert asyncio.run(run()) == -1


def test_a_refusal_says_what_came_before_it_in_the_same_wait():
    async def body(connection, _):
        callback = connection.display.sync()
        await connection.flush()
        came = await connection._transport.recv()
        answers = iter([Received(came.data, more=True)])

        async def recv():
            for answer in answers:
                return answer
            raise Refused("wire-recv conn=1", "limit")

        connection._transport.recv = recv
        with pytest.raises(Refused) as raised:
            await connection.dispatch()
        assert [event.object for event in raised.value.events] == [callback, connection.display]

    play(body)


def test_pixels_as_runs_are_the_pixels():
    pixels = np.array([[1, 1, 2], [2, 2, 0xFFFFFFFF]], np.uint32)
    assert pixel_runs(pixels) == [(2, 1), (3, 2), (1, 0xFFFFFFFF)]
    assert pixel_bytes(pixel_runs(pixels)) == pixels.tobytes()
    assert pixel_runs(pixels[:, ::2]) == [(1, 1), (2, 2), (1, 0xFFFFFFFF)]
    assert pixel_runs(np.zeros((0, 4), np.uint32)) == []
