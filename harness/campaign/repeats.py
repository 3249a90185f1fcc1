"""Runs that are played again: which ones, and what it means when they do not agree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.judge.divergence import Divergence, parting, tails
from harness.judge.facts import GuestFacts, by_host
from harness.verdicts import PRODUCT, Verdict, worst

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions, Planned
    from harness.engine.run import RunOutcome


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the runs of one scenario say together.

    `cause` is `word: sentence` where it is not the first cause of run `head`, which speaks for the others.
    """

    verdict: Verdict
    head: int
    cause: str | None = None
    divergence: Divergence | None = None


def turns(planned: Sequence[Planned], options: BatchOptions, repeat: int | None, share: float) -> list[int]:
    """How often to play each scenario: *repeat* times, or, if that is None, a share of the reproducible ones twice.

    Which ones is a matter of the scenarios' names and seeds alone.
    """
    if repeat is not None:
        return [0 if item.scenario.skip else repeat for item in planned]
    able = [index for index, item in enumerate(planned) if not item.scenario.skip and _reproducible(item, options)]
    able.sort(key=lambda index: (_draw(planned[index]), index))
    chosen = set(able[: int(share * len(able))])
    return [0 if item.scenario.skip else 2 if index in chosen else 1 for index, item in enumerate(planned)]


def _reproducible(item: Planned, options: BatchOptions) -> bool:
    facts = GuestFacts.of(item.profile, item.clock, None, by_host=by_host(item.scenario, item.profile))
    return options.target is None and facts.reproducible


def _draw(item: Planned) -> bytes:
    return hashlib.sha256(f"{item.scenario.name}\0{item.scenario.seed}".encode()).digest()


def agree(outcomes: Sequence[RunOutcome]) -> Agreement:
    """Compare the runs of one scenario, in the order in which they were played.

    Fingerprints are compared where a run has one, verdicts always. A run that is INCONCLUSIVE says nothing about the
    product and is compared with none, but what the others say is then no pass.
    """
    verdicts = [outcome.verdict.verdict for outcome in outcomes]
    clear = [index for index, verdict in enumerate(verdicts) if verdict is not Verdict.INCONCLUSIVE]
    for index in clear[1:]:
        mine, other = outcomes[clear[0]], outcomes[index]
        claimed = mine.verdict.fingerprint is not None or other.verdict.fingerprint is not None
        if claimed and (
            mine.verdict.fingerprint != other.verdict.fingerprint or verdicts[clear[0]] is not verdicts[index]
        ):
            return _parted(mine, other, clear[0], index)
    seen = {verdicts[index] for index in clear}
    if len(seen) > 1 and not seen <= PRODUCT:
        head = next(index for index in clear if verdicts[index] is not Verdict.PASS)
        listed = ", ".join(verdicts)
        return Agreement(Verdict.FLAKY, head, f"verdicts-differ: the same scenario ended as {listed}")
    together = worst(verdicts)
    return Agreement(together, verdicts.index(together))


def _parted(mine: RunOutcome, other: RunOutcome, head: int, index: int) -> Agreement:
    found: Divergence | None = None
    try:
        runs = (head + 1, index + 1)
        found = parting(mine.bundle, other.bundle, runs) or tails(mine.bundle, runs)
        where = found.what
    except HarnessError as error:
        where = f"{error.what}, so that the first one that differs cannot be told"
    if mine.verdict.verdict is not other.verdict.verdict:
        where += f"; the verdicts are {mine.verdict.verdict} and {other.verdict.verdict}"
    cause = f"runs-differ: runs {head + 1} and {index + 1} with the same inputs part at {where}"
    return Agreement(Verdict.NONDETERMINISM, head, cause, found)
