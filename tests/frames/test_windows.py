"""Windows with strips of their own, found on a desktop. The guest's own drawing code is the second opinion."""

import ctypes
import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.journal import Event
from harness.frames.identity import crc8
from harness.frames.types import Frame, FrameVerdict
from harness.frames.windows import Window, content_crc, examine, find_windows, picture
from harness.judge.clients_shown import ClientsShown
from harness.markers.types import Marker, MarkerFlag

CLIENT = Path(__file__).parents[2] / "images/weston/client"
BACKGROUND = 0x203040


class Picture(ctypes.Structure):
    """`struct picture` of picture.h."""

    _fields_ = [
        ("pixels", ctypes.c_void_p), ("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("id", ctypes.c_uint16),
        ("frame", ctypes.c_uint32), ("tint", ctypes.c_uint32), ("ahead", ctypes.c_int32), ("inputs", ctypes.c_uint8),
        ("tiles", ctypes.c_void_p), ("summed", ctypes.c_uint32),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def guest_draws(tmp_path_factory):
    library = tmp_path_factory.mktemp("picture") / "picture.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, CLIENT / "picture.c"], check=True)
    code = ctypes.CDLL(str(library))

    def draw(client, frame, width, height, tint=0, ahead=0, inputs=0, over=()):
        """The pixels of *frame*; with *over* drawn over those of other frames, the last first, as into used buffers."""
        pixels = np.zeros((height, width), np.uint32)
        tiles = np.zeros(((width - 1) // 32) * -(-height // 32), np.uint64)
        at = pixels.ctypes.data, width, height, client
        one = Picture(*at, frame, tint, ahead, inputs, tiles.ctypes.data)
        for held, new in itertools.pairwise((None, *over, frame)):
            one.frame = new
            if held is None:
                code.draw_picture(ctypes.byref(one))
            else:
                code.redraw_picture(ctypes.byref(one), held)
        return pixels

    return draw


def window(client, x, y, width=240, height=160, frame=7, inputs=0):
    crc = content_crc(client, frame, width - 32, height, inputs)
    return Window(client, frame, crc, x, y, width, height, height // 20, inputs)


def desktop(*windows, size=(1024, 768)):
    """The windows over each other, the last on top; parts off the screen are cut."""
    width, height = size
    room = np.full((height + 1000, width + 1000), BACKGROUND, np.uint32)
    for one in windows:
        room[one.y + 500 : one.y + 500 + one.height, one.x + 500 : one.x + 500 + one.width] = picture(one)
    return np.ascontiguousarray(room[500 : 500 + height, 500 : 500 + width])


SIZES = {"width": st.integers(64, 400), "height": st.integers(20, 200)}
FRAMES = st.integers(1, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(client=st.integers(1, 232), frame=FRAMES, inputs=st.integers(0, 255), **SIZES)
def test_host_and_guest_agree_on_every_pixel(guest_draws, client, frame, width, height, inputs):
    expected = picture(window(client, 0, 0, width, height, frame, inputs))
    assert np.array_equal(guest_draws(client, frame, width, height, inputs=inputs), expected)


@settings(max_examples=25, deadline=None)
@given(over=st.lists(FRAMES, min_size=1, max_size=3), frame=FRAMES, **SIZES)
def test_a_frame_drawn_over_others_is_as_one_drawn_anew(guest_draws, over, frame, width, height):
    drawn = guest_draws(3, frame, width, height, over=over)
    assert np.array_equal(drawn, picture(window(3, 0, 0, width, height, frame)))


def test_windows_are_found_wherever_they_are_and_half_off_the_screen():
    windows = window(1, 3, 5), window(2, 411, 77, 120, 88, frame=900), window(3, 900, 701), window(9, 600, -35)
    pixels = desktop(*windows)
    found = find_windows(pixels)
    assert [replace(one, bands=0) for one in found] == [replace(one, bands=0) for one in windows]
    assert [one.bands for one in found] == [8, 4, 3, 6]
    assert [sight.wrong for sight in examine(pixels, found)] == [""] * 4


def test_an_empty_desktop_has_no_windows():
    assert find_windows(desktop()) == ()
    assert find_windows(np.zeros((10, 10), np.uint32)) == ()


def test_what_is_to_be_seen_of_a_covered_window_is_still_checked():
    below, above = window(1, 100, 100), window(2, 200, 150)
    pixels = desktop(below, above)
    first, second = examine(pixels, find_windows(pixels))
    assert (first.hidden, first.wrong) == (140 * 110, "")
    assert (second.hidden, second.wrong, second.seen) == (0, "", 240 * 160)
    pixels[120, 150] ^= 1
    first, second = examine(pixels, find_windows(pixels))
    assert first.wrong.startswith("1 pixel differs from frame 7, first (150, 120)")
    assert second.wrong == ""


def test_a_wrong_colour_and_a_lie_about_the_number_are_seen(guest_draws):
    for tint, ahead, says in ((1, 0, "pixels differ from frame 7"), (0, 1000, "frame 1007 has")):
        pixels = desktop()
        pixels[50:210, 60:300] = guest_draws(5, 7, 240, 160, tint, ahead)
        (sight,) = examine(pixels, find_windows(pixels))
        assert says in sight.wrong


def marker(text):
    family, *tokens = text.removeprefix("RAYOS_").split(":")
    return Marker(text, family, tuple(tokens), tokens[0], tuple(tokens[1:]))


def event(kind, **data):
    return Event(1, 1, kind, data)


def judging(*clients):
    judge = ClientsShown()
    for client in clients:
        judge.observe_marker(marker(f"RAYOS_SOAK:CLIENT_CREATED:{client}"))
    return judge


def judged(judge, pixels):
    result = judge.judge(Frame(pixels, "", 0, "screendump"))
    return result.verdict, result.reason


def test_all_living_clients_and_no_others_have_to_be_seen():
    pixels = desktop(window(1, 10, 10), window(2, 400, 10))
    assert judged(judging(1, 2), pixels)[0] is FrameVerdict.MATCH
    assert judged(judging(1, 2, 3), pixels) == (FrameVerdict.MISMATCH, "no strip of client 3 is to be seen")
    gone = judging(1, 2)
    gone.observe_marker(marker("RAYOS_SOAK:CLIENT_DESTROYED:2"))
    verdict, reason = judged(gone, pixels)
    assert (verdict, reason) == (FrameVerdict.MISMATCH, "the window of client 2 is to be seen, but it does not live")


def sent(judge, payload, reply="ok"):
    judge.observe(event("control.send", cseq=1, payload=payload))
    if payload.startswith("create "):
        judge.observe_marker(marker(f"RAYOS_SOAK:CLIENT_CREATED:{payload.split()[1].removeprefix('id=')}"))
    judge.observe(event("control.reply", cseq=1, ok=True, payload=reply))


def created(*windows):
    judge = ClientsShown()
    for one in windows:
        sent(judge, f"create id={one.id} x={one.x} y={one.y} w={one.width} h={one.height}")
    return judge


def pointed(judge, x, y, *buttons):
    judge.observe(event("input", device="pointer", x=x, y=y))
    for down in buttons:
        judge.observe(event("input", device="button", button="left", down=down))


def test_a_client_has_to_be_where_it_was_created_and_once():
    judge = created(window(1, 10, 11))
    assert judged(judge, desktop(window(1, 10, 11)))[0] is FrameVerdict.MATCH
    assert "client 1 is at (10, 12, 240, 160), it belongs at (10, 11" in judged(judge, desktop(window(1, 10, 12)))[1]
    assert "shown twice" in judged(judge, desktop(window(1, 10, 11), window(1, 500, 500)))[1]


UNDER, OVER = window(1, 100, 100), window(2, 200, 150)


def test_the_window_that_was_created_later_has_to_be_on_top():
    judge = created(UNDER, OVER)
    assert judged(judge, desktop(UNDER, OVER))[0] is FrameVerdict.MATCH
    verdict, reason = judged(judge, desktop(OVER, UNDER))
    assert (verdict, reason) == (
        FrameVerdict.MISMATCH, "client 2: client 1 lies over it (15400 pixels), and belongs under it"
    )  # fmt: skip


@pytest.mark.parametrize("way", ["command", "click", "echo", "fullscreen and back"])
def test_a_window_that_was_raised_has_to_be_on_top(way):
    judge = created(UNDER, OVER)
    match way:
        case "command":
            sent(judge, "raise id=1")
        case "click":
            pointed(judge, 150, 120, True, False)
        case "echo":
            judge.observe_marker(marker("RAYOS_CLIENT:BUTTON:1:272:1"))
        case _:
            sent(judge, "fullscreen id=1 on=1")
            sent(judge, "fullscreen id=1 on=0")
    under = replace(UNDER, inputs=crc8(b"BUTTON:272:1")) if way == "echo" else UNDER
    under = replace(under, crc=content_crc(1, 7, 208, 160, under.inputs))
    assert judged(judge, desktop(OVER, under))[0] is FrameVerdict.MATCH
    assert "client 1: client 2 lies over it" in judged(judge, desktop(under, OVER))[1]


def test_a_refused_raise_raises_nothing():
    judge = created(UNDER, OVER)
    sent(judge, "raise id=1", reply="state deaf")
    assert judged(judge, desktop(UNDER, OVER))[0] is FrameVerdict.MATCH


def test_nothing_is_said_of_the_order_of_clients_that_came_back_together():
    judge = created(UNDER, OVER)
    for text in ("FAILURE:RECOVERY_START:1", "SOAK:CLIENT_DESTROYED:1", "FAILURE:RECOVERY_START:2",
                 "SOAK:CLIENT_DESTROYED:2", "SOAK:CLIENT_CREATED:2", "FAILURE:RECOVERY_COMPLETE:2:success",
                 "SOAK:CLIENT_CREATED:1", "FAILURE:RECOVERY_COMPLETE:1:success"):  # fmt: skip
        judge.observe_marker(marker(f"RAYOS_{text}"))
    assert judged(judge, desktop(UNDER, OVER))[0] is FrameVerdict.MATCH
    assert judged(judge, desktop(OVER, UNDER))[0] is FrameVerdict.MATCH
    third = window(3, 150, 120)
    sent(judge, "create id=3 x=150 y=120 w=240 h=160")
    assert "client 1 lies over it" in judged(judge, desktop(OVER, third, UNDER))[1]


def test_what_of_a_window_is_hidden_and_by_whom_is_in_the_result():
    result = created(UNDER, OVER).judge(Frame(desktop(UNDER, OVER), "", 0, "screendump"))
    assert result.reason.endswith("partly covered: 1 (by 2)")
    assert result.to_json()["windows"] == [
        {"id": 1, "frame": 7, "seen": 240 * 160 - 140 * 110, "hidden": 140 * 110, "by": [2]},
        {"id": 2, "frame": 7, "seen": 240 * 160},
    ]


def test_a_strip_under_a_window_that_belongs_there_is_not_missed_and_one_under_another_is():
    below, above = window(1, 100, 100), window(2, 90, 90, 300, 300)
    result = created(below, above).judge(Frame(desktop(below, above), "", 0, "screendump"))
    assert result.verdict is FrameVerdict.MATCH
    assert result.reason.endswith("not verified, for they lie under others: 1")
    assert {"id": 1, "under": [2]} in result.to_json()["windows"]
    assert judged(created(above, below), desktop(below, above)) == (
        FrameVerdict.MISMATCH, "no strip of client 1 is to be seen"
    )  # fmt: skip


def test_size_and_whole_screen_change_where_a_window_belongs():
    judge = created(UNDER, OVER)
    sent(judge, "resize id=2 w=300 h=200")
    large = window(2, 200, 150, 300, 200)
    assert judged(judge, desktop(UNDER, large))[0] is FrameVerdict.MATCH
    assert "it belongs at (200, 150, 300, 200)" in judged(judge, desktop(UNDER, OVER))[1]
    sent(judge, "fullscreen id=1 on=1")
    assert judged(judge, desktop(window(1, 0, 0, 1024, 768)))[0] is FrameVerdict.MATCH
    assert "it belongs at (0, 0, 1024, 768)" in judged(judge, desktop(UNDER, large))[1]


def test_a_window_dragged_by_its_strip_goes_with_the_pointer_and_one_dragged_elsewhere_stays():
    judge = created(UNDER)
    pointed(judge, 110, 130, True)
    pointed(judge, 160, 330, False)
    assert judged(judge, desktop(window(1, 150, 300)))[0] is FrameVerdict.MATCH
    pointed(judge, 250, 330, True)
    pointed(judge, 300, 400, False)
    assert judged(judge, desktop(window(1, 150, 300)))[0] is FrameVerdict.MATCH
    assert "it belongs at (150, 300" in judged(judge, desktop(UNDER))[1]


def test_a_client_whose_frame_does_not_change_while_time_passes_stands_still():
    judge = created(UNDER)
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH
    sent(judge, "frames n=3")  # at 30 frames a second it need not have drawn twice
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH
    sent(judge, "frames n=4")
    assert judged(judge, desktop(UNDER)) == (FrameVerdict.STALE, "client 1: it stands still at frame 7")
    assert judged(judge, desktop(window(1, 100, 100, frame=8)))[0] is FrameVerdict.MATCH
    sent(judge, "stop id=1 on=1")
    sent(judge, "frames n=60")
    assert judged(judge, desktop(window(1, 100, 100, frame=8)))[0] is FrameVerdict.MATCH


def test_a_window_has_to_show_the_input_that_its_client_says_it_was_given():
    judge = created(UNDER)
    for text in ("KEY:1:30:1", "POINTER:1:5:6", "POINTER:9:5:6"):
        judge.observe_marker(marker(f"RAYOS_CLIENT:{text}"))
    right = window(1, 100, 100, inputs=crc8(b"KEY:30:1POINTER:5:6"))
    assert judged(judge, desktop(right))[0] is FrameVerdict.MATCH
    assert "does not show the input" in judged(judge, desktop(UNDER))[1]
    judge.observe_marker(marker("RAYOS_CLIENT:EXIT:1:signal:9"))
    judge.observe_marker(marker("RAYOS_SOAK:CLIENT_DESTROYED:1"))
    sent(judge, "create id=1 x=100 y=100 w=240 h=160")
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH


def test_parts_of_two_frames_are_torn():
    pixels = desktop(window(1, 10, 10))
    pixels[90:170] = desktop(window(1, 10, 10, frame=8))[90:170]
    assert judged(judging(1), pixels)[0] is FrameVerdict.TORN


def test_an_older_frame_than_one_seen_or_told_is_stale():
    judge = judging(1)
    assert judged(judge, desktop(window(1, 10, 10)))[0] is FrameVerdict.MATCH
    assert judged(judge, desktop(window(1, 10, 10, frame=6)))[0] is FrameVerdict.STALE
    judge.observe(event("control.send", cseq=2, payload="client id=1"))
    judge.observe(
        event("control.reply", cseq=2, ok=True, payload="ok state=ready drawn=10 shown=9 latency_us=5 mem_kb=9")
    )
    assert judged(judge, desktop(window(1, 10, 10, frame=8)))[0] is FrameVerdict.STALE
    assert judged(judge, desktop(window(1, 10, 10, frame=9)))[0] is FrameVerdict.MATCH
    judge.observe_marker(marker("RAYOS_SOAK:CLIENT_DESTROYED:1"))
    judge.observe_marker(marker("RAYOS_SOAK:CLIENT_CREATED:1"))
    assert judged(judge, desktop(window(1, 10, 10, frame=1)))[0] is FrameVerdict.MATCH


def test_a_desktop_without_clients_proves_nothing():
    assert judged(judging(), desktop())[0] is FrameVerdict.BLANK


def test_once_every_client_went_the_desktop_is_bare():
    judge = judging(1)
    judge.observe_marker(marker("RAYOS_SOAK:CLIENT_DESTROYED:1"))
    assert judged(judge, desktop())[0] is FrameVerdict.MATCH
    left = desktop()
    left[740:760, 1000:1020] = 0  # a pointer
    assert judged(judge, left)[0] is FrameVerdict.MATCH
    left[740, 960] ^= 1  # a pixel of the window that was there
    assert judged(judge, left)[0] is FrameVerdict.BLANK
    assert judged(judge, np.zeros_like(left))[0] is FrameVerdict.BLANK  # nothing draws


def test_a_band_with_a_wrong_bit_or_an_impossible_place_is_no_band():
    pixels = desktop(window(1, 10, 10, height=20))
    assert len(find_windows(pixels)) == 1
    wrong = pixels.copy()
    wrong[20:22, 10:12] ^= 0xFFFFFF  # a bit of the frame number
    assert find_windows(wrong) == ()
    tall = desktop(window(1, 10, 10, height=40))
    low = pixels.copy()
    low[10:30, 10:42] = tall[30:50, 10:42]  # its second band, and 40 rows of height are not there
    (one,) = find_windows(low)
    assert (one.y, one.height) == (-10, 40)
    data = np.packbits(pixels[10:30:2, 10:42:2] == 0xFFFFFF, axis=1).tobytes()
    lie = data[:17] + b"\x01"  # the second band of a window that has one
    lie += bytes((crc8(lie), data[19]))
    cells = np.unpackbits(np.frombuffer(lie, np.uint8)).reshape(10, 16).repeat(2, axis=0).repeat(2, axis=1)
    pixels[10:30, 10:42] = cells.astype(np.uint32) * 0xFFFFFF
    assert find_windows(pixels) == ()


def test_who_was_started_again_lies_over_who_was_not():
    judge = created(UNDER, OVER)
    for text in ("FAILURE:RECOVERY_START:1", "SOAK:CLIENT_DESTROYED:1", "SOAK:CLIENT_CREATED:1",
                 "FAILURE:RECOVERY_COMPLETE:1:success"):  # fmt: skip
        judge.observe_marker(marker(f"RAYOS_{text}"))
    assert judged(judge, desktop(OVER, UNDER))[0] is FrameVerdict.MATCH
    assert "client 1: client 2 lies over it" in judged(judge, desktop(UNDER, OVER))[1]


def test_a_marker_that_was_put_together_from_pieces_changes_nothing():
    judge = created(UNDER)
    judge.observe_marker(marker("RAYOS_SOAK:CLIENT_DESTROYED:1")._replace(flags=MarkerFlag.REJOINED))
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH


@pytest.mark.parametrize("way", ["started", "booted"])
def test_another_life_of_the_machine_has_no_clients(way):
    judge = created(UNDER)
    if way == "started":
        judge.observe(event("target.start"))
    else:
        judge.observe_marker(marker("RAYOS_KIT:BOOT:2"))
    assert judged(judge, desktop())[0] is FrameVerdict.BLANK


@pytest.mark.parametrize("way", ["hold", "kill and hold", "plan"])
def test_who_is_held_may_stand_still_and_who_is_let_go_may_not(way):
    judge = created(UNDER)
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH
    match way:
        case "hold":
            sent(judge, "hold on=1")
        case "kill and hold":
            sent(judge, "kill id=9 hold=100")
        case _:
            judge.observe_marker(marker("RAYOS_KIT:PLAN:8:done"))
    sent(judge, "frames n=60")
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.MATCH
    sent(judge, "stop id=1 on=0" if way == "plan" else "hold on=0")
    sent(judge, "frames n=60")
    assert judged(judge, desktop(UNDER))[0] is FrameVerdict.STALE
