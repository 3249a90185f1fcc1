"""The tunnel: every command fits, bytes and descriptors keep their order, refusals are typed."""

import asyncio
import random

import pytest

from harness.clients.codec import Reply
from harness.clients.wayland.connection import Connection
from harness.clients.wayland.errors import CompositorError, Refused, Unanswered
from harness.clients.wayland.framing import Frame
from harness.clients.wayland.tunnel import TunnelTransport
from harness.errors import ProtocolError, UsageError

from .compositor import GLOBALS, KEYMAP, FakeGuest


def play(body):
    """Run *body(connection, guest, compositor)* through a tunnel."""

    async def run():
        guest = FakeGuest()
        async with Connection(await TunnelTransport.open(guest)) as connection:
            result = await body(connection, guest, guest.connections[1])
        assert 1 not in guest.connections
        return result

    return asyncio.run(run())


def test_a_client_of_the_guest_works_as_any_other():
    async def body(connection, guest, compositor):
        maker = await connection.bind("wl_compositor")
        assert len(connection.globals) == len(GLOBALS)
        surface = maker.create_surface()
        surface.commit()
        await connection.roundtrip()
        assert guest.seen[0] == "wire-open"
        return [call.name for call in compositor.calls][-3:]

    assert play(body) == ["wl_compositor.create_surface", "wl_surface.commit", "wl_display.sync"]


def test_more_than_one_command_carries_goes_in_pieces_both_ways():
    async def body(connection, guest, compositor):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        for n in range(300):
            surface.damage(n, 1, 2, 3)
        for _ in range(100):
            connection.display.sync()
        events = await connection.dispatch()
        assert [call.values[0] for call in compositor.calls if call.name == "wl_surface.damage"] == list(range(300))
        return [event.name for event in events].count("done")

    assert play(body) == 100


def test_memory_is_made_when_it_is_sent_and_keeps_what_was_written_before_and_after():
    rng = random.Random(3)
    data = rng.randbytes(3001)
    runs = [(rng.randrange(1, 5), rng.getrandbits(32)) for _ in range(400)]

    async def body(connection, guest, compositor):
        shm = await connection.bind("wl_shm")
        first, second = await connection.memory(4000), await connection.memory(8000)
        await first.put(7, data)
        shm.create_pool(second, 8000)
        shm.create_pool(first, 4000)
        assert not any(seen.startswith("wire-memory") for seen in guest.seen)
        await connection.roundtrip()
        await second.fill(40, runs)
        assert await first.read(7, 3001) == data
        assert len(await first.read()) == 4000
        return [call.arguments["fd"].content for call in compositor.calls if call.name == "wl_shm.create_pool"]

    second, first = play(body)
    assert first == bytes(7) + data + bytes(4000 - 7 - 3001)
    pixels = b"".join(pixel.to_bytes(4, "little") * count for count, pixel in runs)
    assert second == (bytes(40) + pixels).ljust(8000, b"\0")


def test_what_lies_outside_of_memory_is_refused_before_the_guest_hears_of_it():
    async def body(connection, guest, _):
        memory = await connection.memory(16)
        for at, length in [(-1, 1), (16, 1), (0, 17)]:
            with pytest.raises(UsageError, match="not inside a file of 16"):
                await memory.put(at, bytes(length))
        with pytest.raises(UsageError, match="not inside"):
            await memory.fill(0, [(5, 0)])
        with pytest.raises(UsageError, match="not sent"):
            await memory.read()
        return list(guest.seen)

    assert play(body) == ["wire-open"]


def test_memory_goes_through_once_and_other_things_not_at_all():
    async def body(connection, *_):
        shm = await connection.bind("wl_shm")
        memory = await connection.memory(16)
        shm.create_pool(memory, 16)
        shm.create_pool(memory, 16)
        with pytest.raises(UsageError, match="once"):
            await connection.flush()
        shm.create_pool(5, 16)
        with pytest.raises(UsageError, match="cannot go through"):
            await connection.flush()

    play(body)


def test_the_content_of_a_descriptor_from_the_guest_is_read_in_pieces():
    async def body(connection, *_):
        seat = await connection.bind("wl_seat")
        seat.get_keyboard()
        (keymap,) = await connection.roundtrip()
        assert await keymap["fd"].read(4, 7) == KEYMAP[4:11]
        return await keymap["fd"].read()

    assert play(body) == KEYMAP


def test_a_protocol_error_comes_through_and_the_connection_is_over():
    async def body(connection, *_):
        connection.send_raw(Frame(1, 99, b"").to_bytes() * 500)
        with pytest.raises(CompositorError, match="invalid_method"):
            await connection.roundtrip()

    play(body)


def test_an_idle_guest_that_did_not_answer_is_known_at_once():
    async def body(connection, _, compositor):
        compositor.mute = True
        with pytest.raises(Unanswered):
            await connection.roundtrip()

    play(body)


def test_no_connection_left_is_a_refusal_with_its_reason():
    async def run():
        guest = FakeGuest(connections=0)
        with pytest.raises(Refused) as raised:
            await TunnelTransport.open(guest)
        return raised.value.reason

    assert asyncio.run(run()) == "limit"


@pytest.mark.parametrize(
    "answer",
    ["ok queued=0 data=!!!!", "ok data=", "ok queued=x data=", "ok queued=0 data= fds=1,,2", "ok queued=0 data=a"],
)
def test_an_answer_that_cannot_be_read_is_a_protocol_error(answer):
    class Guest:
        async def command(self, payload):
            return Reply(1, True, "ok conn=0" if payload == "wire-open" else answer)

    async def run():
        transport = await TunnelTransport.open(Guest())
        with pytest.raises(ProtocolError):
            await transport.recv()

    asyncio.run(run())
