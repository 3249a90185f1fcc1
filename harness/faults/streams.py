"""Random numbers of a plan: counter based, so that each fault has a stream of its own, split by its name.

Number k of the stream of *name* under *seed* is a keyed BLAKE2b digest of (name, k): nothing that another fault draws,
or that is added to the plan or taken from it, moves it. The same on every machine and Python version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Stream:
    """The random numbers of one fault."""

    def __init__(self, seed: int, name: str) -> None:
        self._key = seed.to_bytes(16, "little", signed=True)
        self._name = name.encode()
        self._drawn = 0

    def word(self) -> int:
        """The next 64 bits."""
        counter = self._drawn.to_bytes(8, "little")
        self._drawn += 1
        return int.from_bytes(hashlib.blake2b(counter + self._name, digest_size=8, key=self._key).digest(), "little")

    def below(self, n: int) -> int:
        """0 … n-1, all alike.

        :raises ValueError: if *n* is not positive.
        """
        if n <= 0:
            raise ValueError(f"nothing is below {n}")
        limit = (1 << 64) // n * n  # what lies over it would make the low numbers likelier
        while (word := self.word()) >= limit:
            pass
        return word % n

    def between(self, low: int, high: int) -> int:
        """*low* … *high*, both included."""
        return low + self.below(high - low + 1)

    def real(self, low: float, high: float) -> float:
        """At least *low* and below *high*; 53 bits of it are random."""
        return low + (high - low) * (self.word() >> 11) / (1 << 53)

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """*k* different ones of *items*, or all of them if there are no more, in the order in which they were drawn."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(min(k, len(left)))]
