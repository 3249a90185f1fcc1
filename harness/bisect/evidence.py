"""What one run says of the defect that is looked for: it shows, it does not, or the run has no vote.

The defect is known by the signature of the first divergence of the bad end's run from the good end's. A run votes only
if it shows the same difference, none, or came to the same end as the good one without that difference anywhere: an
unrelated crash may have hidden the defect, and a starved host says nothing of the product.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from harness.diff import DEFAULT_RULES, Comparison, Rules, compare
from harness.diff.streams import of_bundle
from harness.errors import HarnessError
from harness.verdicts import LAB, Verdict


@dataclass(frozen=True, slots=True)
class Parting:
    """How a run differs from the good end's. `signature` is that of the first difference, "" if there is none."""

    signature: str
    what: str = ""  # the first difference, as a sentence
    all: Collection[str] = ()  # the signatures of every difference

    @property
    def signatures(self) -> Collection[str]:
        """Of every difference, the first one's in front."""
        return dict.fromkeys(one for one in (self.signature, *sorted(self.all)) if one)


class Compare(Protocol):
    """How two runs are compared: a `Parter`, unless a test says otherwise."""

    def __call__(self, good: Path, other: Path) -> Parting:
        """:raises HarnessError: if a bundle cannot be read."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of an image; paths are of bundles."""

    image: int
    digest: str
    bundle: str
    verdict: str
    cause: str = ""  # the first one, `word: sentence`
    interrupted: bool = False

    @property
    def conclusive(self) -> bool:
        return Verdict(self.verdict) not in LAB


@dataclass(frozen=True, slots=True)
class Vote:
    """`seen` is None for no vote; then `reason` says why, and `for_good` whether another try would come to the same."""

    seen: bool | None
    reason: str = ""
    for_good: bool = False
    parting: Parting = Parting("")


class Parter:
    """Compares the runs in two bundles, by *rules*. What was read last is kept: one run is compared with all."""

    def __init__(self, rules: Rules = DEFAULT_RULES) -> None:
        self._rules = rules
        self._read = lru_cache(maxsize=2)(of_bundle)

    def __call__(self, good: Path, other: Path) -> Parting:
        """:raises HarnessError: if one cannot be read."""
        found = self.whole(good, other)
        signatures = frozenset(difference.signature for difference in found.differences)
        return Parting(found.signature, found.first.what if found.first is not None else "", signatures)

    def whole(self, good: Path, other: Path) -> Comparison:
        """:raises HarnessError: if one cannot be read."""
        return compare(self._read(good), self._read(other), self._rules)


def vote(ran: Ran, good: Ran, signature: str, compare: Compare, *, reproducible: bool) -> Vote:
    """What *ran* says of the defect with this *signature*; *good* is the run of the good end."""
    if not ran.conclusive:
        return Vote(None, f"{ran.verdict}, {ran.cause}")
    try:
        found = compare(Path(good.bundle), Path(ran.bundle))
    except HarnessError as error:
        return Vote(None, f"it cannot be compared: {error.what}", for_good=reproducible)
    if not found.signature:
        return Vote(False, parting=found)
    if signature == found.signature or signature in found.all:
        return Vote(True, parting=found)
    if ran.verdict == good.verdict == Verdict.PASS:
        return Vote(False, f"it differs elsewhere, but passed: {found.signature}", parting=found)
    return Vote(None, f"it parts in another way: {found.signature}", for_good=reproducible, parting=found)


def medoid(runs: list[Ran], compare: Compare) -> int:
    """Which of some runs of one image is equal to most of the others; the first of several that are."""
    equal = [
        sum(not compare(Path(one.bundle), Path(other.bundle)).signature for other in runs if other is not one)
        for one in runs
    ]
    passed = [count + (0.5 if one.verdict == Verdict.PASS else 0.0) for count, one in zip(equal, runs, strict=True)]
    return passed.index(max(passed))


def commonest(good: list[Parting], bad: list[Parting], wanted: str = "") -> tuple[float, list[str]]:
    """How much oftener the bad end shows what it shows most above the good one, as a share of the runs; which
    differences those are, first divergences in front.

    :param wanted: the signature that alone is looked for, if one is given.
    """
    shown = [found.signature for found in bad] + [one for found in bad for one in found.signatures]
    if wanted:
        shown = [wanted] if wanted in shown else []
    more = {
        one: sum(one in run.signatures for run in bad) / len(bad)
        - sum(one in run.signatures for run in good) / len(good)
        for one in dict.fromkeys(filter(None, shown))
    }
    top = max(more.values(), default=0.0)
    return top, [one for one, share in more.items() if share == top]
