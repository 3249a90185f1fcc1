"""Outcomes of a run and of a batch, and the exit codes they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """How one run ended."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"  # the product is wrong
    CRASH = "CRASH"  # the product died
    HANG = "HANG"  # the product stopped making progress
    NONDETERMINISM = "NONDETERMINISM"  # same inputs, two answers
    INCONCLUSIVE = "INCONCLUSIVE"  # host, lab or harness failed
    NOTHING_CHECKED = "NOTHING_CHECKED"
    SKIPPED = "SKIPPED"
    FLAKY = "FLAKY"


PRODUCT = frozenset({Verdict.FAIL, Verdict.CRASH, Verdict.HANG, Verdict.NONDETERMINISM})
LAB = frozenset({Verdict.INCONCLUSIVE, Verdict.FLAKY})

EXIT_PASS = 0
EXIT_PRODUCT = 1
EXIT_USAGE = 2
EXIT_LAB = 3
EXIT_NOTHING = 4
EXIT_INTERRUPTED = 130


_WORST_FIRST = (
    Verdict.CRASH,
    Verdict.HANG,
    Verdict.FAIL,
    Verdict.NONDETERMINISM,
    Verdict.INCONCLUSIVE,
    Verdict.FLAKY,
    Verdict.NOTHING_CHECKED,
    Verdict.PASS,
    Verdict.SKIPPED,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts.

    :raises ValueError: if there is none.
    """
    return min(verdicts, key=_WORST_FIRST.index)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """Exit code of a batch: the product's fault first, then the lab's, then "nothing was checked"."""
    seen = list(verdicts)
    if any(v in PRODUCT for v in seen):
        return EXIT_PRODUCT
    if any(v in LAB for v in seen):
        return EXIT_LAB
    if not any(v is Verdict.PASS for v in seen) or any(v is Verdict.NOTHING_CHECKED for v in seen):
        return EXIT_NOTHING
    return EXIT_PASS
