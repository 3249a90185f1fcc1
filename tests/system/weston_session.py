"""A session with the Weston guest for tests in Python: commands, markers, pictures, input, its compositor's socket."""

import asyncio
import struct
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from harness.clients.wayland.connection import Connection
from harness.clients.wayland.port import NAME, WaylandPort
from harness.console.stream import ConsoleStream
from harness.frames.capture import Capture
from harness.markers.parser import MarkerParser
from harness.qmp.input import axis
from harness.targets.argv import GuestPort, Launch
from harness.targets.loader import find_image
from harness.targets.qemu import QemuTarget
from harness.timeouts import host

from .wired import wired

SCREEN = 1024, 768
BACKGROUND = 0x203040
BOOT = host(90)  # s: 5 with a core to itself, 17 were seen on a host with ten busy processes for two cores
XRGB8888 = 1


class WestonSession:
    """What a test does to the guest. `markers` are the texts of those that came, in order."""

    def __init__(self, target, journal, console, link, folder, wayland):
        self.target, self.journal, self.link, self.console, self.wayland = target, journal, link, console, wayland
        self.markers = []
        self.clients = []
        self._capture = Capture(target.qmp, folder, journal=journal)
        self._stream, self._parser = ConsoleStream(), MarkerParser()
        self._moved = asyncio.Event()
        console.on_chunk.append(self._chunk)

    def _chunk(self, chunk):
        for line in self._stream.feed(chunk):
            self.markers += [marker.text for marker in self._parser.feed(line)]
        self._moved.set()

    async def until(self, condition, timeout=BOOT):
        async with asyncio.timeout(timeout):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def command(self, payload, timeout=None):
        reply = await self.link.command(payload, timeout)
        assert reply.ok, f"{payload}: {reply.payload}"
        return reply

    async def picture(self):
        return (await self._capture.grab()).pixels

    async def picture_where(self, holds):
        """The first picture of which *holds* is true; a screen tells nobody when it changes."""
        async with asyncio.timeout(host(60)):
            while not holds(pixels := await self.picture()):
                await self.command("frames n=1")
            return pixels

    async def key(self, qcode, down):
        data = {"down": down, "key": {"type": "qcode", "data": qcode}}
        await self.target.qmp.execute("input-send-event", events=[{"type": "key", "data": data}])

    async def pointer(self, x, y):
        values = zip("xy", (x, y), SCREEN, strict=True)
        events = [{"type": "abs", "data": {"axis": a, "value": axis(pixel, size)}} for a, pixel, size in values]
        await self.target.qmp.execute("input-send-event", events=events)

    async def button(self, name, down):
        await self.target.qmp.execute(
            "input-send-event", events=[{"type": "btn", "data": {"down": down, "button": name}}]
        )


@asynccontextmanager
async def weston(folder, *ports):
    """A `WestonSession` with the desktop there. *ports*: `GuestPort`s of the test's own."""
    profile = find_image("weston")
    wayland = WaylandPort()
    launch = Launch(clock="wall", ports=(GuestPort(name=NAME, plug=wayland.plug), *ports))
    target = QemuTarget(replace(profile), launch)
    async with wired(target, folder) as (journal, console, link), wayland:
        session = WestonSession(target, journal, console, link, folder, wayland)
        await target.go()
        await session.until(lambda: any(m.startswith("RAYOS_CONTROL:READY:0") for m in session.markers))
        yield session


class StockClient:
    """A client of the desktop with the usual globals bound, and one window."""

    NEEDED = ("wl_compositor", "wl_shm", "xdg_wm_base", "wl_seat", "wl_data_device_manager")

    def __init__(self, connection, transport):
        self.connection, self.transport = connection, transport
        self.configured = []  # (width, height, states)
        self.memory = self.pool = None
        self.capabilities = 0  # of the seat

    @classmethod
    async def open(cls, session):
        transport = await session.wayland.open()
        client = cls(Connection(transport), transport)
        session.clients.append(client)
        for name in cls.NEEDED:
            setattr(client, name, await client.connection.bind(name))
        client.wl_seat.on("capabilities", lambda event: setattr(client, "capabilities", event["capabilities"]))
        return client

    async def pointer(self, session, x, y):
        """The pointer put at (x, y), and its object: the seat has one only once Weston saw it move."""
        await session.pointer(x, y)
        while not self.capabilities & 1:
            await self.connection.dispatch()
        return self.wl_seat.get_pointer()

    async def window(self, pixels, place, name="host"):
        """A window with this content at this place; returns once the compositor has taken it."""
        self.surface = self.wl_compositor.create_surface()
        self.xdg = self.xdg_wm_base.get_xdg_surface(self.surface)
        self.xdg_wm_base.on("ping", lambda event: self.xdg_wm_base.pong(event["serial"]))
        self.xdg.on("configure", lambda event: self.xdg.ack_configure(event["serial"]))
        self.toplevel = self.xdg.get_toplevel()
        self.toplevel.on("configure", self._configure)
        self.toplevel.set_app_id(f"{name}@{place[0]},{place[1]}")
        self.surface.commit()
        await self.connection.wait(lambda event: event.object is self.xdg)
        await self.make_buffer(pixels.shape)
        await self.show(pixels)

    def _configure(self, event):
        states = event["states"]
        self.configured.append((event["width"], event["height"], struct.unpack(f"<{len(states) // 4}I", states)))

    async def make_buffer(self, shape):
        height, width = shape
        self.width = width
        self.memory = await self.connection.memory(height * width * 4)
        self.pool = self.wl_shm.create_pool(self.memory, height * width * 4)
        self.buffer = self.pool.create_buffer(0, width, height, width * 4, XRGB8888)

    async def show(self, pixels, area=None):
        """Commit *pixels*, of which only *area* (x, y, w, h) changed; returns once the frame callback came."""
        height, width = pixels.shape
        x, y, w, h = area or (0, 0, width, height)
        first, last = y * width, (y + h) * width
        await self.memory.put(first * 4, np.ascontiguousarray(pixels.reshape(-1)[first:last]).tobytes())
        self.surface.attach(self.buffer, 0, 0)
        self.surface.damage(x, y, w, h)
        callback = self.surface.frame()
        self.surface.commit()
        return await self.connection.wait(lambda event: event.object is callback)

    async def close(self):
        await self.connection.close()


def pattern(width, height, seed=0):
    """No two rows or columns beside each other are alike."""
    rows, columns = np.indices((height, width), np.uint32)
    return ((rows * 0x030507 + columns * 0x050301 + seed * 0x1F3D5B) & 0xFFFFFF).astype(np.uint32)


def inside(pixels, place, content):
    """Whether the screen shows *content* at *place*, each channel to within one: the display may round."""
    (x, y), (height, width) = place, content.shape
    part = pixels[y : y + height, x : x + width]
    shown = [((one >> shift) & 0xFF).astype(np.int16) for one in (part, content) for shift in (0, 8, 16)]
    return all((np.abs(a - b) <= 1).all() for a, b in zip(shown[:3], shown[3:], strict=True))
