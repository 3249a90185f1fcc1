"""The reference guest's compositor, spoken to by a client of the host through the tunnel."""

import struct
from base64 import b64decode as base64_bytes
from base64 import b64encode

import numpy as np
import pytest

from harness.clients.wayland.errors import CompositorError, ConnectionEnded
from harness.frames.types import FrameVerdict

from .compositor_client import Client, changes, guest, raw
from .reference_session import button, key, place

pytestmark = pytest.mark.system


def base64(data):
    return b64encode(data).decode()


def test_a_window_shows_what_its_client_committed_with_the_frame_that_it_asked_for(tmp_path):
    async def body(session):
        client = await Client.open(session)
        surface, xdg, toplevel, events = await client.window(width=120, height=90, color=0xFF3A6EA5)
        assert [name for name, _ in changes(events, "xdg_toplevel")] == ["configure"]
        window = client.rayos_shell_v1.get_window(toplevel)
        window.set_place(300, 200)
        toplevel.set_title("host")
        again = await client.buffer(width=120, height=90, color=0x00C04020)
        await client.settle()
        await session.command("frames n=1")
        first, verdict = await session.check()
        assert verdict.verdict is FrameVerdict.MATCH, verdict
        surface.attach(again, 0, 0)
        surface.damage_buffer(10, 20, 30, 40)
        surface.frame()
        client.wp_presentation.feedback(surface)
        surface.commit()
        before = await client.settle()
        assert changes(before, "wl_buffer") == [("release", {})]
        assert not changes(before, "wl_callback")
        reply = await session.command("frames n=1")
        after = await client.settle()
        assert [name for name, _ in changes(after, "wl_callback")] == ["done"]
        shown = dict(changes(after, "wp_presentation_feedback"))
        assert str(shown["presented"]["seq_lo"]) == reply.words["frame"]
        second, verdict = await session.check()
        assert verdict.verdict is FrameVerdict.MATCH, verdict
        client.wp_presentation.feedback(surface)
        surface.commit()
        client.wp_presentation.feedback(surface)
        surface.commit()
        assert changes(await client.settle(), "wp_presentation_feedback") == [("discarded", {})], "superseded"
        toplevel.destroy()
        xdg.destroy()
        surface.destroy()
        assert changes(await client.settle(), "wp_presentation_feedback") == [("discarded", {})], "never to be seen"
        return first, second

    first, second = (np.asarray(frame.pixels) & 0xFFFFFF for frame in guest(tmp_path, body))
    content = slice(219, 309), slice(301, 421)
    assert (first[content] == 0x3A6EA5).all()
    expected = first.copy()
    expected[219 + 20 : 219 + 60, 301 + 10 : 301 + 40] = 0xC04020
    assert (second[:, :992] == expected[:, :992]).all(), "only what the commit declared as damaged changes"


def test_keys_and_the_pointer_reach_the_surface_under_them_with_enter_and_leave(tmp_path):
    async def body(session):
        client = await Client.open(session)
        client.wl_seat.get_keyboard(), client.wl_seat.get_pointer()
        _, _, _, mapped = await client.window()
        assert [name for name, _ in changes(mapped, "wl_keyboard")] == ["enter", "modifiers"]
        await session.inject(key("shift", True))
        await session.inject(key("right", True))
        keys = changes(await client.settle(), "wl_keyboard")
        assert keys == [
            ("key", {"key": 42, "state": 1}),
            ("modifiers", {"mods_depressed": 1, "mods_latched": 0, "mods_locked": 0, "group": 0}),
            ("key", {"key": 106, "state": 1}),
        ]
        await session.inject(*place(70, 70))  # the title bar is not the client's
        assert changes(await client.settle(), "wl_pointer") == []
        await session.inject(*place(75, 93))
        await session.inject(*place(80, 100), button("left", True))
        await session.inject(*place(5, 5))  # the button holds it
        inside = changes(await client.settle(), "wl_pointer")
        assert [
            (name, given.get("surface_x"), given.get("surface_y")) for name, given in inside if "surface_x" in given
        ] == [
            ("enter", 10.0, 10.0),
            ("motion", 15.0, 17.0),
            ("motion", -60.0, -78.0),
        ]
        assert ("button", {"button": 272, "state": 1}) in inside
        await session.inject(button("left", False))
        outside = changes(await client.settle(), "wl_pointer")
        assert [name for name, _ in outside] == ["button", "frame", "leave", "frame"]
        await session.command("create id=1 x=500 y=300 w=100 h=100 color=3a6ea5")
        lost = await client.settle()
        assert changes(lost, "wl_keyboard")[0][0] == "leave"
        assert changes(lost, "xdg_toplevel") == [("configure", {"width": 100, "height": 80, "states": b""})]

    guest(tmp_path, body)


def test_the_selection_goes_between_a_client_of_the_guest_and_one_of_the_host(tmp_path):
    async def body(session):
        client = await Client.open(session)
        device = client.wl_data_device_manager.get_data_device(client.wl_seat)
        keyboard = client.wl_seat.get_keyboard()
        serials = []
        keyboard.on("enter", lambda event: serials.append(event["serial"]))
        await session.command("create id=1 x=500 y=300 w=200 h=100 color=3a6ea5")
        await session.command("copy id=1 text=from-the-guest")
        _, _, _, events = await client.window()
        offer = next(given["id"] for _, name, given in events if name == "selection")
        memory = await client.connection.memory(64)
        offer.receive("text/plain;charset=utf-8", memory)
        await client.settle()
        got = await memory.read(0, 64)
        source = client.wl_data_device_manager.create_data_source()
        source.offer("text/plain;charset=utf-8")
        device.set_selection(source, serials[-1])
        sent = []
        source.on("send", lambda event: sent.append(event["fd"]))
        await client.settle()
        await session.command("focus id=1")
        assert (await session.command("paste id=1")).words["bytes"] == "0", "the host has not written yet"
        await client.settle()
        await session.command("frames n=1")
        await sent[0].put(0, struct.pack("<I", 4) + b"host")
        assert (await session.command("frames n=1")).words["presented"] == "1", "it was drawn without another nudge"
        return got, (await session.command("client id=1")).words

    got, arrived = guest(tmp_path, body)
    assert (arrived["text"], arrived["pastes"]) == ("4", "1")
    assert got[: 4 + got[0]] == struct.pack("<I", 14) + b"from-the-guest"


def test_a_drop_is_offered_accepted_and_finished(tmp_path):
    async def body(session):
        giver, taker = await Client.open(session), await Client.open(session)
        for client, x in (giver, 100), (taker, 400):
            client.device = client.wl_data_device_manager.get_data_device(client.wl_seat)
            client.surface, _, toplevel, _ = await client.window()
            client.rayos_shell_v1.get_window(toplevel).set_place(x, 100)
            await client.settle()
        pointer, presses = giver.wl_seat.get_pointer(), []
        pointer.on("button", lambda event: presses.append(event["serial"]))
        await giver.settle()
        await session.inject(*place(120, 140), button("left", True))
        await giver.settle()
        source = giver.wl_data_device_manager.create_data_source()
        source.offer("text/plain")
        source.set_actions(3)
        giver.device.start_drag(source, giver.surface, None, presses[-1])
        assert "leave" in [name for name, _ in changes(await giver.settle(), "wl_pointer")]
        await session.inject(*place(420, 140))
        entered = await taker.settle()
        offer = next(given["id"] for _, name, given in entered if name == "data_offer")
        assert changes(entered, "wl_data_offer") == [
            ("offer", {"mime_type": "text/plain"}),
            ("source_actions", {"source_actions": 3}),
        ]
        serial = next(given["serial"] for of, name, given in entered if (of, name) == ("wl_data_device", "enter"))
        offer.accept(serial, "text/plain")
        offer.set_actions(3, 2)
        assert changes(await taker.settle(), "wl_data_offer") == [("action", {"dnd_action": 2})]
        await session.inject(button("left", False))
        assert [name for name, _ in changes(await taker.settle(), "wl_data_device")] == ["drop"]
        memory = await taker.connection.memory(16)
        offer.receive("text/plain", memory)
        await taker.settle()
        told = dict(changes(await giver.settle(), "wl_data_source"))
        assert {"target", "action", "dnd_drop_performed", "send"} <= set(told)
        await told["send"]["fd"].put(0, b"\x04\0\0\0text")
        assert await memory.read(0, 8) == b"\x04\0\0\0text"
        offer.finish()
        await taker.settle()
        assert changes(await giver.settle(), "wl_data_source") == [("dnd_finished", {})]
        offer.finish()
        with pytest.raises(CompositorError, match="invalid_finish"):
            await taker.settle()

    guest(tmp_path, body)


def test_the_user_moves_and_resizes_a_window_that_asks_for_it(tmp_path):
    async def body(session):
        client = await Client.open(session)
        pointer, presses, sizes = client.wl_seat.get_pointer(), [], []
        pointer.on("button", lambda event: presses.append(event["serial"]))
        surface, _, toplevel, _ = await client.window()
        toplevel.on("configure", lambda event: sizes.append((event["width"], event["height"], event["states"])))
        await session.inject(*place(100, 100), button("left", True))
        await client.settle()
        toplevel.move(client.wl_seat, presses[-1])
        await client.settle()
        await session.inject(*place(200, 150))
        await session.inject(button("left", False))
        await session.inject(*place(200, 150), button("left", True))
        await client.settle()
        toplevel.resize(client.wl_seat, presses[-1], 5)  # top left
        await client.settle()
        await session.inject(*place(190, 130))
        await client.settle()
        assert sizes[-1] == (110, 100, struct.pack("<2I", 3, 4))
        surface.attach(await client.buffer(width=110, height=100), 0, 0)
        surface.commit()
        await client.settle()
        await session.inject(button("left", False))
        await session.inject(*place(0, 0))
        await session.command("frames n=1")
        return (await session.check())[0]

    screen = np.asarray(guest(tmp_path, body).pixels)[:, :992] & 0xFFFFFF
    rows, columns = np.nonzero(screen == 0xFFFFFF)
    inside = (rows > 20) & (columns > 20)
    box = columns[inside].min(), rows[inside].min(), columns[inside].max(), rows[inside].max()
    # 64, 64 moved by 100, 50; then the upper left corner by -10, -20.
    assert box == (154, 94, 154 + 111, 94 + 119)


def test_a_client_in_fullscreen_covers_the_desktop_and_comes_back(tmp_path):
    async def body(session):
        client = await Client.open(session)
        surface, _, toplevel, _ = await client.window(color=0x334455)
        shots = []
        for request, size in (toplevel.set_fullscreen, (992, 768)), (toplevel.unset_fullscreen, (100, 80)):
            request(None) if size[0] == 992 else request()
            configured = dict(changes(await client.settle(), "xdg_toplevel"))["configure"]
            assert (configured["width"], configured["height"]) == size
            surface.attach(await client.buffer(width=size[0], height=40, color=0x334455), 0, 0)
            surface.commit()
            await client.settle()
            refused = await session.command("move id=97 x=0 y=0")
            assert refused.ok == (size[0] == 100)
            await session.command("frames n=1")
            shots.append(np.asarray((await session.check())[0].pixels)[:, :992] & 0xFFFFFF)
        return shots

    full, back = guest(tmp_path, body)
    assert (full[:40] == 0x334455).all()
    assert (full[40:] == 0).all()
    assert (back == 0x334455).sum() == 100 * 40


def test_a_client_of_the_host_that_does_not_read_is_ended_when_its_queue_is_full(tmp_path):
    async def body(session):
        other = await Client.open(session)
        await other.window()
        lazy = await Client.open(session)
        await lazy.window()
        for _ in range(70):
            await session.command("raise id=97")
            await session.command("raise id=98")
            await other.settle()
        assert (await session.command("query")).words["windows"] == "1"
        await lazy.connection.dispatch()
        with pytest.raises(ConnectionEnded):
            await lazy.connection.dispatch()
        return (tmp_path / "serial.bin").read_text()

    serial = guest(tmp_path, body)
    assert serial.index("RAYOS_FAILURE:DETECTED:queue:98") < serial.index("RAYOS_SOAK:CLIENT_DESTROYED:98")


def test_the_tunnel_takes_any_cut_of_the_bytes_and_refuses_what_is_not_there(tmp_path):
    async def body(session):
        async def ask(payload):
            reply = await session.command(payload)
            return reply.words if reply.ok else reply.payload

        assert (await ask("wire-open"))["conn"] == "1"
        message = raw(1, 1, 2) + raw(1, 0, 3)
        for byte in message[:-1]:
            assert (await ask(f"wire-send conn=1 data={base64(bytes([byte]))}"))["queued"].isdecimal()
        words = await ask(f"wire-send conn=1 data={base64(message[-1:])}")
        assert base64_bytes(words["data"]).endswith(raw(1, 1, 3)), "sync was answered, and its id given back"
        memory = await ask("wire-memory conn=1 size=100")
        assert memory["fd"] == "1"
        assert await ask(f"wire-fill conn=1 fd=1 at=20 runs={base64(struct.pack('<4I', 2, 7, 1, 9))}") == {}
        assert base64_bytes((await ask("wire-get conn=1 fd=1 at=16 length=300"))["data"])[:20] == struct.pack(
            "<5I", 0, 7, 7, 9, 0
        )
        refusals = {
            "wire-recv conn=2": "argument conn",
            "wire-send conn=1 data=AAA": "argument data",
            "wire-send conn=1 data=AA=A": "argument data",
            "wire-send conn=1 data=AB==": "argument data",
            "wire-get conn=1 fd=2 at=0 length=1": "argument fd",
            "wire-get conn=1 fd=1 at=101 length=1": "argument at",
            "wire-put conn=1 fd=1 at=97 data=AAAAAA==": "argument at",
            f"wire-fill conn=1 fd=1 at=96 runs={base64(struct.pack('<2I', 2, 7))}": "argument at",
            f"wire-fill conn=1 fd=1 at=0 runs={base64(struct.pack('<2I', 1 << 30, 7))}": "argument at",
            "wire-fill conn=1 fd=1 at=0 runs=AAAAAA==": "argument runs",
            "wire-memory conn=1 size=0": "argument size",
        }
        for payload, reason in refusals.items():
            assert await ask(payload) == reason, payload
        for number in range(2, 9):
            assert (await ask("wire-open"))["conn"] == str(number)
        assert await ask("wire-open") == "limit connections"
        await ask("wire-close conn=3")
        assert (await ask("wire-open"))["conn"] == "3"

    guest(tmp_path, body)


def test_clients_that_came_and_went_leave_no_memory_behind(tmp_path):
    async def body(session):
        used = []
        for _ in range(3):
            for end in "close", "error":
                client = await Client.open(session)
                client.wl_seat.get_keyboard()
                await client.window(width=200, height=200)
                client.wl_data_device_manager.create_data_source().offer("text/plain")
                if end == "error":
                    client.connection.send_raw(raw(99, 0))
                    with pytest.raises(CompositorError):
                        await client.settle()
                await client.connection.close()
            await session.command("create id=1 x=0 y=0 w=300 h=200 color=3a6ea5")
            await session.command("destroy id=1")
            used.append((await session.command("query")).words["mem_kb"])
        return used

    assert len(set(guest(tmp_path, body))) == 1
