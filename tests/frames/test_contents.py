"""Contents, themes and full-screen windows against pixels worked out by hand from docs/reference-guest.md.

Colours and places of blocks and cells come from a C program of its own.
"""

import numpy as np
import pytest

from harness.clients.scene import Content, SceneView, WindowView
from harness.clients.scene_views import Blocks, Surface
from harness.frames.oracle import render, repaint
from harness.geometry import Rect


def show(content, *, light=False, fullscreen=False, w=160, h=120, title="client 1", focused=True):
    place = (0, 0, 992, 768) if fullscreen else (100, 50, w, h)
    window = WindowView(1, *place, 0x304050, focused, content, title, fullscreen)
    return render(SceneView((window,), None, light))


def test_a_picture_has_cells_of_16_pixels_numbered_64_a_row():
    pixels = show(Content(picture=1))[69:169, 101:259]
    assert [int(pixels[0, x]) for x in (0, 15, 16, 31)] == [0xA0F96B, 0xA0F96B, 0xBC8390, 0xBC8390]
    assert pixels[15, 0] == 0xA0F96B
    assert pixels[16, 0] == pixels[31, 15] == 0xC7A270
    assert show(Content(picture=2))[69, 101] == 0x421BBB


def test_a_pictures_seed_wraps_at_32_bits():
    assert (show(Content(picture=0xFFFFFFFF))[69:169, 101:259] != show(Content(picture=0))[69:169, 101:259]).any()


def test_blocks_lie_over_the_content_in_their_order_and_under_the_text():
    pixels = show(Content(0x304050, blocks=(Blocks(1, 0, 2),)))[69:169, 101:259]
    assert {int(p) for p in pixels[55:71, 118:134].ravel()} == {0xFB3256}
    assert {int(p) for p in pixels[36:52, 20:36].ravel()} == {0x8C3713}
    assert (pixels != 0x304050).sum() == 2 * 16 * 16
    later = show(Content(0x304050, blocks=(Blocks(1, 1, 2),)))[69:169, 101:259]
    assert (later != 0x304050).sum() == 16 * 16
    full = "I" * 25 * 11  # whole rows of text over every block
    texted = show(Content(0x304050, text=full[:256], blocks=(Blocks(1, 0, 40),)))[69:169, 101:259]
    plain = show(Content(0x304050, text=full[:256]))[69:169, 101:259]
    assert ((texted == 0xFFFFFF) >= (plain == 0xFFFFFF)).all()


def test_a_later_block_covers_an_earlier_one():
    both = show(Content(0, blocks=(Blocks(1, 0, 4000),)))[69:169, 101:259]
    expected = np.zeros((100, 158), np.uint32)
    for k in range(4000):
        mixed = [_mix(1, k), _mix(1 ^ 0x5BD1E995, k) & 0xFFFFFF]
        x, y = mixed[0] % 143, (mixed[0] >> 16) % 85
        expected[y : y + 16, x : x + 16] = mixed[1]
    assert (both == expected).all()


def _mix(s, k):
    z = (s + (k + 1) * 0x9E3779B9) % 2**32
    z = ((z ^ (z >> 16)) * 0x85EBCA6B) % 2**32
    z = ((z ^ (z >> 13)) * 0xC2B2AE35) % 2**32
    return z ^ (z >> 16)


def test_a_surface_is_drawn_from_the_top_left_and_cut_where_the_window_ends():
    surface = Surface.of(np.arange(200 * 300, dtype=np.uint32).reshape(200, 300))
    pixels = show(Content(surface=surface))
    assert pixels[69, 101] == 0
    assert pixels[70, 102] == 301
    assert pixels[168, 258] == 99 * 300 + 157
    assert pixels[169, 259] == 0xFFFFFF


def test_what_a_small_surface_leaves_of_a_full_screen_is_black():
    surface = Surface.of(np.full((50, 100), 0xFF0000FF, np.uint32))
    pixels = show(Content(surface=surface), fullscreen=True)
    assert (pixels[:50, :100] == 0x0000FF).all()
    assert not pixels[50:].any()
    assert not pixels[:50, 100:].any()


def test_surfaces_are_equal_where_their_pixels_are():
    one, other = np.zeros((2, 3), np.uint32), np.zeros((3, 2), np.uint32)
    assert Surface.of(one) == Surface.of(one.copy())
    assert Surface.of(one) != Surface.of(other)
    assert Surface.of(one) != Surface.of(one + np.uint32(1))


def test_a_full_screen_window_has_neither_border_nor_title_bar():
    pixels = show(Content(0x304050, text="l"), fullscreen=True)
    assert pixels[0, 0] == pixels[767, 991] == 0x304050
    assert (pixels == 0xFFFFFF).sum() == 2 + 5 + 3  # the one letter: its top, stem and foot
    assert pixels[4, 5] == 0xFFFFFF


def test_the_light_theme():
    pixels = show(Content(0x304050, text="l", light=True), light=True)
    assert (pixels[100, 90], pixels[128, 90], pixels[100, 64]) == (0xC8D2DC, 0xBAC6D2, 0xBAC6D2)
    assert pixels[0, 0] == 0xE8EDF2
    assert pixels[8, 8] == 0x30404F
    assert pixels[51, 101] == 0x182028 + 0x808080
    assert pixels[50, 100] == 0xFFFFFF
    assert pixels[69, 101] == 0x304050
    assert pixels[73, 106] == 0  # the l
    assert pixels[58, 107] == 0  # the c of "client 1" in the title bar
    assert (show(Content(), light=True, focused=False)[50, 100:260] == 0x0A0D12).all()


def test_a_title_is_what_the_toplevel_says_one_cell_a_byte():
    assert (show(Content(), title="")[51:69, 101:259] == 0x182028).all()
    assert (show(Content(), title="ä1")[51:69, 101:259] == show(Content(), title="\t 1")[51:69, 101:259]).all()


@pytest.mark.parametrize("content", [
    Content(0x123456, checker=True, phase=5, text="two\nrows"), Content(picture=77, text="x"),
    Content(0x123456, blocks=(Blocks(3, 5, 300),), text="x"), Content(surface=Surface.of(np.ones((40, 90), np.uint32))),
])  # fmt: skip
def test_any_part_is_painted_as_it_is_in_the_whole(content):
    window = WindowView(1, 100, 50, 160, 120, 0x304050, True, content, "client 1")
    view = SceneView((window, WindowView(2, 230, 100, 160, 120, 0x304050, False, content, "client 2")), (251, 160))
    whole = render(view)
    for area in (Rect(99, 49, 3, 3), Rect(101, 69, 158, 100), Rect(113, 80, 17, 19), Rect(250, 155, 20, 30)):
        part = np.full_like(whole, 0xDEADBEEF)
        repaint(part, view, area)
        inside = np.zeros(whole.shape, bool)
        inside[area.y : area.y + area.h, area.x : area.x + area.w] = True
        assert (part[inside] == whole[inside]).all()
        assert (part[~inside] == 0xDEADBEEF).all()
