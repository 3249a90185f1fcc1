"""The workloads' formulas against values worked out by a C program of its own, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients import workloads
from harness.frames.contents import mixed
from harness.geometry import Rect

WORDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("seed", "k", "value"),
    [
        (0, 0, 0x92CA2F0E),
        (1, 0, 0x96A0F96B),
        (1, 5, 0xCD6587C9),
        (7, 59, 0xFE8EA8F1),
        (0xFFFFFFFF, 63, 0x16DDAD84),
        (1, 1_000_000, 0x2A4744FE),
    ],
)
def test_mix_gives_the_words_of_the_document(seed, k, value):
    assert workloads.mix(seed, k) == value


@given(WORDS, st.lists(st.integers(0, 2**31), min_size=1))
def test_the_oracles_mix_of_many_is_that_of_each(seed, steps):
    assert mixed(seed, np.array(steps, np.uint32)).tolist() == [workloads.mix(seed, k) for k in steps]


def test_blocks_have_the_documents_places_and_colours():
    assert [workloads.block(1, k, 158, 100) for k in range(3)] == [
        Rect(118, 55, 16, 16), Rect(20, 36, 16, 16), Rect(132, 11, 16, 16)
    ]  # fmt: skip
    assert [workloads.block_colour(1, k) for k in range(3)] == [0xFB3256, 0x8C3713, 0xE7AD71]


@given(WORDS, st.integers(0, 10**6), st.integers(46, 992), st.integers(20, 768))
def test_a_block_lies_in_its_content(seed, k, width, height):
    block = workloads.block(seed, k, width, height)
    assert 0 <= block.x <= width - 16
    assert 0 <= block.y <= height - 16


def test_solid_has_the_low_24_bits():
    assert [workloads.solid(9, k) for k in range(3)] == [0x7B7B72, 0xE6FD85, 0x5B85E6]


@pytest.mark.parametrize(
    ("rate", "ticks"),
    [(24, [0, 3, 5, 8, 10, 13, 15, 18]), (30, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])],  # floor(k·rate/60) grows there
)
def test_media_draws_where_its_picture_is_another(rate, ticks):
    assert [k for k in range(20) if workloads.picture(5, rate, k) is not None] == ticks
    assert [workloads.picture(5, rate, k) for k in ticks] == [5 + m for m in range(len(ticks))]


def test_media_seeds_wrap():
    assert workloads.picture(0xFFFFFFFF, 30, 2) == 0


def test_media_draws_rate_pictures_a_second():
    for rate in workloads.RATES:
        assert sum(workloads.picture(1, rate, k) is not None for k in range(600)) == 10 * rate


def test_a_typist_types_every_sixth_tick():
    typed = [workloads.letter(1, k) for k in range(30)]
    assert typed[5::6] == ["n", "g", "h", "w", "t"]
    assert [k for k, letter in enumerate(typed) if letter] == [5, 11, 17, 23, 29]


def test_pointer_moves_four_times_a_tick():
    assert workloads.motions(1, 0) == [(107, 160), (368, 188), (452, 286), (199, 429)]
    assert workloads.motions(1, 1)[0] == (344, 540)


@pytest.mark.parametrize(
    ("k", "grown"), [(0, 0), (1, 1), (31, 31), (32, 32), (33, 31), (63, 1), (64, 0), (65, 1), (96, 32)]
)
def test_resize_grows_by_32_and_shrinks_again(k, grown):
    assert workloads.size((100, 50), k) == (100 + grown, 50 + grown)


def test_resize_is_clamped_to_the_desktop():
    assert workloads.size((980, 760), 20) == (992, 768)


def test_surge_draws_one_second_in_six():
    assert [k for k in range(800) if workloads.surges(k)] == [*range(300, 360), *range(660, 720)]


def test_clipboard_offers_every_tenth_and_slow_reads_every_thirtieth_tick():
    assert [k for k in range(31) if workloads.offers(k)] == [0, 10, 20, 30]
    assert [k for k in range(90) if workloads.reads(k)] == [29, 59, 89]
