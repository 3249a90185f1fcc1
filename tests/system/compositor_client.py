"""A client of the guest's compositor on the host's side, whose events are plain values, and raw requests."""

import asyncio
import struct

from .host_client import HostClient
from .reference_session import reference


def guest(tmp_path, body, **options):
    async def run():
        async with reference(tmp_path, **options) as session:
            return await body(session)

    return asyncio.run(run())


class Client(HostClient):
    """Its events as plain values: interface, name, arguments."""

    async def settle(self):
        return [
            (event.object.interface.name, event.name, dict(event.arguments))
            for event in await self.connection.roundtrip()
        ]

    async def buffer(self, width=100, height=80, color=0x123456):
        memory = await self.connection.memory(width * height * 4)
        await memory.fill(0, [(width * height, color)])
        pool = self.wl_shm.create_pool(memory, width * height * 4)
        return pool.create_buffer(0, width, height, width * 4, 1)

    def toplevel(self):
        """Surface, xdg_surface, xdg_toplevel; its first configure is acknowledged when it comes."""
        surface = self.wl_compositor.create_surface()
        xdg = self.xdg_wm_base.get_xdg_surface(surface)
        xdg.on("configure", lambda event: xdg.ack_configure(event["serial"]))
        toplevel = xdg.get_toplevel()
        surface.commit()
        return surface, xdg, toplevel

    async def window(self, **size):
        surface, xdg, toplevel = self.toplevel()
        await self.settle()
        surface.attach(await self.buffer(**size), 0, 0)
        surface.commit()
        events = await self.settle()
        return surface, xdg, toplevel, events


def raw(object_id, opcode, *words, size=None):
    body = b"".join(word if isinstance(word, bytes) else struct.pack("<I", word & 0xFFFFFFFF) for word in words)
    return struct.pack("<IHH", object_id, opcode, 8 + len(body) if size is None else size) + body


def text(value):
    data = value.encode() + b"\0"
    return struct.pack("<I", len(data)) + data + b"\0" * (-len(data) % 4)


def changes(events, interface):
    """What came from objects of an interface: name and arguments, serials and times left out."""
    left_out = {"serial", "time"}
    return [
        (name, {k: v for k, v in given.items() if k not in left_out}) for of, name, given in events if of == interface
    ]
