"""What a person gets to see of a wrong frame."""

import math

import numpy as np
import pytest

from harness.frames.compare import compare, ignore_rects
from harness.frames.difference import difference_picture, metrics, write_difference
from harness.frames.png import load_png
from harness.geometry import Rect


def picture(w=120, h=90):
    return np.random.default_rng(1).integers(0, 1 << 24, (h, w), np.uint32)


@pytest.mark.parametrize("bit", [1, 1 << 8, 1 << 16, 1 << 23])
def test_one_flipped_bit_is_one_red_pixel_and_all_else_is_not_red(bit):
    wrong = picture()
    wrong[40, 70] ^= bit
    shown = difference_picture(picture(), wrong)
    red = shown == 0xFF0000
    assert red[40, 70]
    assert red.sum() == 1


def test_equal_parts_are_dimmed_and_greenish():
    shown = difference_picture(np.full((8, 8), 0xFFFFFF, np.uint32), np.full((8, 8), 0xFFFFFF, np.uint32))
    r, g, b = (int(shown[4, 4]) >> shift & 0xFF for shift in (16, 8, 0))
    assert r == b < g < 0x80


def test_an_ignored_part_is_neither_red_nor_green():
    wrong = picture()
    wrong[0:10, 0:10] ^= 0xFF
    wrong[50, 50] ^= 0xFF
    shown = difference_picture(picture(), wrong, ignore_rects([Rect(0, 0, 10, 10)], 120, 90))
    assert (shown[0:10, 0:10] == 0x203060).all()
    assert (shown == 0xFF0000).sum() == 1


def test_metrics_are_those_of_the_formulas():
    a, b = picture(), picture()
    b[10:20, 10:20] ^= 0x1F
    found = metrics(a, b)
    channels = [(p[:, :, None] >> np.array([16, 8, 0]) & 0xFF).astype(float) for p in (a, b)]
    mse = ((channels[0] - channels[1]) ** 2).mean()
    assert found.ae == 100
    assert found.rmse == pytest.approx(math.sqrt(mse), rel=1e-4)
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-3)


def test_equal_pictures_have_no_distance():
    found = metrics(picture(), picture())
    assert (found.ae, found.rmse, found.psnr) == (0, 0.0, None)
    assert found.to_json() == {"ae": 0, "rmse": 0.0, "psnr": None}


def test_the_sheet_shows_one_wrong_pixel_as_a_square_of_eight(tmp_path):
    wrong = picture(800, 600)
    wrong[300, 400] ^= 1
    found = write_difference(tmp_path / "0001-ab", picture(800, 600), wrong)
    assert found.ae == 1
    assert {p.name for p in tmp_path.iterdir()} == {"0001-ab.expected.png", "0001-ab.diff.png", "0001-ab.sheet.png"}
    assert (load_png(tmp_path / "0001-ab.expected.png") == picture(800, 600)).all()
    sheet = load_png(tmp_path / "0001-ab.sheet.png")
    red = np.argwhere(sheet == 0xFF0000)
    (top, left), (bottom, right) = red.min(axis=0), red.max(axis=0)
    assert (bottom - top + 1, right - left + 1, len(red)) == (8, 8, 64)


@pytest.mark.parametrize("size", [(60, 50), (200, 200), (1, 1), (120, 10)])
def test_pictures_of_two_sizes_are_shown_too(tmp_path, size):
    other = picture(*size)
    write_difference(tmp_path / "a", picture(), other)
    shown = load_png(tmp_path / "a.diff.png")
    assert shown.shape == (max(90, size[1]), max(120, size[0]))
    assert not compare(picture(), other).equal
    assert (shown == 0xFF0000).any()
