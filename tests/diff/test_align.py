"""The alignment: pairs that are equal and in order, as many as can be, in little time whatever comes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diff import align as alignment
from harness.diff.align import align, runs

WORDS = st.lists(st.integers(0, 4), max_size=40)


def longest(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of a longest common subsequence, from the definition."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def aligned(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    left, right = align(np.array(a, np.int64), np.array(b, np.int64))
    return list(zip(left.tolist(), right.tolist(), strict=True))


def is_alignment(pairs: list[tuple[int, int]], a: Sequence[int], b: Sequence[int]) -> bool:
    ascending = all(x[0] < y[0] and x[1] < y[1] for x, y in pairwise(pairs))
    return ascending and all(a[i] == b[j] for i, j in pairs)


@given(WORDS, WORDS)
def test_short_sequences_get_a_longest_common_subsequence(a: list[int], b: list[int]) -> None:
    pairs = aligned(a, b)
    assert is_alignment(pairs, a, b)
    assert len(pairs) == longest(a, b)


@pytest.mark.parametrize("exact", [10**9, 40])
def test_long_sequences_get_pairs_that_are_equal_and_in_order(exact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "_SMALL", 0)  # every step of the way that long ones go
    monkeypatch.setattr(alignment, "EXACT", exact)
    monkeypatch.setattr(alignment, "_BAND", 6)
    for seed in range(300):
        draw = random.Random(seed)
        words = draw.choice([2, 3, 8, 30])
        a, b = ([draw.randrange(words) for _ in range(draw.randrange(60))] for _ in range(2))
        assert is_alignment(aligned(a, b), a, b), (a, b)


def test_a_band_that_holds_the_way_gives_as_many_pairs_as_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = [n % 7 for n in range(3000)]
    late = [(n + 3) % 7 for n in range(3000)]
    monkeypatch.setattr(alignment, "EXACT", 100_000)
    monkeypatch.setattr(alignment, "_BAND", 64)
    assert len(aligned(beat, late)) == 2997


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("the same", 20_000),
        ("one word, shorter", 19_500),
        ("all different", 0),
        ("one in front", 20_000),
        ("a beat, one in front", 20_000),
        ("a beat, three behind", 19_997),
        ("reversed", 1),
        ("every second differs", 10_000),
    ],
)
def test_adversarial_sequences_are_aligned_as_well_as_can_be(name: str, pairs: int) -> None:
    line = list(range(20_000))
    beat = [n % 7 for n in line]
    a, b = {
        "the same": (line, line),
        "one word, shorter": ([0] * 20_000, [0] * 19_500),
        "all different": (line, [n + 20_000 for n in line]),
        "one in front": (line, [-1, *line]),
        "a beat, one in front": (beat, [9, *beat]),
        "a beat, three behind": (beat, [(n + 3) % 7 for n in line]),
        "reversed": (line, line[::-1]),
        "every second differs": (line, [n if n % 2 else n + 20_000 for n in line]),
    }[name]
    found = aligned(a, b)
    assert is_alignment(found, a, b)
    assert len(found) == pairs


def test_of_equal_alignments_the_one_that_is_matched_early_is_taken() -> None:
    assert aligned([1, 2], [1, 1, 2]) == [(0, 0), (1, 2)]


def test_runs_are_numbers_that_follow_each_other() -> None:
    assert runs([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 1), (9, 2)]
    assert runs([]) == []
