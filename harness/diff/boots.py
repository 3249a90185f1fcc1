"""Which boot of one run is which of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.diff.align import Ints

MANY = 64  # boots that are aligned by what is in them; more are paired by number

BootPair = tuple[int | None, int | None]
"""Numbers of two boots, from 0; None where a boot is in one of the runs only."""


def pair_boots(a: Sequence[Ints], b: Sequence[Ints]) -> list[BootPair]:
    """Pairs in order. *a* and *b* are the markers of each boot, as numbers.

    The first boots are a pair, whatever is in them; of the others as many markers as possible come together, and
    where it is all one, boots of the same number.
    """
    if not a or not b:
        return [(n, None) for n in range(len(a))] + [(None, n) for n in range(len(b))]
    if len(a) == len(b) or max(len(a), len(b)) > MANY:
        together = min(len(a), len(b))
        pairs: list[BootPair] = [(n, n) for n in range(together)]
        return pairs + [(n, None) for n in range(together, len(a))] + [(None, n) for n in range(together, len(b))]
    return [(0, 0), *_best(a[1:], b[1:])]


def _best(a: Sequence[Ints], b: Sequence[Ints]) -> list[BootPair]:
    """The pairs of the boots behind the first with the most markers in common."""
    ours, theirs = ([Counter(boot.tolist()) for boot in side] for side in (a, b))
    best = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            together = (ours[i] & theirs[j]).total() + 0.5 + best[i + 1, j + 1]
            best[i, j] = max(together, best[i + 1, j], best[i, j + 1])
    pairs: list[BootPair] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if best[i, j] > max(best[i + 1, j], best[i, j + 1]):
            pairs.append((i + 1, j + 1))
            i, j = i + 1, j + 1
        elif best[i, j] == best[i + 1, j]:
            pairs.append((i + 1, None))
            i += 1
        else:
            pairs.append((None, j + 1))
            j += 1
    return pairs + [(n + 1, None) for n in range(i, len(a))] + [(None, n + 1) for n in range(j, len(b))]
