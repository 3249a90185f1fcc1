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

from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.frames.digest import digest_of
from harness.frames.png import load_png, save_png
from harness.judge.rejudge import rejudge
from harness.judge.verdict import CheckStatus, RunVerdict
from harness.report.html import write_report
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame, Expect
from harness.verdicts import Verdict

from .conftest import Play
from .falsehoods import acted, expected, told_to_the_model

pytestmark = pytest.mark.system

FOLDER = Path(__file__).parents[2] / "scenarios/integration"
SCENARIOS = {scenario.name: scenario for scenario in collect([FOLDER])}

SAMPLE = ("logout-unsaved-work",)
"""What is falsified in every test run, and not in the long ones alone: short, and it has every kind of check."""

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
    parameters, chosen = list(names), set(sample)
    assert chosen <= set(parameters)
    return [pytest.param(name, marks=() if name in chosen else pytest.mark.long) for name in parameters]


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
    ended = any(e.kind == "qmp.event" and e.data["name"] == "SHUTDOWN" for e in read_events(outcome.bundle.journal))
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
        elif check.kind == "exit" and ended:
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
    "logout-unsaved-work: 3 a key less",
    "logout-unsaved-work: 4 milestone name=unsaved-work",
)


@pytest.mark.parametrize("what", sampled(ACTED, ACTED_SAMPLE))
def test_a_guest_that_was_told_something_else_does_not_pass(play: Play, what: str) -> None:
    outcome = play(ACTED[what].scenario)
    first = outcome.verdict.first_cause
    assert first is not None
    assert (outcome.verdict.verdict, first.cause) in {(Verdict.FAIL, "forbidden"), (Verdict.FAIL, "expectation")}
    assert first.step is not None
    assert first.step >= ACTED[what].step


EXPECTED = {f"{name}: {false.what}": false for name in SCENARIOS for false in expected(SCENARIOS[name])}


@pytest.mark.parametrize("name", sampled(SCENARIOS))
def test_a_good_run_does_not_meet_an_altered_expectation(play: Play, name: str) -> None:
    bundle = passed(play, name).bundle
    for false in expected(SCENARIOS[name]):
        first = rejudge(bundle, false.scenario).first_cause
        assert first is not None, false.what
        assert first.step == false.step, false.what


LAST = [next(w for w in reversed(EXPECTED) if w.startswith(f"{name}:")) for name in SCENARIOS]


@pytest.mark.parametrize("what", sampled(LAST, [w for w in LAST if w.split(":")[0] in SAMPLE]))
def test_a_run_with_an_altered_expectation_fails_in_that_step(play: Play, what: str) -> None:
    verdict = play(EXPECTED[what].scenario).verdict
    assert verdict.first_cause is not None
    assert (verdict.verdict, verdict.first_cause.cause) == (Verdict.FAIL, "expectation")
    assert verdict.first_cause.step == EXPECTED[what].step


@pytest.mark.parametrize("name", sampled(SCENARIOS))
def test_frames_are_wrong_once_the_model_is_told_something_else(play: Play, name: str) -> None:
    outcome = passed(play, name)
    journal = outcome.bundle.journal
    lies = list(told_to_the_model(journal.read_text().splitlines(keepends=True)))
    assert len(lies) >= 2
    for told, altered in lies:
        journal.write_text(altered)
        assert judged(outcome)[:2] == (Verdict.FAIL, "frame-mismatch"), told


@pytest.mark.parametrize("name", sampled(SCENARIOS))
def test_a_frame_left_out_of_the_evidence_is_missed(play: Play, name: str) -> None:
    outcome = passed(play, name)
    journal = outcome.bundle.journal
    lines = journal.read_text().splitlines(keepends=True)
    frames = [place for place, line in enumerate(lines) if '"kind":"proof"' in line and json.loads(line)["us"]]
    for place in (frames[0], frames[len(frames) // 2], frames[-1]):
        empty = json.dumps({**json.loads(lines[place]), "us": [], "crc": [], "digest": []}) + "\n"
        journal.write_text("".join((*lines[:place], empty, *lines[place + 1 :])))
        assert judged(outcome)[:2] == (Verdict.FAIL, "frame-missing"), lines[place]


@pytest.mark.parametrize("name", sampled(SCENARIOS))
def test_one_wrong_bit_in_any_picture_is_found(play: Play, name: str) -> None:
    outcome = passed(play, name)
    journal = outcome.bundle.journal
    good = journal.read_text()
    taken = [event for event in read_events(journal) if event.kind == "frame"]
    assert len(taken) == sum(isinstance(step, CheckFrame) for step in outcome.scenario.steps)
    for event in taken:
        picture = outcome.bundle.path / event.data["file"]
        whole, pixels = picture.read_bytes(), load_png(picture).copy()
        pixels[400, 500] ^= 1
        save_png(picture, pixels)
        journal.write_text(good.replace(event.data["digest"], digest_of(pixels)))
        first = next(other for other in taken if other.data["digest"] == event.data["digest"])  # one file for like ones
        assert judged(outcome) == (Verdict.FAIL, "frame-mismatch", first.data["step"])
        picture.write_bytes(whole)


def judged(outcome: RunOutcome) -> tuple[Verdict, str, int | None]:
    """What the bundle, as it lies there now, is judged to be: verdict, first cause, step."""
    verdict = rejudge(outcome.bundle, outcome.scenario)
    first = verdict.first_cause
    return verdict.verdict, first.cause if first else "", first.step if first else None


@pytest.mark.parametrize("name", sampled(SCENARIOS))
def test_a_guest_that_shows_one_pixel_wrong_does_not_pass(play: Play, name: str) -> None:
    words = {"boot.kernel": "build/reference-zoo.elf", "boot.cmdline": "control=com2 lie=pixel"}
    verdict = play(replace(SCENARIOS[name], set=words)).verdict
    assert verdict.first_cause is not None
    assert (verdict.verdict, verdict.first_cause.cause) == (Verdict.FAIL, "frame-mismatch")
    assert "(500, 400)" in verdict.first_cause.what
