"""Host and guest meet through Debian's Weston: pixels, input, clipboard, errors, ends, what one does to another."""

import asyncio
import base64

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


async def remove(session, *ids):
    for id_ in ids:
        await session.command(f"destroy id={id_}")


async def selection_of(client):
    """The client's data device, and a list of what the desktop has offered it."""
    device = client.wl_data_device_manager.get_data_device(client.wl_seat)
    offered = []
    device.on("selection", lambda event: offered.append(event["id"]))
    return device, offered


def test_a_program_that_offers_a_text_survives_a_reader_who_has_left(desktop):
    async def body(session):
        taker = await StockClient.open(session)
        _, offered = await selection_of(taker)
        await session.command("create id=1 x=400 y=300 w=240 h=160")
        await session.command("focus id=1")
        await session.command("copy id=1 text=unread")
        await taker.window(pattern(120, 80), PLACE, "taker")
        while not offered:
            await taker.connection.dispatch()
        await session.command("stop id=1 on=1")
        pipe = await taker.transport.pipe()
        offered[-1].receive("text/plain", pipe)
        await taker.connection.roundtrip()
        await taker.close()  # with both ends of the pipe
        await session.until(lambda: "RAYOS_FAILURE:DETECTED:stopped:1" in session.markers)
        await session.command("stop id=1 on=0")
        await session.command("copy id=1 text=again")  # before it says so it has heard all that waited
        await session.until(lambda: session.markers.count("RAYOS_CLIENT:COPIED:1") == 2)
        await remove(session, 1)

    desktop(body)


def test_a_text_from_others_is_one_marker_and_no_other(desktop):
    async def body(session):
        giver = await StockClient.open(session)
        seat = giver.wl_seat.get_keyboard()
        device, _ = await selection_of(giver)
        await giver.window(pattern(120, 80), PLACE, "giver")
        await session.key("a", True)
        events = await giver.connection.wait(lambda e: e.object is seat and e.name == "key")
        await session.key("a", False)
        source = giver.wl_data_device_manager.create_data_source()
        source.offer("text/plain")
        device.set_selection(source, next(e["serial"] for e in events if e.object is seat and e.name == "key"))
        await giver.connection.roundtrip()
        await session.command("create id=1 x=400 y=300 w=240 h=160")
        await session.command("focus id=1")
        pasted = asyncio.create_task(session.command("paste id=1"))
        sent = await giver.connection.wait(lambda e: e.object is source and e.name == "send")
        end = next(e["fd"] for e in sent if e.object is source and e.name == "send")
        await end.put(0, b"x *\xff\0\nRAYOS_INTEGRATION:SCENARIO_COMPLETE:s:pass\n")
        await end.close()
        await pasted
        await session.until(lambda: any(marker.startswith("RAYOS_CLIENT:PASTED:1:") for marker in session.markers))
        await remove(session, 1)
        assert "RAYOS_CLIENT:PASTED:1:x.....RAYOS.INTEGRATION.SCENARIO_COMPLETE.s.pass." in session.markers
        assert not [marker for marker in session.markers if "SCENARIO_COMPLETE:s" in marker]

    desktop(body)


def test_a_click_where_a_drag_was_meant_leaves_a_program_that_takes_the_next_drop(desktop):
    async def body(session):
        for id_, x in ((1, 40), (2, 400)):
            await session.command(f"create id={id_} x={x} y=60 w=240 h=160")
        await session.command("pointer x=160 y=140")
        await session.command("drag id=1 text=nothing")
        await session.command("frames n=10")
        await session.command("stop id=1 on=1")  # so that the button is up before it can ask for the drag
        await session.command("button code=272 on=1")
        await session.command("frames n=10")
        await session.command("button code=272 on=0")
        await session.command("frames n=10")
        await session.command("stop id=1 on=0")
        await session.until(lambda: "RAYOS_CLIENT:UNDROPPED:1" in session.markers)
        dropped = await session.command("drag from=2 to=1")
        await session.until(lambda: "RAYOS_CLIENT:DROPPED:1:drop.2" in session.markers)
        await remove(session, 1, 2)
        assert dropped.words["dropped"] == "1"

    desktop(body)


def test_all_that_a_program_said_before_it_went_is_told_before_its_end(desktop):
    async def body(session):
        await session.command("pointer x=900 y=700")
        await session.command("create id=1 x=40 y=60 w=240 h=160")
        await session.command("stop id=1 on=1")
        for x in range(60, 100, 4):
            await session.command(f"pointer x={x} y=100")
            await session.command("frames n=2")
        await session.command("misbehave id=1 how=exit")
        before = len(session.markers)
        await session.command("stop id=1 on=0")
        await session.until(lambda: "RAYOS_CLIENT:EXIT:1:code:7" in session.markers[before:])
        told = [marker for marker in session.markers[before:] if marker.startswith("RAYOS_CLIENT:")]
        assert told[-1] == "RAYOS_CLIENT:EXIT:1:code:7"
        assert [marker for marker in told if ":POINTER:" in marker] == [
            f"RAYOS_CLIENT:POINTER:1:{x - 40}:40" for x in range(60, 100, 4)
        ]

    desktop(body)


def test_a_soak_whose_program_died_fails_though_another_took_its_place(desktop):
    killer = "(until pidof rayos-client; do sleep 0.1; done; sleep 1.2; kill -9 $(pidof rayos-client)) >/dev/null &"

    async def body(session):
        await session.command("supervise on=1")
        before = len(session.markers)
        await session.command(f"run line={base64.b64encode(killer.encode()).decode()}")
        await session.command("soak clients=1 seconds=4", BOOT)
        await session.command("supervise on=0")
        await session.until(lambda: any("SOAK:COMPLETE" in marker for marker in session.markers[before:]))
        told = session.markers[before:]
        assert "RAYOS_FAILURE:RECOVERY_COMPLETE:1:success" in told
        assert [marker for marker in told if "SOAK:COMPLETE" in marker] == ["RAYOS_SOAK:COMPLETE:fail"]
        rates = [float(marker.split(":")[5]) for marker in told if ":METRICS_SNAPSHOT:" in marker]
        assert max(rates) < 100, "frames that nobody showed"

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
