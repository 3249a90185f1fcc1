"""Real clients of a real compositor: what they say is understood to the byte, and our own client is one of them."""

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.clients.wayland.connection import Connection
from harness.clients.wayland.errors import CompositorError, Fault, WireError
from harness.clients.wayland.framing import Frame
from harness.clients.wayland.objects import Side
from harness.clients.wayland.protocol import load
from harness.clients.wayland.proxy import RecordingProxy
from harness.clients.wayland.recording import Chunk, Reader, calls, save
from harness.clients.wayland.recording import load as load_recording
from harness.clients.wayland.sockets import SocketTransport
from harness.clients.wayland.transport import pixel_runs

from .weston import LIMIT, start, weston

pytestmark = pytest.mark.system
INTERFACES = load(*Path("/usr/share/wayland-protocols").rglob("*.xml"))  # the clients use some that we do not ship

FRAMES = 10
UNTIL = {  # client: what it has said or heard when the recording is long enough
    "weston-simple-shm": {"frame done": FRAMES, "wl_buffer.release": FRAMES},
    "weston-simple-damage": {"frame done": FRAMES, "wl_surface.damage": 2 * FRAMES},
    "weston-presentation-shm": {"frame done": FRAMES, "wp_presentation_feedback.presented": FRAMES},
    "weston-smoke": {"frame done": FRAMES, "wl_shm_pool.create_buffer": 2},
    "weston-flower": {"wl_surface.enter": 1, "xdg_toplevel.configure": 1},
    "weston-clickdot": {"wl_surface.enter": 1, "xdg_toplevel.set_title": 1},
    "weston-dnd": {"wl_surface.enter": 1, "wl_shm.create_pool": 10},
    "weston-eventdemo": {"wl_surface.enter": 1, "xdg_surface.ack_configure": 1},
    "weston-editor": {"wl_surface.enter": 1, "zwp_text_input_manager_v1.create_text_input": 2},
    "weston-info": {"wl_output.mode": 1, "zxdg_output_v1.logical_size": 1},
}


class Watch:
    """Understands one connection while it goes on; `enough` is set when all of *until* was seen."""

    def __init__(self, until):
        self.reader = Reader(INTERFACES)
        self.until = until
        self.seen = Counter()
        self.calls = []
        self.frames = set()
        self.enough = asyncio.Event()

    def __call__(self, number, chunk):
        assert number == 0
        try:
            self.take(chunk)
        except WireError:
            self.enough.set()
            raise

    def take(self, chunk):
        for call in self.reader.feed(chunk):
            self.calls.append(call)
            self.seen[call.name] += 1
            if call.name == "wl_surface.frame":
                self.frames.add(call.values[0])
            elif call.name == "wl_callback.done" and call.object_id in self.frames:
                self.frames.remove(call.object_id)
                self.seen["frame done"] += 1
        if all(self.seen[name] >= count for name, count in self.until.items()):
            self.enough.set()


async def record(program):
    """What *program* and Weston say to each other until enough was said, and what was understood meanwhile."""
    async with weston() as compositor:
        path = compositor.parent / "proxy"
        watch = Watch(UNTIL[program])
        async with asyncio.timeout(LIMIT), RecordingProxy.open(path, compositor, watch) as proxy:
            client = start(program, path)
            try:
                await watch.enough.wait()
            finally:
                await client.end()
        return proxy.sessions, watch


@pytest.mark.parametrize("program", UNTIL)
def test_every_message_of_a_real_client_decodes_and_encodes_to_its_bytes(program, tmp_path):
    sessions, watch = asyncio.run(record(program))
    (chunks,) = sessions
    watch.reader.finish()  # no byte and no descriptor is left over
    for side in Side:
        mine = [call for call in watch.calls if call.side is side]
        assert b"".join(call.encode().data for call in mine) == b"".join(c.data for c in chunks if c.side is side)
        marks = [fd for call in mine for fd in call.encode().fds]
        assert [mark.number for mark in marks] == list(range(sum(c.fds for c in chunks if c.side is side)))
        assert all(call.has_clean_padding for call in mine)
    save(chunks, tmp_path / "session.jsonl")
    assert load_recording(tmp_path / "session.jsonl") == chunks
    assert list(calls(chunks, INTERFACES)) == watch.calls


def test_a_compositor_that_is_not_there_ends_the_client_and_is_told():
    async def run():
        async with weston() as compositor:
            async with RecordingProxy.open(compositor.parent / "proxy", compositor.parent / "nobody") as proxy:
                client = await SocketTransport.connect(compositor.parent / "proxy")
                async with asyncio.timeout(LIMIT):
                    assert (await client.recv()).closed
                await client.close()
            return proxy.sessions

    with pytest.raises(FileNotFoundError):
        asyncio.run(run())


def client(body):
    """Run *body(connection)* as a client of Weston through the recording proxy; gives its result and what was said."""

    async def run():
        async with weston() as compositor:
            path = compositor.parent / "proxy"
            async with (
                asyncio.timeout(LIMIT),
                RecordingProxy.open(path, compositor) as proxy,
                Connection(await SocketTransport.connect(path)) as connection,
            ):
                result = await body(connection)
            return result, proxy.sessions[0]

    return asyncio.run(run())


async def shown(connection):
    """A window with a picture, up to its first frame callback."""
    maker, shm, shell = [await connection.bind(name) for name in ("wl_compositor", "wl_shm", "xdg_wm_base")]
    surface = maker.create_surface()
    xdg = shell.get_xdg_surface(surface)
    toplevel = xdg.get_toplevel()
    toplevel.set_title("ours")
    xdg.on("configure", lambda event: xdg.ack_configure(event["serial"]))
    surface.commit()
    await connection.wait(lambda event: event.object is xdg)
    memory = await connection.memory(64 * 48 * 4)
    await memory.fill(0, pixel_runs(np.full((48, 64), 0xFF3A6EA5, np.uint32)))
    buffer = shm.create_pool(memory, 64 * 48 * 4).create_buffer(0, 64, 48, 64 * 4, 1)
    surface.attach(buffer, 0, 0)
    surface.damage(0, 0, 64, 48)
    done = surface.frame()
    surface.commit()
    await connection.wait(lambda event: event.object is done)
    return surface, shm, memory


def test_our_client_shows_a_window_and_what_it_said_reads_back():
    async def body(connection):
        surface, *_ = await shown(connection)
        surface.destroy()
        await connection.roundtrip()

    _, chunks = client(body)
    names = [call.name for call in calls(chunks)]
    assert {"xdg_surface.ack_configure", "wl_surface.destroy", "wl_callback.done"} <= set(names)
    assert sum(chunk.fds for chunk in chunks) == 1


def test_a_real_compositor_names_our_protocol_error():
    async def body(connection):
        _, shm, _ = await shown(connection)
        pool = shm.create_pool(await connection.memory(4096), 4096)
        pool.create_buffer(0, 64, 64, 3, 1)
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        return raised.value

    error, _ = client(body)
    # libwayland-server 1.21 posts it on the pool, which has no error enum; the code is wl_shm's invalid_stride.
    assert (error.interface, error.code, error.name) == ("wl_shm_pool", 1, "1")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (Frame(99, 0, b"").to_bytes(), "invalid_object"),
        (Frame(1, 99, b"").to_bytes(), "invalid_method"),
        (Frame(1, 0, b"").to_bytes(), "invalid_method"),  # sync without its new id
    ],
)
def test_a_real_compositor_hears_our_raw_bytes(data, error):
    async def body(connection):
        await connection.bind("wl_compositor")
        connection.send_raw(data)
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        return raised.value.name

    assert client(body)[0] == error


def test_a_recording_that_lacks_a_descriptor_or_a_byte_is_noticed():
    async def body(connection):
        await shown(connection)

    _, chunks = client(body)
    assert list(calls(chunks))
    without = [Chunk(c.side, c.data, 0) for c in chunks]
    with pytest.raises(WireError) as raised:
        list(calls(without))
    assert raised.value.fault is Fault.FD
    more = [*chunks, Chunk(Side.SERVER, b"", 1)]
    with pytest.raises(WireError, match="1 file descriptors of the server were left over"):
        list(calls(more))
    with pytest.raises(WireError) as raised:
        list(calls([*chunks[:-1], Chunk(chunks[-1].side, chunks[-1].data[:-1], chunks[-1].fds)]))
    assert raised.value.fault is Fault.UNFINISHED
