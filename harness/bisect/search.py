"""The search itself: what the runs so far say of each commit, of a flake and of the environment, and where to run next.

Three kinds of explanation compete. A *culprit*: the defect shows at one rate in all images with that commit, at a lower
one in all others. A *flake*: it shows at one rate everywhere. The *environment*: the rate changed at some moment
of the search, whatever image ran. The rates are unknown and are summed over (`harness.bisect.rates`).

Where all is reproducible one run an image is enough, and the culprit is found in ⌈log2 n⌉ runs after the two ends, plus
one for each image that could not vote; what the prior says is used as far as that bound leaves room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from harness.bisect.order import Bools, Floats, Order
from harness.bisect.rates import Rates, entropy, log_sum, one_rate

ENOUGH = 0.999  # posterior of a culprit
_CALLED = 0.99  # posterior of a flake or the environment: no commit is blamed, so that less is at stake
_CLEARLY = 0.95  # … of the one of the two that is called
_LIKELY = 0.5  # … when the runs are used up
_LOCAL = math.log(10)  # odds that the runs at culprit and parent alone have to give, whatever the others say
_DOUBT = 1e-8  # a run that claims to be a function of its image is none
_FLAKE, _ENVIRONMENT = 0.05, 0.005  # beforehand, where nothing is claimed
_END_TRIES = 12  # runs of the bad end without its defect until the ends are called the same
_RETRIES = 3  # runs that a passing trouble (a starved host) may cost at one image


class Kind(StrEnum):
    """What a search came to."""

    CULPRIT = "culprit"
    FLAKE = "flake"  # the defect comes and goes whatever the commit
    ENVIRONMENT = "environment"  # the defect came or went with time, not with a commit
    SAME = "ends-do-not-differ"
    NO_VOTE = "end-cannot-vote"  # one of the ends could not be judged
    UNDECIDED = "undecided"  # the runs are used up


@dataclass(frozen=True, slots=True)
class Result:
    """`commits` are those that may be the culprit: one, or several that no image tells apart since some cannot vote.

    `bad` and `good` are the images to compare: the first with the culprit, and the last before it.
    """

    kind: Kind
    posterior: float
    commits: tuple[int, ...] = ()
    bad: int = 0
    good: int = 0


class Search:
    """One search. Images are 0 … n as in `harness.bisect.order`.

    :param prior: weights of the commits 1 … n, of any sum; all positive.
    :param reproducible: whether a run is a function of its image.
    :param most: votes after which the search gives up.
    """

    def __init__(
        self, order: Order, prior: Sequence[float] | Floats | None = None, *, reproducible: bool, most: int = 300
    ) -> None:
        self.order = order
        self.reproducible = reproducible
        self._most = most
        self._rates = Rates(1 - _DOUBT if reproducible else 0.1)
        weights = np.ones(order.n) if prior is None else np.asarray(prior, dtype=np.float64)
        self._prior = weights / weights.sum()
        flake, environment = (_DOUBT, _DOUBT) if reproducible else (_FLAKE, _ENVIRONMENT)
        self._others = np.log([flake, environment])
        self._hits, self._runs = np.zeros(order.n + 1), np.zeros(order.n + 1)
        self._troubles = np.zeros(order.n + 1)
        self.dead: Bools = np.zeros(order.n + 1, dtype=bool)
        self._votes: list[bool] = []
        self._silent = 0  # images that could not vote
        self._known: _Posterior | None = None

    # ---- what was seen -----------------------------------------------------------------------------------------------

    def observe(self, image: int, seen: bool) -> None:
        """A run of *image* showed the defect, or did not."""
        self._hits[image] += seen
        self._runs[image] += 1
        self._votes.append(seen)
        self._known = None

    def no_vote(self, image: int, *, for_good: bool) -> None:
        """*image* could not be judged; `for_good` if another try would come to the same."""
        self._troubles[image] += 1
        if for_good or self._troubles[image] >= _RETRIES + self._runs[image]:
            self._silent += not self.dead[image]
            self.dead[image] = True
        self._known = None

    def same(self, one: int, other: int) -> None:
        """Two images are equal to the byte: no commit that only one of them contains is the culprit."""
        apart = self.order.contains(one) != self.order.contains(other)
        if not apart.all():  # the ends are equal: that is for whoever verifies them
            self._prior = np.where(apart, 0.0, self._prior)
            self._known = None

    @property
    def votes(self) -> int:
        return len(self._votes)

    def tally(self, image: int) -> tuple[int, int]:
        """How often the defect was seen at *image*, in how many votes."""
        return int(self._hits[image]), int(self._runs[image])

    # ---- what it says ------------------------------------------------------------------------------------------------

    def posterior(self) -> Floats:
        """Of the commits 1 … n, then of a flake, then of the environment."""
        return self._weighed().all

    def _weighed(self) -> _Posterior:
        if self._known is None:
            self._known = self._weigh()
        return self._known

    def _weigh(self) -> _Posterior:
        rates, runs, hits = self._rates, self._runs, self._hits
        kb, nb = self.order.above(hits), self.order.above(runs)
        ka, na = hits.sum() - kb, runs.sum() - nb
        # Commits that no run tells apart stand together: what follows is worked out for one of each such row.
        starts = np.concatenate(([True], (np.diff(kb) != 0) | (np.diff(nb) != 0)))
        row = starts.cumsum() - 1
        logs = rates.log_likelihood(*(each[starts] for each in (kb, nb - kb, ka, na - ka))) + rates.log_weight
        rows = log_sum(logs)
        within = np.exp(logs - rows[:, None])
        commits = rows[row]
        flake, level = one_rate(hits.sum(), runs.sum() - hits.sum())
        moved, later = self._moved()
        with np.errstate(divide="ignore"):
            joint = np.concatenate(
                [
                    commits + np.log(self._prior) + np.log1p(-np.exp(self._others).sum()),
                    self._others + np.array([flake, moved]),
                ]
            )
        weights = np.exp(joint - log_sum(joint))
        return _Posterior(
            weights, (within @ rates.shows)[row], (within @ rates.false)[row], level, later, within, row
        )  # fmt: skip

    def _moved(self) -> tuple[float, float]:
        """Log likelihood that the rate changed between two of the votes, in either direction; the rate after it."""
        rates, total = self._rates, len(self._votes)
        if total < 2:
            return one_rate(sum(self._votes), total - sum(self._votes))
        early = np.array(list(accumulate(self._votes[:-1])), dtype=float)
        count = np.arange(1, total, dtype=float)
        late, left = sum(self._votes) - early, total - count
        counts = late, left - late, early, count - early
        worse = rates.log_likelihood(*counts) + rates.log_weight
        better = rates.log_likelihood(*counts[2:], *counts[:2]) + rates.log_weight
        logs = np.stack([worse, better]) - math.log(2 * (total - 1))
        whole = float(log_sum(logs.ravel()))
        share = np.exp(logs - whole).sum(axis=1)
        return whole, float(share[0] @ rates.shows + share[1] @ rates.false)

    def result(self) -> Result | None:
        """What the search has come to, None as long as another run is worth its time."""
        n, (hits, runs) = self.order.n, self.tally(self.order.n)
        if self.dead[0] or self.dead[n]:
            return Result(Kind.NO_VOTE, 0.0, bad=n, good=0)
        if not hits:
            over = runs >= (1 if self.reproducible else _END_TRIES)
            return Result(Kind.SAME, 1.0, bad=n, good=0) if over else None
        known = self._weighed()
        flake, environment = (float(weight) for weight in known.all[n:])
        if flake + environment >= _CALLED and max(flake, environment) >= _CLEARLY:
            kind = Kind.FLAKE if flake >= environment else Kind.ENVIRONMENT
            return Result(kind, flake + environment, bad=n, good=0)
        group, share = self._leading(known)
        if share >= ENOUGH and self._confirmed(known, group):
            return self._culprit(group, share)
        if self.votes >= self._most:
            kinds = {Kind.CULPRIT: float(known.all[:n].sum()), Kind.FLAKE: flake, Kind.ENVIRONMENT: environment}
            best = max(kinds, key=lambda kind: kinds[kind])
            if best is not Kind.CULPRIT and kinds[best] >= _LIKELY:
                return Result(best, kinds[best], bad=n, good=0)
            found = self._culprit(group, share)
            return Result(Kind.UNDECIDED, share, found.commits, found.bad, found.good)
        return None

    def _leading(self, known: _Posterior) -> tuple[Bools, float]:
        commits = known.all[: self.order.n]
        group = self.order.alike(int(commits.argmax()) + 1, ~self.dead)
        group &= self._prior > 0
        return group, float(commits[group].sum())

    def _culprit(self, group: Bools, share: float) -> Result:
        numbers = tuple(int(number) + 1 for number in np.flatnonzero(group))
        bad, good = self.order.edges(numbers[0], ~self.dead)
        return Result(Kind.CULPRIT, share, numbers, bad, good)

    def _confirmed(self, known: _Posterior, group: Bools) -> bool:
        """Whether the runs at the culprit and its parent alone, by the rates seen everywhere, speak for it."""
        first = int(np.argmax(group))
        bad, good = self.order.edges(first + 1, ~self.dead)
        (kb, nb), (ka, na) = self.tally(bad), self.tally(good)
        if not nb or not na:
            return False
        pairs = self._rates.log_likelihood(*(np.array([float(v)]) for v in (kb, nb - kb, ka, na - ka)))[0]
        with np.errstate(divide="ignore"):
            for_it = float(log_sum(pairs + np.log(known.pairs[known.row[first]])))
        against = one_rate(ka + kb, na + nb - ka - kb)[0]
        return for_it - against - (math.log(_DOUBT) if self.reproducible else 0) >= _LOCAL

    # ---- where to run next -------------------------------------------------------------------------------------------

    def next(self) -> int | None:
        """The image to run; None if there is a result."""
        n = self.order.n
        if not self.dead[0] and not self._runs[0]:
            return 0
        if self.result() is not None:
            return None
        if not self._hits[n]:
            return n
        known = self._weighed()
        worth = self._information(known) * self._likely_to_vote()
        worth[self.dead] = -np.inf
        if self.reproducible:
            chosen = self._halving(worth)
            if chosen is not None:
                return chosen
        group, share = self._leading(known)
        if share >= ENOUGH:
            edges = self.order.edges(int(np.argmax(group)) + 1, ~self.dead)
            return min(edges, key=lambda image: self._runs[image])
        return int(worth.argmax())

    def _information(self, known: _Posterior) -> Floats:
        """For each image, what one vote of it is expected to tell about the explanations, in nats."""
        n, order = self.order.n, self.order
        commits = known.all[:n]
        others = known.all[n:]
        levels = np.array([known.level, known.later])

        def expected(shows: Floats, false: Floats, rest: Floats) -> Floats:
            whole = commits @ false + others @ rest
            return order.within(commits * (shows - false)) + whole

        mean = expected(known.shows, known.false, levels)
        return entropy(mean) - expected(entropy(known.shows), entropy(known.false), entropy(levels))

    def _likely_to_vote(self) -> Floats:
        """What cannot be built often has neighbours that cannot either."""
        likely = np.full(self.order.n + 1, 0.95)
        numbers = np.arange(self.order.n + 1)
        reach = max(1.0, self.order.n / 64)
        for image in np.flatnonzero(self.dead):
            likely *= 1 - 0.6 * 0.5 ** (np.abs(numbers - image) / reach)
        likely[self._runs > 0] = 1.0
        return likely

    def _halving(self, worth: Floats) -> int | None:
        """The most telling image that keeps the bound, None if what was seen fits no single culprit."""
        kb, nb = self.order.above(self._hits), self.order.above(self._runs)
        fits = (kb == nb) & (self._hits.sum() == kb) & (self._prior > 0)
        count = int(fits.sum())
        if not count:
            return None
        inside = self.order.within(fits.astype(np.float64)).round()
        worst = np.maximum(inside, count - inside)
        open_ = ~self.dead & (worst < count)
        if not open_.any():
            return None
        left = math.ceil(math.log2(self.order.n)) + self._silent - (self.votes - 2)
        allowed = open_ & (worst <= 2 ** max(left - 1, 0))
        if allowed.any():
            return int(np.where(allowed, worth, -np.inf).argmax())
        return int(np.where(open_, worst, np.inf).argmin())


@dataclass(frozen=True, slots=True)
class _Posterior:
    all: Floats  # commits, flake, environment
    shows: Floats  # for each commit: the expected rate where the defect is, were it the culprit
    false: Floats  # … and where it is not
    level: float  # the rate of a flake
    later: float  # the rate from now on, were it the environment
    pairs: Floats  # [row, pair of rates]: how likely the pair is, were a commit of that row the culprit
    row: npt.NDArray[np.int_]  # of each commit
