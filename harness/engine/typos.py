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
    typos = find_typos(profile.boot.kernel, dict.fromkeys(_expected(scenario)))
    known = _declared(profile) if typos else []  # a run without them need not read the schema for this
    for typo in typos:
        if typo.expected.partition("_")[2].split(":")[:2] not in known:
            journal.append("note", text=f"a typing error? {typo}")


def _declared(profile: Profile) -> list[list[str]]:
    """Family and event of the plan's markers and of those in the schema of the image's own: whoever writes them as they
    stand there has not misspelt them.
    """
    from harness.markers.schema import PLAN
    from harness.markers.schema_file import read_schema

    own = read_schema(profile.guest.schema, PLAN).families if profile.guest.schema is not None else {}
    return [[name, event] for name, family in (*PLAN.families.items(), *own.items()) for event in family.events]


def _expected(scenario: Scenario) -> Iterator[str]:
    for step in scenario.steps:
        if isinstance(step, Expect):
            yield from (*step.all, *step.any, *step.order, *(c.pattern for c in step.count))
        elif until := getattr(step, "until", ""):
            yield until
