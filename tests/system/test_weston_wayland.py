"""The host's Wayland client meets Debian's Weston over a port of the guest: pixels, input, clipboard, errors, ends."""

import asyncio

import numpy as np
import pytest

from harness.clients.wayland.errors import CompositorError, ConnectionEnded
from harness.errors import UsageError
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status

from .weston_session import BACKGROUND, BOOT, SCREEN, StockClient, inside, pattern, weston

pytestmark = [pytest.mark.system, pytest.mark.long]

PLACE = 40, 60
SHIFT, A = 42, 30  # evdev
LEFT = 0x110
TEXT = "text/plain;charset=utf-8"


@pytest.fixture(scope="module")
def desktop(tmp_path_factory):
    """Runs a coroutine function with the session of one machine that all tests here share."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)
    with asyncio.Runner() as runner:
        guest = weston(tmp_path_factory.mktemp("weston"))
        session = runner.run(guest.__aenter__())
        try:
            yield lambda body: runner.run(alone(session, body))
        finally:
            runner.run(guest.__aexit__(None, None, None))


async def alone(session, body):
    try:
        await body(session)
    finally:
        while session.clients:
            await session.clients.pop().close()


def empty(pixels):
    desk = np.full(SCREEN[::-1], BACKGROUND, np.uint32)
    desk[-4:, -4:] = pixels[-4:, -4:]  # where the pointer is until somebody moves it
    return inside(pixels, (0, 0), desk)


def named(events, interface):
    """What came from objects of an interface: name and arguments, in order."""
    return [(e.name, dict(e.arguments)) for e in events if e.object.interface.name == interface]


def test_what_a_host_client_draws_is_on_the_screen_pixel_by_pixel_and_gone_with_it(desktop):
    async def body(session):
        client = await StockClient.open(session)
        content = pattern(240, 160)
        await client.window(content, PLACE)
        shown = await session.picture_where(lambda pixels: inside(pixels, PLACE, content))
        around = shown.copy()
        around[PLACE[1] : PLACE[1] + 160, PLACE[0] : PLACE[0] + 240] = BACKGROUND
        assert empty(around), "the window is elsewhere too"
        await client.close()
        await session.picture_where(empty)

    desktop(body)


def test_only_the_damaged_rows_of_a_buffer_are_taken_over_until_more_is_damaged(desktop):
    async def body(session):
        client = await StockClient.open(session)
        content = pattern(240, 160)
        await client.window(content, PLACE)
        newer = content ^ np.uint32(0x3F3F3F)
        mixed = content.copy()
        mixed[50:80] = newer[50:80]
        await client.show(newer, (0, 50, 240, 30))
        await session.picture_where(lambda pixels: inside(pixels, PLACE, mixed))
        await client.show(newer)
        await session.picture_where(lambda pixels: inside(pixels, PLACE, newer))

    desktop(body)


def test_every_commit_gets_its_frame_callback_and_its_presentation(desktop):
    async def body(session):
        client = await StockClient.open(session)
        presentation = await client.connection.bind("wp_presentation")
        await client.window(pattern(240, 160), PLACE)
        times = []
        for number in range(10):
            feedback = presentation.feedback(client.surface)
            events = await client.show(pattern(240, 160, number))
            while not (told := [e for e in events if e.object is feedback]):
                events = await client.connection.dispatch()
            ended = [e for e in told if e.name in ("presented", "discarded")]
            if not ended:
                ended = await client.connection.wait(lambda e, f=feedback: e.object is f and e.name != "sync_output")
                ended = [e for e in ended if e.object is feedback and e.name != "sync_output"]
            assert [e.name for e in ended] == ["presented"]
            times.append(ended[0]["tv_sec_lo"] + ended[0]["tv_nsec"] / 1e9)
        assert times == sorted(set(times))

    desktop(body)


def test_pointer_and_keys_reach_the_host_client_with_place_button_and_keymap(desktop):
    async def body(session):
        client = await StockClient.open(session)
        keyboard = client.wl_seat.get_keyboard()
        events = await client.connection.roundtrip()
        await client.window(pattern(240, 160), PLACE)
        (keymap,) = (args for name, args in named(events, "wl_keyboard") if name == "keymap")
        text = await keymap["fd"].read(0, keymap["size"])
        assert text.startswith(b"xkb_keymap {")
        assert text.endswith(b"\n\0")

        heard = []
        for qcode, down in (("shift", True), ("a", True), ("a", False), ("shift", False)):
            await session.key(qcode, down)
            heard += named(await client.connection.wait(lambda e: e.name == "key"), "wl_keyboard")
        keys = [(args["key"], args["state"]) for name, args in heard if name == "key"]
        assert keys == [(SHIFT, 1), (A, 1), (A, 0), (SHIFT, 0)]

        pointer = await client.pointer(session, PLACE[0] + 100, PLACE[1] + 50)
        moved = named(await client.connection.wait(lambda e: e.object is pointer and e.name == "enter"), "wl_pointer")
        x, y = next((args["surface_x"], args["surface_y"]) for _, args in moved if "surface_x" in args)
        assert abs(float(x) - 100) < 1
        assert abs(float(y) - 50) < 1
        buttons = []
        for down in (True, False):
            await session.button("left", down)
            buttons += named(
                await client.connection.wait(lambda e: e.object is pointer and e.name == "button"), "wl_pointer"
            )
        assert [(a["button"], a["state"]) for name, a in buttons if name == "button"] == [(LEFT, 1), (LEFT, 0)]
        assert keyboard in {e.object for e in events}

    desktop(body)


def test_what_one_host_client_copies_another_pastes_through_a_pipe_of_the_guest(desktop):
    async def body(session):
        giver, taker = await StockClient.open(session), await StockClient.open(session)
        seat = giver.wl_seat.get_keyboard()
        device = giver.wl_data_device_manager.get_data_device(giver.wl_seat)
        await giver.window(pattern(120, 80), PLACE, "giver")
        await session.key("a", True)
        events = await giver.connection.wait(lambda e: e.object is seat and e.name == "key")
        await session.key("a", False)
        serial = next(e["serial"] for e in events if e.object is seat and e.name == "key")
        source = giver.wl_data_device_manager.create_data_source()
        source.offer(TEXT)
        device.set_selection(source, serial)
        await giver.connection.roundtrip()

        target = taker.wl_data_device_manager.get_data_device(taker.wl_seat)
        offered = []
        target.on("selection", lambda event: offered.append(event["id"]))
        await taker.window(pattern(120, 80, 1), (400, 60), "taker")  # who gets the focus hears of the selection
        while not offered:
            await taker.connection.dispatch()
        pipe = await taker.transport.pipe()
        offered[-1].receive(TEXT, pipe)
        await taker.connection.flush()
        sent = await giver.connection.wait(lambda e: e.object is source and e.name == "send")
        end = next(e["fd"] for e in sent if e.object is source and e.name == "send")
        await end.put(0, b"from the host")
        await end.close()
        assert await pipe.read() == b"from the host"

    desktop(body)


def test_a_wrong_request_is_answered_by_westons_own_error_and_ends_only_its_connection(desktop):
    async def body(session):
        good, bad = await StockClient.open(session), await StockClient.open(session)
        content = pattern(120, 80)
        await good.window(content, PLACE)
        surface = bad.wl_compositor.create_surface()
        bad.xdg_wm_base.get_xdg_surface(surface)
        bad.xdg_wm_base.get_xdg_surface(surface)  # it has that role already
        with pytest.raises(CompositorError) as error:
            await bad.connection.roundtrip()
        assert (error.value.interface, error.value.name) == ("xdg_wm_base", "role")
        await bad.close()
        await good.show(content ^ np.uint32(0x101010))
        await session.picture_where(lambda pixels: inside(pixels, PLACE, content ^ np.uint32(0x101010)))

    desktop(body)


def test_eight_connections_are_open_at_once_and_a_ninth_is_refused_until_one_goes(desktop):
    async def body(session):
        clients = [await StockClient.open(session) for _ in range(8)]
        with pytest.raises(UsageError, match="8 connections are open"):
            await session.wayland.open()
        await clients[3].close()
        clients[3] = await StockClient.open(session)
        for client in clients:
            await client.connection.roundtrip()

    desktop(body)


def test_a_connection_hears_nothing_of_the_one_that_had_its_number_before(desktop):
    async def body(session):
        for _ in range(5):
            client = await StockClient.open(session)
            for _ in range(300):
                client.connection.display.sync()
            await client.connection.flush()
            await client.close()  # with most of the answers on their way
            session.clients.clear()
        client = await StockClient.open(session)
        assert "wl_callback" not in {event.object.interface.name for event in await client.connection.roundtrip()}

    desktop(body)


def test_a_killed_compositor_ends_the_connection_and_its_successor_takes_a_new_one(desktop):
    async def body(session):
        client = await StockClient.open(session)
        await client.window(pattern(120, 80), PLACE)
        await session.command("crash kind=compositor", BOOT)
        with pytest.raises(ConnectionEnded):
            await client.connection.wait(lambda event: False)
        await client.close()
        await session.until(lambda: "RAYOS_FAILURE:RECOVERY_COMPLETE:240:success" in session.markers)
        again = await StockClient.open(session)
        content = pattern(120, 80, 5)
        await again.window(content, PLACE)
        await session.picture_where(lambda pixels: inside(pixels, PLACE, content))

    desktop(body)
