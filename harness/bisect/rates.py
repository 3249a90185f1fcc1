"""How often a defect shows where it is, and where it is not: unknown, so that every pair of rates is weighed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SHOWS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.999)
_FALSE = (0.001, 0.03, 0.1, 0.2, 0.35)
# A commit that changes the rate by less than this (in log odds) is no culprit: without such a limit no number of runs
# tells a flake from a culprit that does next to nothing. 65 % against 20 %, and 20 % against 3 %, are just above it.
_APART = 1.9
_SURE = 1e-6  # of a reproducible run, that it does not show what it should


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


_PAIRS = [(1 - _SURE, _SURE), *((r, f) for r in _SHOWS for f in _FALSE if _logit(r) - _logit(f) >= _APART)]


class Rates:
    """The pairs (rate where the defect is, rate where it is not), weighed beforehand.

    :param sure: the weight of "always, and never".
    """

    def __init__(self, sure: float) -> None:
        pairs = np.array(_PAIRS)
        self.shows, self.false = pairs[:, 0], pairs[:, 1]
        self.log_weight = np.log(np.concatenate(([sure], np.full(len(pairs) - 1, (1 - sure) / (len(pairs) - 1)))))
        self._logs = np.log(np.stack([self.shows, 1 - self.shows, self.false, 1 - self.false]))

    def log_likelihood(self, hits: Floats, misses: Floats, false_hits: Floats, true_misses: Floats) -> Floats:
        """[count, pair]: of what was seen where the defect is (hits, misses) and where it is not."""
        found: Floats = np.stack([hits, misses, false_hits, true_misses], axis=1) @ self._logs
        return found


_LEVELS = np.linspace(0.02, 0.98, 49)
_LEVEL_LOGS = np.log(np.stack([_LEVELS, 1 - _LEVELS]))


def one_rate(hits: float, misses: float) -> tuple[float, float]:
    """Log likelihood if every image has the same rate, and the rate that is then expected."""
    logs = np.array([hits, misses]) @ _LEVEL_LOGS - np.log(len(_LEVELS))
    total = log_sum(logs)
    return float(total), float(np.exp(logs - total) @ _LEVELS)


def log_sum(logs: Floats, axis: int = -1) -> Floats:
    """log(sum(exp(logs))) along *axis*."""
    top = logs.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=axis)) + top.squeeze(axis))


def entropy(p: Floats) -> Floats:
    """Of a coin, in nats."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log(p) + (1 - p) * np.log1p(-p)))
