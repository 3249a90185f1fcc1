"""The host's Wayland client meets the compositor of the reference guest: pixels, input, errors, an end, a new start."""

import asyncio
import struct

import pytest

from harness.clients.wayland.errors import CompositorError, ConnectionEnded, Refused
from harness.evidence.journal import read_events
from harness.geometry import Rect

from .host_client import FIRST, GLOBALS, HostClient, assert_computed, names, pattern, seen, striped
from .reference_session import button, key, place, reference

pytestmark = pytest.mark.system

GUEST_WINDOW = "create id=1 x=500 y=300 w=300 h=200 color=3a6ea5"
SHIFT, A = 42, 30  # evdev
LEFT = 0x110
TEXT = "text/plain;charset=utf-8"


def guest(folder, body):
    """Run *body* with a session."""

    async def run():
        async with reference(folder) as session:
            return await body(session)

    return asyncio.run(run())


def text_bytes(text):
    """What a source writes: how long, and the text (docs/protocol.md, "What is handed over")."""
    return struct.pack("<I", len(text)) + text


def test_the_compositor_offers_what_the_documentation_lists(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        return {offer.interface: offer.version for offer in client.connection.globals.values()}

    assert guest(tmp_path, body) == GLOBALS


# ---- pixels ----------------------------------------------------------------------------------------------------------


def test_our_own_pixels_are_on_the_screen_as_computed_through_damage_stacking_and_a_second_window(tmp_path):
    async def body(session):
        await session.command(GUEST_WINDOW)
        client = await HostClient.open(session)
        pixels = pattern(230, 140, seed=1)
        window = await client.window(pixels, place=(420, 250), title="our own")
        shown = await assert_computed(session, "first picture")
        assert (shown[250 + 19 : 250 + 19 + 140, 421 : 421 + 230] == pixels).all(), "not only where the model says so"

        window.accent(0x00C0FF40)
        await client.settle()
        await assert_computed(session, "accent")

        areas = [Rect(10, 20, 30, 40), Rect(200, 100, 99, 99)]
        for area in areas:
            pixels[area.y : area.y + area.h, area.x : area.x + area.w] ^= 0x3F3F3F
        await window.show(pixels, areas)
        await assert_computed(session, "damage of parts")

        second = await client.window(pattern(90, 60, seed=2), number=105, place=(-20, 700), title="second")
        await assert_computed(session, "second window, over two edges of the desktop")
        second.move(900, 10)
        await client.settle()
        for payload in (
            f"raise id={FIRST}",
            "lower id=105",
            "hide id=105",
            "raise id=1",
            "show id=105",
            "theme name=light",
        ):
            await session.command(payload)
            await assert_computed(session, payload)

    guest(tmp_path, body)


def test_a_buffer_larger_than_the_desktop_is_cut_off(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        window = await client.window(striped(1010, 790, 0x123456), place=(0, 0))
        await assert_computed(session)
        await window.show(pattern(40, 10, seed=4))
        await assert_computed(session, "small again")

    guest(tmp_path, body)


def test_frame_callback_and_presentation_feedback_come_with_the_frame_and_not_before(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        window = await client.window(pattern(100, 80))
        await assert_computed(session)
        callback, feedback = window.surface.frame(), client.wp_presentation.feedback(window.surface)
        early = await window.show(pattern(100, 80, seed=5))
        assert [e.object.interface.name for e in early] == ["wl_buffer"], "only the old buffer came back"
        await assert_computed(session)
        events = await client.settle()
        assert [e.name for e in events if e.object is callback] == ["done"]
        [(_, presented)] = [(n, given) for n, given in seen(events, "wp_presentation_feedback") if n == "presented"]
        claim, query = session.follower.claim, await session.command("query")
        assert presented["seq_lo"] == claim.number
        us = presented["tv_sec_lo"] * 1_000_000 + presented["tv_nsec"] // 1000
        assert 0 < us <= int(query.words["us"])
        await session.command("frames n=2")
        assert [e for e in await client.settle() if e.object in (callback, feedback)] == [], "each comes once"

    guest(tmp_path, body)


# ---- input -----------------------------------------------------------------------------------------------------------


def test_keys_of_qmp_reach_the_focused_client_and_no_other(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        keyboard = client.wl_seat.get_keyboard()
        window = await client.window(pattern(100, 80))
        entered = seen(window.mapping, "wl_keyboard")
        assert [name for name, _ in entered] == ["enter", "modifiers"]
        assert (entered[0][1]["surface"], entered[0][1]["keys"]) == (window.surface, b"")
        for qcode, down in ("shift", True), ("a", True), ("a", False), ("shift", False):
            await session.inject(key(qcode, down))
        got = [tuple(v for k, v in given.items() if k not in ("serial", "time")) for _, given in
               seen(await client.settle(), "wl_keyboard")]  # fmt: skip
        assert got == [(SHIFT, 1), (1, 0, 0, 0), (A, 1), (A, 0), (SHIFT, 0), (0, 0, 0, 0)]
        await session.command(GUEST_WINDOW)
        assert names(await client.settle(), "wl_keyboard") == ["leave"]
        await session.inject(key("a", True))
        await session.inject(key("a", False))
        assert await client.settle() == []
        await assert_computed(session, "the guest's client typed it")
        assert session.follower.view().windows[-1].content.text == "a"
        keyboard.release()
        await client.settle()
        await session.command(f"focus id={FIRST}")
        assert names(await client.settle(), "wl_keyboard") == []

    guest(tmp_path, body)


def test_the_pointer_of_qmp_enters_moves_clicks_and_leaves(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        client.wl_seat.get_pointer()
        await client.window(pattern(100, 80), place=(200, 100))  # content from (201, 119)
        await session.command(GUEST_WINDOW)
        await session.inject(*place(10, 10))
        await session.inject(*place(211, 129))
        await session.inject(*place(231, 139))
        await session.inject(button("left", True))
        await session.inject(*place(600, 400))  # held: still ours
        await session.inject(button("left", False))
        got = [(name, *(v for k, v in given.items() if k not in ("serial", "time", "surface")))
               for name, given in seen(await client.settle(), "wl_pointer")]  # fmt: skip
        assert got == [
            ("enter", 10.0, 10.0), ("frame",),
            ("motion", 30.0, 20.0), ("frame",),
            ("button", LEFT, 1), ("frame",),
            ("motion", 399.0, 281.0), ("frame",),
            ("button", LEFT, 0), ("frame",), ("leave",), ("frame",),
        ]  # fmt: skip
        assert session.follower.scene.focus == FIRST, "the press raised our window"
        await assert_computed(session)

    guest(tmp_path, body)


def test_a_title_bar_drag_moves_our_window_without_a_word_to_it(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        client.wl_seat.get_pointer()
        await client.window(pattern(100, 80), place=(200, 100))
        await session.inject(*place(210, 105), button("left", True))
        await session.inject(*place(333, 444))
        await session.inject(button("left", False))
        assert names(await client.settle(), "wl_pointer") == []
        await assert_computed(session)
        window = session.follower.view().windows[-1]
        assert (window.x, window.y) == (200 + 123, 100 + 339)

    guest(tmp_path, body)


# ---- configure -------------------------------------------------------------------------------------------------------


def test_a_configure_changes_nothing_until_our_buffer_follows_it(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        window = await client.window(pattern(100, 80), place=(200, 100))
        await assert_computed(session)
        for number, (payload, size) in enumerate([
            ("resize id=97 w=222 h=180", (220, 160)),
            ("fullscreen id=97 on=1", (992, 768)),
            ("fullscreen id=97 on=0", (220, 160)),
            ("resize id=97 w=48 h=40", (46, 20)),
        ]):  # fmt: skip
            await session.command(payload)
            await client.settle()
            assert window.configured[-1][:2] == size, payload
            await assert_computed(session, f"{payload}, the old buffer")
            await window.show(striped(*size, 0x51A2F3 * (number + 1) & 0xFFFFFF))
            await assert_computed(session, f"{payload}, the new buffer")

    guest(tmp_path, body)


def test_the_users_edge_drag_resizes_what_we_let_it(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        pointer, serials = client.wl_seat.get_pointer(), []
        pointer.on("button", lambda event: serials.append(event["serial"]))
        window = await client.window(pattern(100, 80), place=(200, 100))
        await session.inject(*place(250, 150), button("left", True))
        await client.settle()
        bottom_right = 10
        window.toplevel.resize(client.wl_seat, serials[-1], bottom_right)
        await client.settle()
        await session.inject(*place(280, 190))
        await client.settle()
        assert window.configured[-1] == (130, 120, (3, 4)), "resizing, activated"
        await window.show(pattern(130, 120))
        await session.inject(button("left", False))
        await client.settle()
        assert window.configured[-1][2] == (4,)
        await assert_computed(session)

    guest(tmp_path, body)


# ---- what is handed over ---------------------------------------------------------------------------------------------


def test_a_selection_of_the_guests_client_can_be_read_by_ours(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        client.wl_data_device_manager.get_data_device(client.wl_seat)
        await session.command(GUEST_WINDOW)
        await session.command("copy id=1 text=from-the-guest")
        window = await client.window(pattern(100, 80))
        [offer] = [given["id"] for name, given in seen(window.mapping, "wl_data_device") if name == "selection"]
        assert [given["mime_type"] for _, given in seen(window.mapping, "wl_data_offer")] == [TEXT]
        memory = await client.connection.memory(64)
        offer.receive(TEXT, memory)
        await client.settle()
        assert (await memory.read(0, 18)) == text_bytes(b"from-the-guest")
        await assert_computed(session)

    guest(tmp_path, body)


def test_a_selection_goes_from_one_of_our_clients_to_another_and_ends_with_its_owner(tmp_path):
    async def body(session):
        giver, taker = await HostClient.open(session), await HostClient.open(session, FIRST + 1)
        serials, sent = [], []
        giver.wl_seat.get_keyboard().on("enter", lambda event: serials.append(event["serial"]))
        devices = [c.wl_data_device_manager.get_data_device(c.wl_seat) for c in (giver, taker)]
        await giver.window(pattern(100, 80))
        source = giver.wl_data_device_manager.create_data_source()
        source.offer(TEXT)
        source.on("send", lambda event: sent.append(event["fd"]))
        devices[0].set_selection(source, serials[-1])
        await giver.settle()
        window = await taker.window(pattern(90, 60), place=(300, 300))
        [offer] = [given["id"] for name, given in seen(window.mapping, "wl_data_device") if name == "selection"]
        memory = await taker.connection.memory(32)
        offer.receive(TEXT, memory)
        await taker.settle()
        await giver.settle()
        await sent[0].put(0, text_bytes(b"ours"))
        assert await memory.read(0, 8) == text_bytes(b"ours")
        await giver.close()
        [(_, gone)] = seen(await taker.settle(), "wl_data_device")
        assert gone == {"id": None}
        await assert_computed(session)

    guest(tmp_path, body)


def test_a_drag_from_our_client_is_dropped_on_a_client_of_the_guest_that_asks_for_the_data(tmp_path):
    async def body(session):
        await session.command(GUEST_WINDOW)
        client = await HostClient.open(session)
        serials, sent = [], []
        client.wl_seat.get_pointer().on("button", lambda event: serials.append(event["serial"]))
        device = client.wl_data_device_manager.get_data_device(client.wl_seat)
        window = await client.window(pattern(100, 80), place=(200, 100))
        await session.inject(*place(250, 150), button("left", True))
        await client.settle()
        source = client.wl_data_device_manager.create_data_source()
        source.offer(TEXT)
        source.set_actions(1)
        source.on("send", lambda event: sent.append(event["fd"]))
        device.start_drag(source, window.surface, None, serials[-1])
        await client.settle()
        await session.inject(*place(600, 400))
        over = names(await client.settle(), "wl_data_source")
        await session.inject(button("left", False))
        dropped = names(await client.settle(), "wl_data_source")
        await sent[0].put(0, text_bytes(b"dropped"))
        arrived = (await session.command("client id=1")).words
        assert (arrived["text"], arrived["drops"]) == (str(len("dropped")), "1")
        return over, dropped, names(await client.settle(), "wl_data_source")

    assert guest(tmp_path, body) == (["target", "action"], ["dnd_drop_performed", "send"], ["dnd_finished"])


# ---- the end, and a new start ----------------------------------------------------------------------------------------


def test_a_close_event_is_a_wish_and_the_window_goes_with_the_connection(tmp_path):
    async def body(session):
        await session.command(GUEST_WINDOW)
        client = await HostClient.open(session)
        await client.window(pattern(100, 80))
        await assert_computed(session)
        await session.command(f"destroy id={FIRST}")
        assert names(await client.settle(), "xdg_toplevel") == ["close"]
        await assert_computed(session, "it is still there")
        await client.close()
        await assert_computed(session, "it is gone")
        again = await HostClient.open(session)
        await again.window(pattern(60, 60, seed=7))
        await assert_computed(session, "the next one has its number")

    guest(tmp_path, body)
    serial = (tmp_path / "serial.bin").read_text()
    lives = [line.split(":")[1] for line in serial.splitlines() if line.endswith(f":{FIRST}")]
    assert lives == ["CLIENT_CREATED", "CLIENT_DESTROYED", "CLIENT_CREATED"]


def test_surfaces_that_lose_their_buffer_or_their_toplevel_lose_their_window(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        first = await client.window(pattern(100, 80))
        second = await client.window(pattern(80, 100), number=105, place=(300, 300))
        await assert_computed(session)
        first.surface.attach(None, 0, 0)
        first.surface.commit()
        second.toplevel.destroy()
        await client.settle()
        await assert_computed(session, "both are gone")
        first.surface.commit()  # asks for a configure anew
        await client.settle()
        await first.show(pattern(50, 40, seed=9))
        await assert_computed(session, "mapped again")

    guest(tmp_path, body)


@pytest.mark.long
def test_eight_clients_fit_and_the_ninth_is_refused(tmp_path):
    async def body(session):
        clients = [await HostClient.open(session, FIRST + n) for n in range(8)]
        for n, client in enumerate(clients):
            await client.window(pattern(64 + n, 48, seed=n), place=(20 + n * 110, 40 + n * 80))
        await assert_computed(session, "eight windows")
        with pytest.raises(Refused) as raised:
            await HostClient.open(session)
        assert raised.value.reason.startswith("limit")
        await clients[3].close()
        await (await HostClient.open(session, FIRST + 3)).window(pattern(200, 20), place=(5, 600))
        await assert_computed(session, "the fourth is another")

    guest(tmp_path, body)


# ---- determinism -----------------------------------------------------------------------------------------------------


async def story(session):
    """A bit of everything, with an offender in it; the pixels at its end."""
    await session.command(GUEST_WINDOW)
    await session.command("animate id=1 on=1")
    client, offender = await HostClient.open(session), await HostClient.open(session, FIRST + 1)
    client.wl_seat.get_keyboard()
    client.wl_seat.get_pointer()
    window = await client.window(pattern(200, 100, seed=3), place=(40, 60))
    await offender.window(pattern(50, 50), place=(800, 500))
    window.surface.frame()
    await window.show(pattern(220, 90, seed=4))
    await session.inject(*place(100, 100), button("left", True))
    await session.inject(key("q", True))
    await session.inject(key("q", False))
    await session.inject(button("left", False))
    await session.command("frames n=7")
    offender.connection.send_raw(struct.pack("<IHH", 99, 0, 8))
    with pytest.raises(CompositorError):
        await offender.settle()
    await client.settle()
    return await assert_computed(session)


@pytest.mark.long
def test_the_same_story_told_twice_gives_the_same_bytes(tmp_path):
    told = []
    for name in "one", "two":
        folder = tmp_path / name
        folder.mkdir()
        pixels = guest(folder, story)
        events = [(e.kind, e.data) for e in read_events(folder / "journal.jsonl") if e.kind.startswith("control.")]
        told.append(((folder / "serial.bin").read_bytes(), events, pixels.tobytes()))
    assert len(told[0][1]) > 80
    assert told[0] == told[1]


def test_an_ended_connection_says_so_and_drops_what_is_sent(tmp_path):
    async def body(session):
        client = await HostClient.open(session)
        client.connection.send_raw(struct.pack("<IHH", 99, 0, 8))
        with pytest.raises(CompositorError):
            await client.settle()
        reply = await session.command("wire-send conn=1 data=AQAAAAAADAADAAAA")
        assert reply.words == {"queued": "0", "data": "", "closed": "1"}
        with pytest.raises((CompositorError, ConnectionEnded)):
            await client.settle()

    guest(tmp_path, body)
