"""The search itself: what the runs so far say of each commit, of a flake and of the environment, and where to run next.

Three kinds of explanation compete. A *culprit*: the defect shows at one rate in all images with that commit, at a lower
one in all others. A *flake*: it shows at one rate everywhere. The *environment*: the rate changed at some moment
of the search, whatever image ran. The rates are unknown and are summed over (`harness.bisect.rates`).

The next image is the one whose vote has the greatest mutual information with the explanation (Lindley 1956, "On a
measure of the information provided by an experiment"); for a known rate that is the search of Horstein (1963) and of
Burnashev and Zigangirov (1974), which reaches the channel's capacity: with 80 % against 20 % a run tells 0.278 bit, so
that 1,024 commits take 36 runs, and to be sure on both sides of the culprit at 1.2 bits a run another 17.

Where all is reproducible one run an image is enough, and the culprit is found in ⌈log2 n⌉ runs after the two ends, plus
one for each image that could not vote; what the prior says is used as far as that bound leaves room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from harness.bisect.order import Bools, Floats, Order
from harness.bisect.rates import Rates, entropy, log_sum, one_rate

ENOUGH = 0.999  # posterior of a culprit
_CALLED = 0.99  # posterior of a flake or the environment: no commit is blamed, so that less is at stake
_CLEARLY = 0.95  # … of the one of the two that is called
_LIKELY = 0.5  # … when the runs are used up
# … were all pairs of rates as likely beforehand, and a flake as likely as a culprit: of 250 defects that show in half
# of the runs, without false alarms, 4 were blamed on a wrong commit without this, and one with it.
_ANYHOW = 0.99
# The same for the first votes, while more of them cost little: of 1,500 flakes that show in half of the runs 0.3 % are
# blamed on a commit, not 1.4 %. An 80 % defect takes 8 votes more, and the share that takes over 120 is no larger.
_EARLY, _SURER, _SURER_ANYHOW = 80, 0.9999, 0.999
_DOUBT = 1e-8  # a run that claims to be a function of its image is none
_FLAKE, _ENVIRONMENT = 0.12, 0.005  # beforehand, where nothing is claimed
_ASKED = 0.1  # posterior of no commit at all from which on runs are to tell whether it is one, not which
END_TRIES = 24  # runs of the bad end without its defect until the ends are called the same: of one in five 0.5 % miss
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
        self._rates = Rates(1 - _DOUBT if reproducible else 0.05)
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
        left = np.where(apart, 0.0, self._prior)
        if left.any():  # else the defect came, went and came again, or the ends are equal
            self._prior = left
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
        logs, row = self._by_row()
        logs += rates.log_weight
        rows = log_sum(logs)
        within = np.exp(logs - rows[:, None])
        flake, level = one_rate(hits.sum(), runs.sum() - hits.sum())
        moved, later = self._moved()
        with np.errstate(divide="ignore"):
            commits = rows[row] + np.log(self._prior) + np.log1p(-np.exp(self._others).sum())
        joint = np.concatenate([commits, self._others + np.array([flake, moved])])
        weights = np.exp(joint - log_sum(joint))
        return _Posterior(weights, (within @ rates.shows)[row], (within @ rates.false)[row], level, later)

    def _by_row(self) -> tuple[Floats, npt.NDArray[np.int_]]:
        """[row, pair of rates]: log likelihood of what was seen; the row of each commit. Commits that no run tells
        apart share one."""
        hits, runs = self._hits, self._runs
        kb, nb = self.order.above(hits), self.order.above(runs)
        ka, na = hits.sum() - kb, runs.sum() - nb
        starts = np.concatenate(([True], (np.diff(kb) != 0) | (np.diff(nb) != 0)))
        logs = self._rates.log_likelihood(*(each[starts] for each in (kb, nb - kb, ka, na - ka)))
        return logs, starts.cumsum() - 1

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
            over = runs >= (1 if self.reproducible else END_TRIES)
            return Result(Kind.SAME, 1.0, bad=n, good=0) if over else None
        known = self._weighed()
        flake, environment = (float(weight) for weight in known.all[n:])
        if flake + environment >= _CALLED and max(flake, environment) >= _CLEARLY:
            kind = Kind.FLAKE if flake >= environment else Kind.ENVIRONMENT
            return Result(kind, flake + environment, bad=n, good=0)
        group, share = self._leading(known)
        if share >= self._enough()[0] and self._confirmed(group):
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

    def _confirmed(self, group: Bools) -> bool:
        """Whether runs at the culprit and at its parent speak for it too, and no prior of rates or flakes decides."""
        bad, good = self.order.edges(int(np.argmax(group)) + 1, ~self.dead)
        if not self._runs[bad] or not self._runs[good]:
            return False
        if self.reproducible:
            return True
        logs, row = self._by_row()
        with np.errstate(divide="ignore"):
            commits = log_sum(logs)[row] - math.log(len(self._rates.shows)) + np.log(self._prior)
        hits, runs = self._hits.sum(), self._runs.sum()
        flake = one_rate(hits, runs - hits)[0]
        return float(np.exp(log_sum(commits[group]) - log_sum(np.append(commits, flake)))) >= self._enough()[1]

    def _enough(self) -> tuple[float, float]:
        """The posterior that a culprit needs, and the one that it needs if no prior is to decide."""
        early = not self.reproducible and self.votes < _EARLY
        return (_SURER, _SURER_ANYHOW) if early else (ENOUGH, _ANYHOW)

    # ---- where to run next -------------------------------------------------------------------------------------------

    def ahead(self, count: int) -> list[int]:
        """The *count* images that are likeliest to be asked for next, the next one first; fewer near the end.

        An image is in it as often as it is to be run.
        """
        found: list[int] = []
        todo = [(-1.0, 0, self)]  # (- how likely it comes to this, a tie-breaker, the search then)
        while todo and len(found) < count:
            likely, _, then = heappop(todo)
            image = then.next()
            if image is None:
                continue
            found.append(image)
            seen = float(then.expected()[image])
            for vote, share in ((True, seen), (False, 1 - seen)):
                after = then.copy()
                after.observe(image, vote)
                heappush(todo, (likely * share, 2 * len(found) + vote, after))
        return found

    def copy(self) -> Search:
        """Another search that has seen the same."""
        other = copy(self)
        other._hits, other._runs, other._votes = self._hits.copy(), self._runs.copy(), self._votes.copy()
        other._troubles, other.dead = self._troubles.copy(), self.dead.copy()
        return other

    def expected(self) -> Floats:
        """For each image, how likely a run of it shows the defect."""
        return self._mean(self._weighed())

    def _mean(self, known: _Posterior) -> Floats:
        n = self.order.n
        commits, levels = known.all[:n], np.array([known.level, known.later])
        whole = float(commits @ known.false + known.all[n:] @ levels)
        return self.order.within(commits * (known.shows - known.false)) + whole

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
        if share >= self._enough()[0]:
            edges = self.order.edges(int(np.argmax(group)) + 1, ~self.dead)
            return min(edges, key=lambda image: self._runs[image])
        return int(worth.argmax())

    def _information(self, known: _Posterior) -> Floats:
        """For each image, what one vote of it is expected to tell about the explanations, in nats.

        Where it may well be no commit at all, only about whether it is one.
        """
        commits, others = known.all[: self.order.n], known.all[self.order.n :]
        levels = np.array([known.level, known.later])
        mean = self._mean(known)
        none = float(others.sum())
        if not self.reproducible and _ASKED <= none < 1:
            level = others @ levels / none
            return entropy(mean) - none * entropy(level) - (1 - none) * entropy((mean - none * level) / (1 - none))
        shows, false = entropy(known.shows), entropy(known.false)
        left = float(commits @ false + others @ entropy(levels))
        return entropy(mean) - self.order.within(commits * (shows - false)) - left

    def _likely_to_vote(self) -> Floats:
        """What cannot be built often has neighbours that cannot either."""
        likely = np.full(self.order.n + 1, 0.99)
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
