"""Comparison: exact to the bit, masks and clips that mean what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.frames.compare import compare, ignore_rects
from harness.frames.result import PixelPair
from harness.geometry import Rect


def picture(w=100, h=80, seed=1):
    return np.random.default_rng(seed).integers(0, 1 << 24, (h, w), np.uint32)


def test_equal_pictures_are_equal():
    assert compare(picture(), picture()).equal
    assert str(compare(picture(), picture())) == "no pixel differs"


@settings(max_examples=50)
@given(st.integers(0, 79), st.integers(0, 99), st.integers(0, 23))
def test_one_flipped_bit_is_found_and_placed(y, x, bit):
    a, b = picture(), picture()
    b[y, x] ^= 1 << bit
    found = compare(a, b)
    assert (found.count, found.box) == (1, Rect(x, y, 1, 1))
    assert found.first == PixelPair(x, y, int(a[y, x]), int(b[y, x]))
    assert found.tiles == ((x // 32, y // 32),)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 79), st.integers(0, 99)), min_size=1, max_size=20, unique=True))
def test_count_box_first_and_tiles_of_many_differences(places):
    a, b = picture(), picture()
    for y, x in places:
        b[y, x] ^= 0x10
    found = compare(a, b)
    ys, xs = [y for y, _ in places], [x for _, x in places]
    assert found.count == len(places)
    assert found.box == Rect(min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)
    assert (found.first.y, found.first.x) == min(places)
    assert set(found.tiles) == {(x // 32, y // 32) for y, x in places}


def test_the_sentence_names_count_place_and_both_values():
    a = np.zeros((10, 10), np.uint32)
    b = a.copy()
    b[3, 4] = 0xFF
    assert str(compare(a, b)) == "1 pixel differs, in 1×1 at (4, 3); first (4, 3) is 0000ff, expected 000000"


def test_a_mask_hides_what_it_covers_and_nothing_beside_it():
    a, b = picture(), picture()
    b[20:30, 40:50] ^= 1
    mask = ignore_rects([Rect(40, 20, 10, 10)], 100, 80)
    assert compare(a, b, ignore=mask).equal
    b[19, 40] ^= 1
    assert compare(a, b, ignore=mask).box == Rect(40, 19, 1, 1)


def test_a_mask_that_hides_everything_is_refused():
    with pytest.raises(UsageError, match="no pixel to compare"):
        compare(picture(), picture(seed=2), ignore=ignore_rects([Rect(0, 0, 100, 80)], 100, 80))


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(UsageError, match="mask is 99×80"):
        compare(picture(), picture(), ignore=ignore_rects([], 99, 80))


@pytest.mark.parametrize(
    "rect", [Rect(-1, 0, 5, 5), Rect(0, 0, 101, 5), Rect(96, 0, 5, 5), Rect(0, 76, 5, 5), Rect(0, 0, 0, 5)]
)
def test_a_rectangle_that_leaves_the_picture_is_refused(rect):
    with pytest.raises(UsageError, match="not inside"):
        ignore_rects([rect], 100, 80)
    with pytest.raises(UsageError, match="not inside"):
        compare(picture(), picture(), clip=rect)


def test_a_clip_compares_only_its_part_in_the_pictures_own_coordinates():
    a, b = picture(), picture()
    b[70, 90] ^= 1
    b[5, 5] ^= 1
    found = compare(a, b, clip=Rect(50, 40, 50, 40))
    assert (found.count, found.box, found.tiles) == (1, Rect(90, 70, 1, 1), ((2, 2),))


def test_a_clip_must_lie_in_both_pictures_which_may_differ_in_size():
    a, b = picture(100, 80), picture(200, 90)
    b[:80, :100] = a
    assert compare(a, b, clip=Rect(0, 0, 100, 80)).equal
    with pytest.raises(UsageError):
        compare(a, b, clip=Rect(0, 0, 150, 80))


def test_a_mask_is_cut_with_the_clip():
    a, b = picture(), picture()
    b[40, 50] ^= 1
    mask = ignore_rects([Rect(50, 40, 1, 1)], 100, 80)
    assert compare(a, b, ignore=mask, clip=Rect(40, 30, 30, 30)).equal


def test_pictures_of_two_sizes_differ_and_say_so():
    found = compare(picture(100, 80), picture(120, 80))
    assert not found.equal
    assert found.sizes == ((100, 80), (120, 80))
    assert str(found) == "the picture is 120×80 pixels, expected 100×80"


@pytest.mark.parametrize("shift", [0, 8, 16])
def test_a_tolerance_is_per_channel_and_inclusive(shift):
    a = np.full((4, 4), 0x808080, np.uint32)
    b = a.copy()
    b[1, 2] += 3 << shift
    b[2, 2] -= 3 << shift
    assert compare(a, b).count == 2
    assert compare(a, b, tolerance=2).count == 2
    assert compare(a, b, tolerance=3).equal


def test_a_borrow_from_another_channel_is_no_small_difference():
    a, b = np.full((2, 2), 0x010000, np.uint32), np.full((2, 2), 0x00FFFF, np.uint32)  # one apart as numbers
    assert compare(a, b, tolerance=200).count == 4


@pytest.mark.parametrize("tolerance", [-1, 256])
def test_an_impossible_tolerance_is_refused(tolerance):
    with pytest.raises(UsageError, match="tolerance"):
        compare(picture(), picture(), tolerance=tolerance)
