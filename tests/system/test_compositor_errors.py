"""What the reference guest's compositor says to each breach of the protocol, and to whom."""

import asyncio

import pytest

from harness.clients.wayland.errors import CompositorError, ConnectionEnded

from .compositor_client import Client, guest, raw, text

pytestmark = pytest.mark.system

# What a client does, and what the compositor says to it: the object's interface, the error's name.
OFFENCES = {
    "unknown object": (lambda c: c.raw(77, 0), ("wl_display", "invalid_object")),
    "unknown opcode": (lambda c: c.raw(c.wl_compositor.id, 9), ("wl_display", "invalid_method")),
    "size under the header": (lambda c: c.raw(1, 0, size=4), ("wl_display", "invalid_method")),
    "size not of words": (lambda c: c.raw(1, 0, b"\0\0\0", size=11), ("wl_display", "invalid_method")),
    "too short": (lambda c: c.raw(1, 0), ("wl_display", "invalid_method")),
    "too long": (lambda c: c.raw(1, 0, c.fresh(), 0), ("wl_display", "invalid_method")),
    "id in use": (lambda c: c.raw(1, 0, 2), ("wl_display", "invalid_method")),
    "id null": (lambda c: c.raw(1, 0, 0), ("wl_display", "invalid_method")),
    "id of the server": (lambda c: c.raw(1, 0, 0xFF000000), ("wl_display", "invalid_method")),
    "id with a gap": (lambda c: c.raw(1, 0, c.fresh() + 5), ("wl_display", "invalid_method")),
    "null object": (lambda c: c.raw(c.xdg_wm_base.id, 2, c.fresh(), 0), ("wl_display", "invalid_method")),
    "object of another interface": (
        lambda c: c.raw(c.xdg_wm_base.id, 2, c.fresh(), 2),
        ("wl_display", "invalid_method"),
    ),
    "null string": (lambda c: c.raw(2, 0, 1, 0, 1, c.fresh()), ("wl_display", "invalid_method")),
    "string past the end": (lambda c: c.raw(2, 0, 1, 400, 0), ("wl_display", "invalid_method")),
    "huge string": (lambda c: c.raw(2, 0, 1, 0xFFFFFFFD, 0, 0, 0), ("wl_display", "invalid_method")),
    "string without a NUL": (lambda c: c.raw(2, 0, 1, 4, b"wl_x", 1, c.fresh()), ("wl_display", "invalid_method")),
    "string with a NUL inside": (
        lambda c: c.raw(2, 0, 1, 4, b"w\0x\0", 1, c.fresh()),
        ("wl_display", "invalid_method"),
    ),
    "no descriptor": (lambda c: c.raw(c.wl_shm.id, 0, c.fresh(), 4096), ("wl_display", "invalid_method")),
    "no such global": (lambda c: c.raw(2, 0, 99, text("wl_shm"), 1, c.fresh()), ("wl_registry", "0")),
    "global by a wrong name": (lambda c: c.raw(2, 0, 1, text("wl_shm"), 1, c.fresh()), ("wl_registry", "0")),
    "global in a version too new": (
        lambda c: c.raw(2, 0, 1, text("wl_compositor"), 5, c.fresh()),
        ("wl_registry", "0"),
    ),
    "request of a later version": (lambda c: c.old_surface_damage(), ("wl_display", "invalid_method")),
    "pool size 0": (lambda c: c.pool(0), ("wl_shm", "invalid_stride")),
    "pool over its memory": (lambda c: c.pool(8192, memory=4096), ("wl_shm", "invalid_fd")),
    "pool shrinks": (lambda c: c.pool(4096, then=lambda p: p.resize(4095)), ("wl_shm_pool", "2")),
    "pool grows over its memory": (lambda c: c.pool(4096, then=lambda p: p.resize(8192)), ("wl_shm_pool", "2")),
    "format": (lambda c: c.pool(4096, then=lambda p: p.create_buffer(0, 8, 8, 32, 7)), ("wl_shm_pool", "0")),
    "stride": (lambda c: c.pool(4096, then=lambda p: p.create_buffer(0, 8, 8, 31, 1)), ("wl_shm_pool", "1")),
    "buffer past the pool": (
        lambda c: c.pool(4096, then=lambda p: p.create_buffer(4, 32, 32, 128, 1)),
        ("wl_shm_pool", "1"),
    ),
    "buffer that overflows": (
        lambda c: c.pool(4096, then=lambda p: p.create_buffer(0, 1, 0x7FFFFFFF, 0x7FFFFFFF, 1)),
        ("wl_shm_pool", "1"),
    ),
    "buffer of no height": (
        lambda c: c.pool(4096, then=lambda p: p.create_buffer(0, 8, 0, 32, 1)),
        ("wl_shm_pool", "1"),
    ),
    "scale 0": (lambda c: c.surface().set_buffer_scale(0), ("wl_surface", "invalid_scale")),
    "transform 8": (lambda c: c.surface().set_buffer_transform(8), ("wl_surface", "invalid_transform")),
    "scaled buffer": (lambda c: c.scaled(), ("wl_display", "implementation")),
    "second role": (lambda c: c.two_xdg_surfaces(), ("xdg_wm_base", "role")),
    "surface with a buffer": (lambda c: c.xdg_of_buffer(), ("xdg_wm_base", "invalid_surface_state")),
    "two toplevels": (
        lambda c: c.xdg(lambda x: (x.get_toplevel(), x.get_toplevel())),
        ("xdg_surface", "already_constructed"),
    ),
    "commit without a role": (lambda c: c.xdg(lambda x: None).commit(), ("xdg_surface", "not_constructed")),
    "ack without a role": (lambda c: c.xdg(lambda x: x.ack_configure(1)), ("xdg_surface", "not_constructed")),
    "geometry without a role": (
        lambda c: c.xdg(lambda x: x.set_window_geometry(0, 0, 1, 1)),
        ("xdg_surface", "not_constructed"),
    ),
    "no geometry": (
        lambda c: c.xdg(lambda x: (x.get_toplevel(), x.set_window_geometry(0, 0, 0, 1))),
        ("xdg_surface", "invalid_size"),
    ),
    "unsent serial": (
        lambda c: c.xdg(lambda x: (x.get_toplevel(), x.ack_configure(9999))),
        ("xdg_surface", "invalid_serial"),
    ),
    "buffer before the configure": (lambda c: c.early_buffer(), ("xdg_surface", "unconfigured_buffer")),
    "buffer before the acknowledgement": (lambda c: c.unacknowledged_buffer(), ("xdg_surface", "unconfigured_buffer")),
    "xdg_surface before its role": (
        lambda c: c.xdg(lambda x: (x.get_toplevel(), x.destroy())),
        ("xdg_surface", "defunct_role_object"),
    ),
    "wm_base before its surfaces": (
        lambda c: (c.xdg(lambda x: None), c.xdg_wm_base.destroy()),
        ("xdg_wm_base", "defunct_surfaces"),
    ),
    "popup": (lambda c: c.popup(size=True), ("xdg_wm_base", "invalid_popup_parent")),
    "popup without a place": (lambda c: c.popup(size=False), ("xdg_wm_base", "invalid_positioner")),
    "positioner of no size": (
        lambda c: c.xdg_wm_base.create_positioner().set_size(0, 5),
        ("xdg_positioner", "invalid_input"),
    ),
    "positioner's anchor": (
        lambda c: c.xdg_wm_base.create_positioner().set_anchor(9),
        ("xdg_positioner", "invalid_input"),
    ),
    "edges": (
        lambda c: c.toplevel_request(lambda t: t.resize(c.wl_seat, 1, 3)),
        ("xdg_toplevel", "invalid_resize_edge"),
    ),
    "negative size": (lambda c: c.toplevel_request(lambda t: t.set_min_size(-1, 0)), ("xdg_toplevel", "invalid_size")),
    "minimum over maximum": (
        lambda c: c.toplevel_request(lambda t: (t.set_min_size(9, 9), t.set_max_size(8, 8)), commit=True),
        ("xdg_toplevel", "invalid_size"),
    ),
    "own parent": (lambda c: c.toplevel_request(lambda t: t.set_parent(t)), ("xdg_toplevel", "invalid_parent")),
    "touch": (lambda c: c.wl_seat.get_touch(), ("wl_seat", "missing_capability")),
    "cursor of a window": (lambda c: c.cursor(), ("wl_pointer", "role")),
    "unknown drag action": (
        lambda c: c.wl_data_device_manager.create_data_source().set_actions(8),
        ("wl_data_source", "invalid_action_mask"),
    ),
    "selection of a drag's source": (lambda c: c.wrong_selection(), ("wl_data_source", "invalid_source")),
    "too many surfaces": (lambda c: [c.surface() for _ in range(17)], ("wl_display", "no_memory")),
    "too many regions": (lambda c: [c.wl_compositor.create_region() for _ in range(17)], ("wl_display", "no_memory")),
    "too many objects": (
        lambda c: [c.xdg_wm_base.create_positioner() for _ in range(256)],
        ("wl_display", "no_memory"),
    ),
}


class Offender(Client):
    async def commit_offence(self, offence):
        done = offence(self)
        if asyncio.iscoroutine(done):
            await done
        await self.settle()

    def raw(self, *arguments, **options):
        self.connection.send_raw(raw(*arguments, **options))

    def fresh(self):
        return self.connection.next_id()

    def surface(self):
        return self.wl_compositor.create_surface()

    def xdg(self, then):
        surface = self.surface()
        then(self.xdg_wm_base.get_xdg_surface(surface))
        return surface

    async def pool(self, size, memory=None, then=lambda pool: None):
        file = await self.connection.memory(memory or size or 4096)
        then(self.wl_shm.create_pool(file, size))

    async def old_surface_damage(self):
        old = (await self.connection.bind("wl_compositor", 3)).create_surface()
        self.raw(old.id, 9, 0, 0, 1, 1)

    def scaled(self):
        surface = self.surface()
        surface.set_buffer_scale(2)
        surface.commit()

    def two_xdg_surfaces(self):
        surface = self.xdg(lambda xdg: xdg.get_toplevel())
        self.xdg_wm_base.get_xdg_surface(surface)

    async def xdg_of_buffer(self):
        surface = self.surface()
        surface.attach(await self.buffer(), 0, 0)
        self.xdg_wm_base.get_xdg_surface(surface)

    async def early_buffer(self):
        surface = self.xdg(lambda xdg: xdg.get_toplevel())
        surface.attach(await self.buffer(), 0, 0)
        surface.commit()

    async def unacknowledged_buffer(self):
        surface = self.xdg(lambda xdg: xdg.get_toplevel())
        surface.commit()
        await self.settle()
        surface.attach(await self.buffer(), 0, 0)
        surface.commit()

    def popup(self, size):
        positioner = self.xdg_wm_base.create_positioner()
        if size:
            positioner.set_size(10, 10)
            positioner.set_anchor_rect(0, 0, 1, 1)
        self.xdg(lambda xdg: xdg.get_popup(None, positioner))

    def toplevel_request(self, then, commit=False):
        toplevels = []
        surface = self.xdg(lambda xdg: toplevels.append(xdg.get_toplevel()))
        then(toplevels[0])
        if commit:
            surface.commit()

    def cursor(self):
        surface = self.xdg(lambda xdg: xdg.get_toplevel())
        self.wl_seat.get_pointer().set_cursor(0, surface, 0, 0)

    def wrong_selection(self):
        source = self.wl_data_device_manager.create_data_source()
        source.set_actions(1)
        self.wl_data_device_manager.get_data_device(self.wl_seat).set_selection(source, 1)


def test_every_protocol_error_is_named_on_the_right_object_and_ends_the_offender_alone(tmp_path):
    async def body(session):
        bystander = await Client.open(session)
        await bystander.window()
        for name, (offence, expected) in OFFENCES.items():
            offender = await Offender.open(session)
            await offender.window()
            with pytest.raises(CompositorError) as raised:
                await offender.commit_offence(offence)
            assert (raised.value.interface, raised.value.name) == expected, name
            with pytest.raises((CompositorError, ConnectionEnded)):
                await offender.settle()
            assert dict((await session.command("query")).words)["windows"] == "1", name
            await offender.connection.close()
            assert await bystander.settle() is not None
        return (tmp_path / "serial.bin").read_text().count("RAYOS_FAILURE:DETECTED:protocol:98")

    assert guest(tmp_path, body) == len(OFFENCES)
