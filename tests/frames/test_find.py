"""Finding a picture on the screen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clients.scene import Content, SceneView, WindowView
from harness.errors import UsageError
from harness.frames.find import find_picture
from harness.frames.oracle import render
from harness.geometry import Rect


def screen():
    windows = tuple(
        WindowView(i, 60 * i, 40 * i, 120, 90, 0x305070, i == 3, Content(0x305070), f"client {i}") for i in range(1, 4)
    )
    return render(SceneView(windows))


def test_a_button_is_found_where_it_is():
    cut = screen()[80:100, 120:180]
    assert find_picture(screen(), cut) == [Rect(120, 80, 60, 20)]


def test_what_is_not_there_is_not_found():
    cut = screen()[80:100, 120:180].copy()
    cut[5, 5] ^= 1
    assert find_picture(screen(), cut) == []


def test_all_places_are_found_from_the_top_left():
    picture = np.zeros((50, 50), np.uint32)
    wanted = np.array([[1, 2], [3, 4]], np.uint32)
    for y, x in [(40, 3), (2, 30), (2, 5), (48, 48)]:
        picture[y : y + 2, x : x + 2] = wanted
    assert find_picture(picture, wanted) == [Rect(5, 2, 2, 2), Rect(30, 2, 2, 2), Rect(3, 40, 2, 2), Rect(48, 48, 2, 2)]
    assert find_picture(picture, wanted, limit=2) == [Rect(5, 2, 2, 2), Rect(30, 2, 2, 2)]


def test_overlapping_places_are_found_too():
    picture = np.tile(np.array([[1, 2]], np.uint32), (1, 4))
    assert [r.x for r in find_picture(picture, np.array([[1, 2, 1, 2]], np.uint32))] == [0, 2, 4]


def test_a_picture_of_one_colour_or_none_is_refused():
    for wanted in (np.zeros((5, 5), np.uint32), np.zeros((0, 5), np.uint32), np.zeros((1, 1), np.uint32)):
        with pytest.raises(UsageError, match="more than one colour"):
            find_picture(screen(), wanted)


def test_a_picture_larger_than_the_screen_is_not_there():
    assert find_picture(screen()[:50], screen()[:60]) == []
    assert find_picture(screen(), screen()) == [Rect(0, 0, 992, 768)]


def test_a_tolerance_finds_nearly_equal_places_only_if_asked():
    cut = screen()[80:100, 120:180].copy()
    shown = screen()
    shown[80:100, 120:180] ^= 0x020202
    assert find_picture(shown, cut) == []
    assert Rect(120, 80, 60, 20) in find_picture(shown, cut, tolerance=2)
    assert find_picture(shown, cut, tolerance=1) == []


def test_a_common_pattern_on_a_full_screen_ends_in_bounded_work():
    picture = np.indices((768, 992)).sum(axis=0).astype(np.uint32) % 2
    assert len(find_picture(picture, picture[:64, :64])) == 64


@settings(max_examples=60)
@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 8), st.integers(1, 8), st.integers(2, 4), st.integers(0, 99)
)
def test_it_finds_exactly_what_a_plain_search_finds(y, x, h, w, colours, seed):
    picture = np.random.default_rng(seed).integers(0, colours, (28, 28), np.uint32)
    wanted = picture[y : y + h, x : x + w]
    if len(np.unique(wanted)) < 2:
        return
    plain = [
        Rect(left, top, w, h)
        for top in range(28 - h + 1)
        for left in range(28 - w + 1)
        if (picture[top : top + h, left : left + w] == wanted).all()
    ]
    assert find_picture(picture, wanted, limit=1000) == plain
