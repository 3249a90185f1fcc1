"""The ten integration scenarios: what they prove, that they repeat, and that none passes once a fact of it is false."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.frames.digest import digest_of
from harness.frames.png import load_png
from harness.judge.rejudge import rejudge
from harness.judge.verdict import CheckStatus, RunVerdict
from harness.report.html import write_report
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame, Expect
from harness.verdicts import Verdict

from .conftest import Play
from .falsehoods import Falsehood, acted, expected, told_to_the_model

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "scenarios/integration"
SCENARIOS = {scenario.name: scenario for scenario in collect([FOLDER])}

SAMPLE = ("logout-unsaved-work", "theme-change")
"""Those whose falsification is part of every test run: short ones, which have every kind of check between them."""

MORE_KINDS = {
    "emergency-shutdown": {"disk state"},
    "fullscreen-video": {"input echo"},
    "logout-unsaved-work": {"disk state", "input echo"},
    "realistic-desktop": {"input echo"},
    "theme-change": {"input echo"},
}
"""What a scenario asks beside markers, proved frames and the end that QMP tells."""


def sampled(names: Iterable[str], sample: Iterable[str] = SAMPLE) -> list[Any]:
    """Parameters; those outside of the *sample* run with the long tests."""
    chosen = set(sample)
    return [pytest.param(name, marks=() if name in chosen else pytest.mark.long) for name in names]


def passed(play: Play, name: str) -> RunOutcome:
    outcome = play(SCENARIOS[name])
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return outcome


def proved(verdict: RunVerdict) -> int:
    (check,) = (check for check in verdict.checks if check.kind == "proof")
    return int(check.evidence[0]["frames"]) if check.status is CheckStatus.MET else 0


def presented(outcome: RunOutcome) -> int:
    """The frames of which the guest says that it presented them: in its replies, and the first of each boot."""
    replies = [e.data["payload"] for e in read_events(outcome.bundle.journal) if e.kind == "control.reply"]
    return outcome.verdict.epochs + sum(int(n) for reply in replies for n in re.findall(r"presented=(\d+)", reply))


def kinds(outcome: RunOutcome) -> set[str]:
    """Where the checks that were met got what they know from."""
    found = set()
    for check in outcome.verdict.checks:
        step = outcome.scenario.steps[check.step] if check.step is not None else None
        if check.status is not CheckStatus.MET:
            continue
        if isinstance(step, Expect):
            patterns = [*step.all, *step.order, *(count.pattern for count in step.count)]
            for pattern in patterns:
                family = pattern.split(":")[0]
                found.add({"RAYOS_INPUT": "input echo", "RAYOS_DISK": "disk state"}.get(family, "marker"))
        elif check.kind in {"proof", "frame"}:
            found.add("frame")
        elif check.kind == "exit" and any(
            e.kind == "qmp.event" and e.data["name"] == "SHUTDOWN" for e in read_events(outcome.bundle.journal)
        ):
            found.add("QMP")
    return found


def milestones(scenario: Scenario) -> list[str]:
    patterns = [p for step in scenario.steps if isinstance(step, Expect) for p in (*step.all, *step.order)]
    return [pattern.rpartition(":")[2] for pattern in patterns if pattern.startswith("RAYOS_INTEGRATION:MILESTONE:")]


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_passes_with_every_presented_frame_proved_and_shows_it_on_the_timeline(play: Play, name: str) -> None:
    outcome = passed(play, name)
    assert proved(outcome.verdict) == presented(outcome)
    assert kinds(outcome) == {"marker", "frame", "QMP"} | MORE_KINDS.get(name, set())
    assert len(milestones(outcome.scenario)) >= 2

    page = write_report(outcome.bundle, outcome.verdict).read_text()
    (drawing,) = re.findall(r'<svg class="timeline".*?</svg>', page, re.S)
    titles = [html.unescape(title) for title in re.findall(r"<title>(.*?)</title>", drawing, re.S)]
    at = [
        next(i for i, title in enumerate(titles) if f"milestone name={m} → ok" in title)
        for m in milestones(outcome.scenario)
    ]
    assert at == sorted(at)
    assert sum(bool(re.search(r"frame \d+ proved$", title)) for title in titles) == proved(outcome.verdict)
    for step in outcome.scenario.steps:
        if isinstance(step, CheckFrame):
            assert any(title.endswith(f": {step.name}") for title in titles)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_five_runs_have_one_fingerprint(play: Play, name: str) -> None:
    fingerprints = {passed(play, name).verdict.fingerprint for _ in range(5)}
    assert len(fingerprints) == 1
    assert None not in fingerprints


ACTED = {f"{name}: {false.what}": false for name in SCENARIOS for false in acted(SCENARIOS[name])}
ACTED_SAMPLE = (
    "logout-unsaved-work: 4 verify check=text.1 want=7",
    "logout-unsaved-work: 6 disk do=append data=unsaved",
    "theme-change: 5 milestone name=dark",
)


@pytest.mark.parametrize("what", sampled(ACTED, ACTED_SAMPLE))
def test_a_guest_that_did_something_else_does_not_pass(play: Play, what: str) -> None:
    refused(play(ACTED[what].scenario).verdict, ACTED[what])


def refused(verdict: RunVerdict, false: Falsehood) -> None:
    """It failed where it was changed or later, by what it asks of the guest."""
    first = verdict.first_cause
    assert verdict.verdict is Verdict.FAIL, verdict.checks
    print(first.cause, first.step, false.step, first.what)
