"""Aligns two sequences of small integers: a longest common subsequence, with anchors on what is in both only once.

Patience first (elements that are unique in both, the longest chain of them that is in order), then an exact longest
common subsequence of what lies between, by the bit-parallel method of Hyyrö (2004), "Bit-parallel LCS-length
computation revisited", a row of the table being one long integer. Only every so many-th row is kept, the others are
made again on the way back, so memory is O(n * sqrt(m) / 8) bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import isqrt

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Pairs = list[tuple[int, int]]
Span = tuple[int, int, int, int]

EXACT = 1_000_000_000  # n * m up to which the subsequence is a longest one: takes about half a second
_BAND = 4096  # elements, at least, that may lie between two that go together where there are more
_SMALL = 64  # elements up to which plain lists are faster than arrays
_MASKS = 64 << 20  # bytes of bit masks that are kept


def align(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """The places that go together, both strictly ascending: `a[left[k]] == b[right[k]]` for every k."""
    found: list[tuple[Ints, Ints]] = []
    small: Pairs = []
    todo = [(0, len(a), 0, len(b))]
    while todo:
        a0, a1, b0, b1 = todo.pop()
        if a0 == a1 or b0 == b1:
            continue
        if a1 - a0 <= _SMALL and b1 - b0 <= _SMALL:
            small += [(a0 + i, b0 + j) for i, j in _longest(a[a0:a1].tolist(), b[b0:b1].tolist())]
            continue
        head = _common(a[a0:a1], b[b0:b1])
        tail = _common(a[a0 + head : a1][::-1], b[b0 + head : b1][::-1])
        found.append((np.arange(a0, a0 + head), np.arange(b0, b0 + head)))
        found.append((np.arange(a1 - tail, a1), np.arange(b1 - tail, b1)))
        a0, a1, b0, b1 = a0 + head, a1 - tail, b0 + head, b1 - tail
        if a0 == a1 or b0 == b1:
            continue
        pairs, anchors = _between(a[a0:a1], b[b0:b1])
        left, right = _shifted(pairs, a0, b0)
        found.append((left, right))
        if anchors:  # anchors: what lies between two of them is still to be done
            single, more = gaps(left, right, (a0, a1, b0, b1))
            same = a[single[0]] == b[single[1]]
            found.append((single[0][same], single[1][same]))
            todo += more
    found.append(_shifted(small, 0, 0))
    left, right = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
    order = np.argsort(left, kind="stable")
    return left[order], right[order]


def _shifted(pairs: Pairs, a0: int, b0: int) -> tuple[Ints, Ints]:
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0] + a0, both[:, 1] + b0


def gaps(left: Ints, right: Ints, span: Span) -> tuple[tuple[Ints, Ints], list[Span]]:
    """The parts between matched places in which both sides have something: those of one by one, and the others."""
    a0, a1, b0, b1 = span
    ends = np.append(a0, left + 1), np.append(left, a1), np.append(b0, right + 1), np.append(right, b1)
    long_a, long_b = ends[1] - ends[0], ends[3] - ends[2]
    single = (long_a == 1) & (long_b == 1)
    more = np.flatnonzero((long_a > 0) & (long_b > 0) & ~single)
    spans = list(zip(*(end[more].tolist() for end in ends), strict=True))
    return (ends[0][single], ends[2][single]), spans


def _common(a: Ints, b: Ints) -> int:
    """How many elements at the start are the same."""
    length = min(len(a), len(b))
    unequal = a[:length] != b[:length]
    at = int(unequal.argmax()) if length else 0
    return at if length and unequal[at] else length


def _between(a: Ints, b: Ints) -> tuple[Pairs, bool]:
    """Pairs of two sequences that differ at both ends, and whether they are only anchors."""
    in_a = np.flatnonzero(np.isin(a, b))
    in_b = np.flatnonzero(np.isin(b, a))
    ours, theirs = a[in_a], b[in_b]
    if not len(ours):
        return [], False
    anchors = _unique(ours, theirs)
    pairs, whole = (anchors, False) if anchors else (_longest(ours.tolist(), theirs.tolist()), True)
    places_a, places_b = in_a.tolist(), in_b.tolist()
    return [(places_a[i], places_b[j]) for i, j in pairs], not whole


def _unique(a: Ints, b: Ints) -> Pairs:
    """Patience: what is in both exactly once, the longest chain of it."""
    _, first_a, count_a = np.unique(a, return_index=True, return_counts=True)
    _, first_b, count_b = np.unique(b, return_index=True, return_counts=True)
    # Both hold the same words, in the same order.
    once = np.flatnonzero((count_a == 1) & (count_b == 1))
    return _chain(first_a[once], first_b[once])


def _chain(in_a: Ints, in_b: Ints) -> Pairs:
    """The most pairs that ascend in both: a longest increasing subsequence, O(k log k)."""
    order = np.argsort(in_a)
    left, right = in_a[order].tolist(), in_b[order].tolist()
    ends: list[int] = []  # the smallest last element of a chain of each length …
    holders: list[int] = []  # … and its index
    before = [-1] * len(right)
    for index, value in enumerate(right):
        length = bisect_left(ends, value)
        if length:
            before[index] = holders[length - 1]
        if length == len(ends):
            ends.append(value)
            holders.append(index)
        else:
            ends[length], holders[length] = value, index
    pairs: Pairs = []
    at = holders[-1] if holders else -1
    while at >= 0:
        pairs.append((left[at], right[at]))
        at = before[at]
    pairs.reverse()
    return pairs


class _Masks:
    """For each element of a part of *a* the integer whose bits are the places where it stands, from the part's start.

    Those of a part are kept until the next part is taken.
    """

    def __init__(self, a: Sequence[int]) -> None:
        self._places: dict[int, list[int]] = {}
        for index, value in enumerate(a):
            self._places.setdefault(value, []).append(index)
        self._kept: dict[int, int] = {}
        self._part = (0, len(a))
        self._room = _MASKS // (len(a) // 8 + 64)

    def take(self, low: int, high: int) -> None:
        """The part from *low* up to *high*."""
        if (low, high) != self._part:
            self._part = (low, high)
            self._kept.clear()

    def __contains__(self, value: int) -> bool:
        return value in self._places

    def __getitem__(self, value: int) -> int:
        mask = self._kept.get(value)
        if mask is None:
            low, high = self._part
            places = self._places[value]
            places = places[bisect_left(places, low) : bisect_left(places, high)]
            mask = 0
            if len(places) < 4:
                for place in places:
                    mask |= 1 << (place - low)
            else:
                bits = bytearray((places[-1] - low) // 8 + 1)
                for place in places:
                    bits[(place - low) >> 3] |= 1 << ((place - low) & 7)
                mask = int.from_bytes(bits, "little")
            if len(self._kept) < self._room:
                self._kept[value] = mask
        return mask


def _longest(a: Sequence[int], b: Sequence[int]) -> Pairs:
    """A longest common subsequence; of equal ones that in which `b` is matched early.

    Over `EXACT` it is the longest of those that stay within a band around the table's diagonal.
    """
    masks = _Masks(a)
    rows = [index for index, value in enumerate(b) if value in masks]
    if not rows:
        return []
    blocks = _blocks(len(a), len(rows))
    kept: list[int] = []  # the table's row before each block
    row, at = 0, 0  # a bit is 0 where the subsequence grows by that element of *a*
    reached = 0  # columns from here on are new: 1
    for first, last, low, high in blocks:
        masks.take(low, high)
        row >>= low - at
        row |= ((1 << (high - low)) - 1) ^ ((1 << max(reached - low, 0)) - 1)
        at, reached = low, high
        kept.append(row)
        full = (1 << (high - low)) - 1
        for index in rows[first:last]:
            both = row & masks[b[index]]
            row = ((row + both) | (row - both)) & full
    pairs: Pairs = []
    column = len(a) - 1
    for (first, last, low, high), row in zip(reversed(blocks), reversed(kept), strict=True):
        masks.take(low, high)
        full = (1 << (high - low)) - 1
        table = [row]
        for index in rows[first:last]:
            both = table[-1] & masks[b[index]]
            table.append(((table[-1] + both) | (table[-1] - both)) & full)
        here = min(column, high - 1) - low
        for number in range(len(table) - 1, 0, -1):
            if here < 0:
                break
            # The last element up to here that made it grow; did it in this row, or in one before?
            here = (~table[number] & ((2 << here) - 1)).bit_length() - 1
            if here >= 0 and (table[number - 1] >> here) & 1:
                pairs.append((low + here, rows[first + number - 1]))
                here -= 1
        column = low + here
        if column < 0:
            break
    pairs.reverse()
    return pairs


def _blocks(columns: int, rows: int) -> list[tuple[int, int, int, int]]:
    """Parts of the table that are done one after the other: rows from … to, columns from … to, neither going back."""
    if columns * rows <= EXACT:
        every, band = max(isqrt(rows), 1), columns
    else:
        band = max(EXACT // rows, _BAND)
        every = max(band // 4 * rows // max(columns, rows), 1)
    found = []
    for first in range(0, rows, every):
        last = min(first + every, rows)
        low = max(first * columns // rows - band // 2, 0) if band < columns else 0
        high = min(last * columns // rows + band // 2, columns) if band < columns else columns
        found.append((first, last, low, high))
    return found


def runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as (first, how many) of those that follow each other."""
    if not places:
        return []
    breaks = [0, *(i + 1 for i, (x, y) in enumerate(pairwise(places)) if y != x + 1), len(places)]
    return [(places[start], end - start) for start, end in pairwise(breaks)]
