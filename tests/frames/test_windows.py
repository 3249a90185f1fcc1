"""Windows with strips of their own, found on a desktop. The guest's own drawing code is the second opinion."""

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.journal import Event
from harness.frames.types import Frame, FrameVerdict
from harness.frames.windows import Window, content_crc, examine, find_windows, picture
from harness.judge.clients_shown import ClientsShown
from harness.markers.types import Marker

CLIENT = Path(__file__).parents[2] / "images/weston/client"
BACKGROUND = 0x203040


class Picture(ctypes.Structure):
    """`struct picture` of picture.h."""

    _fields_ = [
        ("pixels", ctypes.c_void_p), ("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("id", ctypes.c_uint16),
        ("frame", ctypes.c_uint32), ("tint", ctypes.c_uint32), ("ahead", ctypes.c_int32),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def guest_draws(tmp_path_factory):
    library = tmp_path_factory.mktemp("picture") / "picture.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, CLIENT / "picture.c"], check=True)
    code = ctypes.CDLL(str(library))

    def draw(client, frame, width, height, tint=0, ahead=0):
        pixels = np.zeros((height, width), np.uint32)
        code.draw_picture(ctypes.byref(Picture(pixels.ctypes.data, width, height, client, frame, tint, ahead)))
        return pixels

    return draw


def window(client, x, y, width=240, height=160, frame=7):
    return Window(client, frame, content_crc(client, frame, width - 32, height), x, y, width, height, height // 20)


def desktop(*windows, size=(1024, 768)):
    """The windows over each other, the last on top; parts off the screen are cut."""
    width, height = size
    room = np.full((height + 1000, width + 1000), BACKGROUND, np.uint32)
    for one in windows:
        room[one.y + 500 : one.y + 500 + one.height, one.x + 500 : one.x + 500 + one.width] = picture(one)
    return np.ascontiguousarray(room[500 : 500 + height, 500 : 500 + width])


@settings(max_examples=25, deadline=None)
@given(
    client=st.integers(1, 232), frame=st.integers(1, 2**32 - 1), width=st.integers(64, 400), height=st.integers(20, 200)
)
def test_host_and_guest_agree_on_every_pixel(guest_draws, client, frame, width, height):
    assert np.array_equal(
        guest_draws(client, frame, width, height), picture(window(client, 0, 0, width, height, frame))
    )


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


def test_a_client_has_to_be_where_it_was_created_and_once():
    judge = judging(1)
    judge.observe(event("control.send", cseq=1, payload="create id=1 x=10 y=11 w=240 h=160 rate=5"))
    assert judged(judge, desktop(window(1, 10, 11)))[0] is FrameVerdict.MATCH
    assert "was created at (10, 11, 240, 160)" in judged(judge, desktop(window(1, 10, 12)))[1]
    assert "shown twice" in judged(judge, desktop(window(1, 10, 11), window(1, 500, 500)))[1]


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
