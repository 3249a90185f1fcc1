"""The computed oracle against pixels worked out by hand from docs/reference-guest.md and docs/font.txt."""

from pathlib import Path

import numpy as np
import pytest

from harness.clients.scene import Content, SceneView, WindowView
from harness.frames import font
from harness.frames.compare import compare
from harness.frames.contents import text_rows
from harness.frames.oracle import render
from harness.geometry import Rect

FONT = Path(__file__).parents[2] / "docs" / "font.txt"


def window(**given):
    values = {"id": 1, "x": 100, "y": 50, "w": 160, "h": 120, "color": 0x304050, "focused": True, "fullscreen": False}
    values |= {name: given.pop(name) for name in tuple(given) if name in values}
    title = given.pop("title", f"client {values['id']}")
    return WindowView(**values, title=title, content=Content(**{"color": values["color"]} | given))


def picture(*windows, cursor=None):
    return render(SceneView(windows, cursor))


def art(pixels, x, y, w, h, ink):
    """Part of a picture as text, # where it has the colour *ink*."""
    return ["".join("#" if p == ink else "." for p in row) for row in pixels[y : y + h, x : x + w].tolist()]


def test_the_font_is_that_of_the_document_glyph_for_glyph():
    blocks = [b.splitlines() for b in FONT.read_text().split("\n\n")[1:]]
    assert len(blocks) == 95
    for header, *rows in blocks:
        code = int(header.split()[0], 16)
        drawn = ["".join("#" if bit else "." for bit in row) for row in font.line(chr(code))]
        assert [row[:5] for row in drawn[:7]] == rows, header
        assert {row[5] for row in drawn} == {"."}, "the sixth column is empty"
        assert drawn[7] == "......", "and so is the eighth row"


def test_a_character_outside_the_font_is_refused():
    for text in ("\n", "ä", "\x7f"):
        with pytest.raises(IndexError):
            font.line(text)


def test_the_empty_desktop():
    pixels = picture()
    assert pixels.shape == (768, 992)
    assert pixels.dtype == np.uint32
    assert pixels[100, 100] == 0x1E2A38
    assert pixels[128, 100] == 0x263546  # 128 = 2·64
    assert pixels[100, 640] == 0x263546
    assert pixels[767, 991] == 0x1E2A38
    assert pixels[0, 0] == pixels[23, 991] == 0x10161E
    assert pixels[24, 0] == 0x263546
    assert pixels[24, 1] == 0x1E2A38


def test_the_panels_text_is_drawn_at_8_8():
    assert art(picture(), 8, 8, 12, 8, 0x9FB4CC) == [  # "Ra"
        "####........",
        "#...#.......",
        "#...#..###..",
        "####......#.",
        "#.#....####.",
        "#..#..#...#.",
        "#...#..####.",
        "............",
    ]
    assert (picture()[:24] == 0x9FB4CC).sum() == sum(font.line("RayOS reference").ravel())


def test_border_title_and_content_of_a_focused_solid_window():
    pixels = picture(window())
    assert pixels[50, 100] == pixels[50, 259] == pixels[169, 100] == pixels[169, 259] == 0xFFFFFF
    assert pixels[49, 100] != 0xFFFFFF
    assert pixels[170, 100] != 0xFFFFFF
    assert pixels[51, 101] == pixels[68, 258] == 0x182028  # 304050 >> 1
    assert pixels[69, 101] == pixels[168, 258] == 0x304050


def test_a_window_without_focus_has_the_dark_border():
    assert picture(window(focused=False))[50, 100] == 0x0A0D12


def test_the_title_colour_is_halved_within_each_channel():
    assert picture(window(color=0xFF01FF))[51, 101] == 0x7F007F


def test_the_title_text_stands_at_6_6_of_the_window():
    assert art(picture(window(id=7)), 106, 56, 6, 8, 0xFFFFFF) == [  # c of "client 7"
        "......",
        "......",
        ".####.",
        "#.....",
        "#.....",
        "#.....",
        ".####.",
        "......",
    ]
    assert art(picture(window(id=7)), 106 + 7 * 6, 56, 6, 8, 0xFFFFFF)[0] == "#####."


def test_a_long_title_is_clipped_to_the_title_bar():
    pixels = picture(window(id=96, w=48))  # "client 96" is 54 wide, from x+6; the bar ends at x+46
    assert (pixels[51:69, 148:] == picture()[51:69, 148:]).all()
    assert pixels[60, 147] == 0xFFFFFF  # the border stands


def test_a_checker_has_cells_of_eight_pixels_shifted_by_its_count():
    even, odd = 0x304050, 0x304050 ^ 0x202020
    pixels = picture(window(checker=True))
    assert [int(pixels[69, 101 + c]) for c in (0, 7, 8, 15, 16)] == [even, even, odd, odd, even]
    assert [int(pixels[69 + r, 101]) for r in (0, 7, 8, 16)] == [even, even, odd, even]
    shifted = picture(window(checker=True, phase=3))
    assert [int(shifted[69, 101 + c]) for c in (0, 4, 5, 12, 13)] == [even, even, odd, odd, even]


def test_typed_text_starts_at_4_4_of_the_content_and_wraps_after_the_last_column():
    pixels = picture(window(w=48, h=60, text="lllllll"))  # (48 - 10) // 6 = 6 columns
    first, second = (art(pixels, 105, 73 + 8 * r, 36, 8, 0xFFFFFF) for r in (0, 1))
    assert first[0] == ".##..." * 6
    assert second[0] == ".##..." + "." * 30


def test_text_that_does_not_fit_wholly_is_not_drawn():
    for h, rows in ((40, 1), (43, 1), (44, 2), (51, 2), (52, 3)):  # (h - 28) // 8
        pixels = picture(window(h=h, text="l\n" * 9))
        column = pixels[69 : 50 + h - 1, 106] == 0xFFFFFF  # the top left pixel of l's stem is in column 1
        assert column.sum() == rows * 2  # two of the seven rows of an l have it set: the top and the foot


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [""]),
        ("abc", ["abc"]),
        ("abcd", ["abc", "d"]),
        ("abc\nd", ["abc", "d"]),
        ("abc\n\nd", ["abc", "", "d"]),
        ("\n\na", ["", "", "a"]),
        ("abcabca", ["abc", "abc", "a"]),
    ],
)
def test_text_is_laid_out_in_rows(text, rows):
    assert list(text_rows(text, 3, 99)) == rows
    assert list(text_rows(text, 3, 1)) == rows[:1]


def test_later_windows_cover_earlier_ones_and_the_panel():
    below, above = window(id=1, focused=False), window(id=2, x=150, y=10, color=0x800000)
    pixels = picture(below, above)
    assert pixels[100, 200] == 0x800000
    assert pixels[100, 120] == 0x304050
    assert pixels[20, 151] == 0x400000
    assert picture(above, below)[100, 200] == 0x304050


@pytest.mark.parametrize(
    ("x", "y"), [(-100, -30), (900, 700), (-159, 0), (991, 767), (992, 0), (0, 768), (-4096, 4095)]
)
def test_a_window_over_the_edge_is_cut_at_the_edge(x, y):
    text = "some text\nin two rows"
    big = np.zeros((768 + 2 * 4300, 992 + 2 * 4300), np.uint32)
    big[4300 : 4300 + 768, 4300 : 4300 + 992] = picture()
    whole = picture(window(x=200, y=200, checker=True, phase=5, text=text))[200:320, 200:360]
    big[4300 + y : 4300 + y + 120, 4300 + x : 4300 + x + 160] = whole
    got = picture(window(x=x, y=y, checker=True, phase=5, text=text))
    assert (got == big[4300 : 4300 + 768, 4300 : 4300 + 992]).all()


def test_the_cursor_is_a_triangle_on_top_of_all():
    pixels = picture(window(), cursor=(150, 100))
    black = art(pixels, 150, 100, 13, 13, 0x000000)
    assert black == [
        "#............",
        "##...........",
        "#.#..........",
        "#..#.........",
        "#...#........",
        "#....#.......",
        "#.....#......",
        "#......#.....",
        "#.......#....",
        "#........#...",
        "#.........#..",
        "############.",
        ".............",
    ]
    assert pixels[105, 152] == 0xFFFFFF
    assert pixels[100, 151] == 0x304050


def test_the_cursor_is_cut_at_the_edges():
    pixels = picture(cursor=(991, 767))
    assert compare(picture(), pixels).count == 1
    assert compare(picture(), picture(cursor=(985, 700))).box == Rect(985, 700, 7, 12)


def test_rendering_does_not_change_the_empty_desktop_it_starts_from():
    picture(window(), cursor=(5, 5))
    assert compare(picture(), render(SceneView())).equal


def test_a_glyph_moved_by_one_column_is_caught():
    good = picture(window(text="A"))
    bad = good.copy()
    cell = bad[73:81, 105:111].copy()
    bad[73:81, 105:111] = np.roll(cell, 1, axis=1)
    difference = compare(good, bad)
    assert difference.count > 10
    assert difference.box == Rect(105, 73, 6, 7)
