"""How often a defect shows where it is, and where it is not: unknown, so that every pair of rates is weighed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SURE = 1e-9  # of a reproducible run, that it does not show what it should
# (rate where the defect is, rate where it is not, weight), a prior that is summed over, never a plugged-in estimate.
# - A commit that changes the rate by little is none: without a limit no number of runs tells it from a flake.
# - What is far from 80 % against 20 % weighs little, for it makes the search bolder or shyer than it should be: with
#   the rates known a search of 1,024 commits takes 58 runs on average until 0.999, and 1.2 % take more than 120; with
#   the pairs equally likely 67 and 4 %, with these weights 60 and 1.4 %. Most of it are the rare defects, by which a
#   single false alarm proves that the culprit came before. The data overrule each weight in time.
_PAIRS = [
    (1 - _SURE, _SURE, 0.0),
    (0.8, 0.2, 2.0),
    (0.97, 0.03, 0.2),
    *((shows, false, 0.01) for shows, false in ((0.7, 0.1), (0.7, 0.2), (0.8, 0.1), (0.8, 0.3))),
    *((0.9, false, 0.01) for false in (0.1, 0.2, 0.3)),
    (0.7, 0.3, 0.002),
    (0.5, 0.01, 0.002),
    (0.2, 0.001, 0.001),
]


class Rates:
    """The pairs (rate where the defect is, rate where it is not), weighed beforehand.

    :param sure: the weight of "always, and never".
    """

    def __init__(self, sure: float) -> None:
        pairs: Floats = np.array(_PAIRS)
        self.shows, self.false = pairs[:, 0], pairs[:, 1]
        weight = pairs[:, 2] * (1 - sure) / pairs[:, 2].sum()
        weight[0] = sure
        self.log_weight: Floats = np.log(weight)
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
