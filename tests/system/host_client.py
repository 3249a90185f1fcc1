"""A Wayland client of the reference guest, on the host's side of the tunnel."""

import struct

import numpy as np

from harness.clients.wayland.connection import Connection
from harness.clients.wayland.transport import pixel_runs
from harness.clients.wayland.tunnel import TunnelTransport
from harness.frames.compare import compare
from harness.frames.identity import desktop_of
from harness.frames.oracle import render

GLOBALS = {
    "wl_compositor": 4,
    "wl_shm": 1,
    "wl_seat": 5,
    "wl_output": 3,
    "wl_data_device_manager": 3,
    "xdg_wm_base": 2,
    "wp_presentation": 1,
    "rayos_shell_v1": 1,
}
XRGB8888 = 1
FIRST = 97  # the window of connection 1


async def assert_computed(session, why="", *, counted=True):
    """One tick; then the screen holds the frame that the guest claims, and the oracle's pixels. Returns these."""
    await session.command("frames n=1")
    frame, result = await session.check()
    assert result.matches, f"{result.reason}; {why}"
    shown = desktop_of(frame.pixels)
    view = session.follower.view()
    difference = compare(render(view), shown)
    assert difference.equal, f"{difference}; {why}; {view}"
    if counted:
        assert session.follower.claim.number == session.follower.least, f"frames are counted differently; {why}"
    return shown


def pattern(width, height, seed=0):
    """Bands of colours that differ from seed to seed, and a corner of noise: few runs, so few commands."""
    rows, columns = np.indices((height, width), np.uint32)
    pixels = (rows // 7 * 0x0B0517 + columns // max(13, width // 5) * 0x1D0003 + seed * 0x050B31) & 0xFFFFFF
    noise = np.random.default_rng(seed).integers(0, 1 << 24, (16, 16), np.uint32)
    pixels[-16:, -16:] = noise[: pixels[-16:, -16:].shape[0], : pixels[-16:, -16:].shape[1]]
    return pixels.astype(np.uint32)


def striped(width, height, color):
    """A large picture that takes few commands: one colour, and a line of another every 97 rows."""
    pixels = np.full((height, width), color, np.uint32)
    pixels[::97] = 0xFFEEDD
    return pixels


def seen(events, interface):
    """What came from objects of an interface: name and arguments, in order."""
    return [(e.name, dict(e.arguments)) for e in events if e.object.interface.name == interface]


def names(events, interface):
    return [name for name, _ in seen(events, interface)]


class HostClient:
    """A connection with every global bound as an attribute. `number` is that of its first window."""

    def __init__(self, session, connection, number):
        self.session, self.connection, self.number = session, connection, number

    @classmethod
    async def open(cls, session, number=FIRST):
        # Through the session, which waits for the rendezvous after each answer: the next byte comes when no time runs.
        client = cls(session, Connection(await TunnelTransport.open(session)), number)
        for name in GLOBALS:
            setattr(client, name, await client.connection.bind(name))
        return client

    async def settle(self):
        return await self.connection.roundtrip()

    async def buffer(self, pixels):
        """A buffer of 0x00RRGGBB pixels in memory of its own: runs of one colour, the last rows as what is shorter."""
        height, width = pixels.shape
        memory = await self.connection.memory(pixels.nbytes)
        split = max(height - 16, 0)
        await memory.fill(0, pixel_runs(pixels[:split]))
        rest = pixel_runs(pixels[split:])
        if 8 * len(rest) < pixels[split:].nbytes:
            await memory.fill(split * width * 4, rest)
        else:
            await memory.put(split * width * 4, pixels[split:].tobytes())
        pool = self.wl_shm.create_pool(memory, pixels.nbytes)
        buffer = pool.create_buffer(0, width, height, width * 4, XRGB8888)
        pool.destroy()
        return buffer

    async def window(self, pixels, number=None, place=None, title=None):
        """A window that shows *pixels*, made step by step as xdg-shell asks; the events of its way are `mapping`."""
        window = Window(self, self.number if number is None else number)
        if title is not None:
            window.toplevel.set_title(title)
        if place is not None:
            window.move(*place)
        window.surface.commit()
        await self.settle()
        window.mapping = await window.show(pixels)
        return window

    async def close(self):
        await self.connection.close()


class Window:
    """A toplevel of a host client."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.surface = client.wl_compositor.create_surface()
        self.xdg = client.xdg_wm_base.get_xdg_surface(self.surface)
        self.toplevel = self.xdg.get_toplevel()
        self.handle = client.rayos_shell_v1.get_window(self.toplevel)
        self.configured = []  # (width, height, states)
        self.xdg.on("configure", lambda event: self.xdg.ack_configure(event["serial"]))
        self.toplevel.on("configure", self._configure)

    def _configure(self, event):
        states = event["states"]
        self.configured.append((event["width"], event["height"], struct.unpack(f"<{len(states) // 4}I", states)))

    def move(self, x, y):
        self.handle.set_place(x, y)

    def accent(self, color):
        self.handle.set_accent(color)

    async def show(self, pixels, areas=None):
        """Commit a buffer with this damage, by default all of it. Returns the events that came."""
        height, width = pixels.shape
        self.surface.attach(await self.client.buffer(pixels), 0, 0)
        for area in areas or ():
            self.surface.damage_buffer(area.x, area.y, area.w, area.h)
        if areas is None:
            self.surface.damage_buffer(0, 0, width, height)
        self.surface.commit()
        return await self.client.settle()
