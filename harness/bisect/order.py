"""Which images contain which commits: a line, or git's graph.

Images are numbered 0 … n: 0 is the good end, n the bad one, and a commit has a higher number than its ancestors. The
commit c (1 … n) is what image c has and its parents have not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_MOST = 6000  # commits of a graph: its square in float32 is 144 MB


class Order(Protocol):
    """How observations at images bear on commits. Arrays over commits have n entries, those over images n + 1."""

    n: int

    def above(self, images: Floats) -> Floats:
        """For each commit the sum over the images that contain it."""

    def within(self, commits: Floats) -> Floats:
        """For each image the sum over the commits that it contains."""

    def contains(self, image: int) -> Bools:
        """The commits that *image* contains."""

    def alike(self, commit: int, images: Bools) -> Bools:
        """The commits that none of *images* tells from *commit* (1 … n)."""

    def edges(self, commit: int, images: Bools) -> tuple[int, int]:
        """Of *images* the first that contains *commit*, and the last one before it that does not."""


class Line:
    """Each commit on top of the one before."""

    def __init__(self, n: int) -> None:
        self.n = n

    def above(self, images: Floats) -> Floats:
        return images[::-1].cumsum()[::-1][1:]

    def within(self, commits: Floats) -> Floats:
        return np.concatenate(([0.0], commits.cumsum()))

    def contains(self, image: int) -> Bools:
        return np.arange(1, self.n + 1) <= image

    def alike(self, commit: int, images: Bools) -> Bools:
        after, before = self.edges(commit, images)
        numbers = np.arange(1, self.n + 1)
        return (numbers > before) & (numbers <= after)

    def edges(self, commit: int, images: Bools) -> tuple[int, int]:
        return commit + int(np.argmax(images[commit:])), commit - 1 - int(np.argmax(images[commit - 1 :: -1]))


class Graph:
    """Commits with the numbers of their parents, 0 for any that is not in the range."""

    def __init__(self, parents: Sequence[Sequence[int]]) -> None:
        """*parents* has n entries, of lower numbers each.

        :raises UsageError: if it is too large.
        """
        self.n = len(parents)
        if self.n > _MOST:
            raise UsageError(
                f"{self.n} commits that are no line are too many (at most {_MOST})", "follow one line: --first-parent"
            )
        has = np.zeros((self.n + 1, self.n), dtype=bool)  # [image, commit]
        for image, above in enumerate(parents, 1):
            for parent in above:
                has[image] |= has[parent]
            has[image, image - 1] = True
        self._has = has
        self._weight = has.astype(np.float32)

    def above(self, images: Floats) -> Floats:
        return np.asarray(images @ self._weight, dtype=np.float64)

    def within(self, commits: Floats) -> Floats:
        return np.asarray(self._weight @ commits, dtype=np.float64)

    def contains(self, image: int) -> Bools:
        found: Bools = self._has[image]
        return found

    def alike(self, commit: int, images: Bools) -> Bools:
        seen = self._has[images]
        return np.asarray((seen == seen[:, [commit - 1]]).all(axis=0))

    def edges(self, commit: int, images: Bools) -> tuple[int, int]:
        has = self._has[:, commit - 1]
        after = int(np.argmax(images & has))
        ancestors = np.concatenate(([True], self._has[commit]))
        return after, int(np.flatnonzero(images & ancestors & ~has)[-1])
