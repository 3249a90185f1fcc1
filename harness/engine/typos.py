"""Before a kernel boots: expected markers whose text is nearly, but not quite, in its image."""

from __future__ import annotations

from collections.abc import Iterator

from harness.evidence.journal import Journal
from harness.markers.typos import find_typos
from harness.scenario.looking import Expect
from harness.scenario.model import Scenario
from harness.targets.profile import Profile


def warn_of_typos(scenario: Scenario, profile: Profile, journal: Journal) -> None:
    """Write a `note` for each expected marker that is probably misspelt. Says nothing of an image that is packed."""
    if profile.boot.kernel is None:
        return
    for typo in find_typos(profile.boot.kernel, dict.fromkeys(_expected(scenario))):
        journal.append("note", text=f"a typing error? {typo}")


def _expected(scenario: Scenario) -> Iterator[str]:
    for step in scenario.steps:
        if isinstance(step, Expect):
            yield from (*step.all, *step.any, *step.order, *(c.pattern for c in step.count))
        elif until := getattr(step, "until", ""):
            yield until
