"""Every presented frame of a run, proved on the real guest; and what each way of being wrong is called."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from harness.campaign.batch import plan
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import read_events
from harness.judge.rejudge import rejudge
from harness.judge.verdict import CheckStatus, RunVerdict
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Proof
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system

WINDOWS = (
    "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5",
    "create id=2 x=200 y=150 w=280 h=220 color=8b5a2b kind=checker",
    "animate id=2 on=1",
)


def desktop(image: str = "reference", against: str = "scene") -> ScenarioBuilder:
    return ScenarioBuilder("proof", image=image).prove(against).boot().command(*WINDOWS)  # type: ignore[arg-type]


def lying(lie: str, against: str = "identity") -> ScenarioBuilder:
    return desktop("reference-zoo", against).set(boot__cmdline=f"control=com2 lie={lie}").frames(8)


def proof(verdict: RunVerdict) -> tuple[CheckStatus, int]:
    check = next(check for check in verdict.checks if check.kind == "proof")
    return check.status, int(check.evidence[0]["frames"])


def cause(outcome: RunOutcome) -> tuple[str, str]:
    first = outcome.verdict.first_cause
    assert first is not None
    return first.cause, first.what


@pytest.mark.parametrize("against", ["identity", "scene"])
def test_every_frame_of_moves_input_animation_and_stacking_is_proved_and_listed(play: Play, against: str) -> None:
    outcome = play(
        desktop(against=against)
        .frames(20)
        .command("move id=1 x=600 y=400", "frames n=1", "hide id=1", "frames n=3", "show id=1", "lower id=1")
        .frames(2)
        .pointer(650, 500, "click")
        .type("ab\n")
        .frames()
        .pointer(700, 410, "drag", to=(100, 100))
        .frames()
        .command("create id=1 x=0 y=0 w=50 h=50 color=ffffff", refused="id")
    )
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert proof(outcome.verdict) == (CheckStatus.MET, 1 + 20 + 1 + 3 + 2 + 1 + 1)
    assert outcome.verdict.frames_checked == 29


def test_a_soak_by_guest_time_is_proved_by_identity(play: Play) -> None:
    outcome = play(
        ScenarioBuilder("soak", image="reference").prove().boot().command("soak clients=4 seconds=2", timeout=60)
    )
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert proof(outcome.verdict)[1] == 1 + 120
    events = [e for e in read_events(Bundle.open(outcome.bundle.path).journal) if e.kind.startswith("proof")]
    assert len(events) == 2, "one for the boot, one for the soak: not one a frame"
    times = events[1].data["us"]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 17_700, "at 60 Hz in the guest's own time"
    assert list(outcome.bundle.frames.iterdir()) == [], "no pictures of good frames"


def test_a_run_whose_frames_are_looked_at_one_by_one_is_the_same_run_each_time(play: Play) -> None:
    scenario = desktop().frames(30).command("query")
    first, second = play(scenario).verdict, play(scenario).verdict
    assert first.fingerprint is not None
    assert first.fingerprint == second.fingerprint
    other = desktop().command("redraw id=2").frames(30).command("query")
    assert play(other).verdict.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("lie", "wanted", "words"),
    [
        ("black", "frame-blank", "frame 1: the whole desktop is 000000"),
        ("stale", "frame-stale", "frame 4: the screen shows frame 3"),
        ("torn", "frame-torn", "frame 4: parts of two frames: band 7 is of frame 4"),
        ("pixel", "frame-mismatch", "frame 1: 1 pixel differs, in 1×1 at (500, 400)"),
    ],
)
def test_the_first_wrong_frame_is_named_with_what_is_wrong(play: Play, lie: str, wanted: str, words: str) -> None:
    outcome = play(lying(lie))
    assert outcome.verdict.verdict is Verdict.FAIL
    found, what = cause(outcome)
    assert found == wanted
    assert words in what
    number = int(what.split(":")[0].split(" ")[1])
    assert proof(outcome.verdict) == (CheckStatus.BROKEN, number - 1)
    pictures = sorted(path.name for path in outcome.bundle.frames.iterdir())
    assert f"proof-0-{number:06d}.png" in pictures
    assert f"proof-0-{number - 1:06d}.png" in pictures
    assert f"proof-0-{number:06d}.expected.png" in pictures


def test_the_tile_of_one_wrong_pixel_is_told(play: Play) -> None:
    assert "tile (15, 12)" in cause(play(lying("pixel")))[1]


def test_a_bundle_with_a_frame_left_out_or_other_pixels_is_judged_to_be_wrong(play: Play) -> None:
    outcome = play(desktop().frames(10))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    journal = outcome.bundle.journal
    lines = journal.read_text().splitlines(keepends=True)

    def judged(number: int, **changed: object) -> tuple[str, str]:
        """The first cause, once the event of frame *number* says something else."""
        place = lines.index(_line(lines, number))
        event = {**json.loads(lines[place]), **changed}
        journal.write_text("".join([*lines[:place], json.dumps(event) + "\n", *lines[place + 1 :]]))
        first = rejudge(outcome.bundle, outcome.scenario).first_cause
        assert first is not None
        return first.cause, first.what

    nothing: dict[str, object] = {"us": [], "crc": [], "digest": []}
    assert judged(5, first=6) == ("frame-missing", "frame 5 is missing: frame 6 came after 4")
    assert judged(5, first=4) == ("frame-repeated", "frame 4 came after frame 4")
    assert judged(5, **nothing) == ("frame-missing", "frame 5 is missing: frame 6 came after 4")
    assert judged(11, **nothing) == ("frame-missing", "frame 11 was due and was not presented")
    one_more = {"us": [1, 2], "crc": ["0" * 8] * 2, "digest": [json.loads(_line(lines, 11))["digest"][0]] * 2}
    assert judged(11, **one_more) == ("frame-unexpected", "frame 12 was presented, and nothing was to be")
    found, what = judged(7, digest=["0" * 16])
    assert found == "frame-mismatch"
    assert what.startswith("frame 7 has not the pixels")


def _line(lines: list[str], number: int) -> str:
    return next(line for line in lines if '"kind":"proof"' in line and json.loads(line)["first"] == number)


def test_a_bundle_without_its_pictures_cannot_be_judged(play: Play) -> None:
    outcome = play(lying("pixel"))
    next(outcome.bundle.frames.glob("proof-0-000001.png")).unlink()
    again = rejudge(outcome.bundle, outcome.scenario)
    assert again.verdict is Verdict.INCONCLUSIVE
    assert again.first_cause is not None
    assert again.first_cause.cause == "no-proof"


def test_no_proved_frame_is_nothing_checked(play: Play) -> None:
    """A guest that presents without asking to be looked at (here: it was never told to) has shown nothing."""
    outcome = play(ScenarioBuilder("silent", image="reference").set(guest__prove_words="prove=0").prove().boot())
    assert outcome.verdict.verdict is Verdict.NOTHING_CHECKED
    assert cause(outcome)[0] == "no-frame-proved"


def test_after_a_relaunch_frames_are_proved_from_the_first_again(play: Play) -> None:
    scenario = ScenarioBuilder("lives", image="reference").prove("scene").boot()
    scenario.command(*WINDOWS).frames(3).relaunch().command(*WINDOWS).frames(2)
    outcome = play(scenario)
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert proof(outcome.verdict)[1] == 4 + 3


def test_a_soak_equals_the_computed_frames_one_by_one(play: Play) -> None:
    scenario = ScenarioBuilder("soak", image="reference").prove("scene").boot()
    outcome = play(scenario.command("soak clients=3 seconds=1", "frames n=1"))
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert proof(outcome.verdict)[1] == 1 + 60 + 1


def test_proof_is_refused_where_it_cannot_be_had(play: Play, tmp_path: Path) -> None:
    for scenario in (
        desktop().set(guest__prove_words="").build(),
        replace(desktop().build(), clock="wall"),
        replace(desktop().build(), proof=Proof(), image="memtest86plus"),
    ):
        with pytest.raises(UsageError, match="cannot be proved"):
            play(scenario)


def test_a_scenario_file_asks_for_it_in_a_table(tmp_path: Path) -> None:
    from harness.scenario.loader import load_scenarios

    text = 'version = 1\nname = "p"\nimage = "reference"\nproof = { against = "scene", damage = false }\n'
    (tmp_path / "p.toml").write_text(text + '[[step]]\ndo = "boot"\n')
    (scenario,) = load_scenarios(tmp_path / "p.toml")
    assert scenario.proof == Proof(against="scene", damage=False)
    assert plan([scenario], BatchOptions(runs_dir=tmp_path))
    (tmp_path / "p.toml").write_text(text.replace('"scene"', '"golden"') + '[[step]]\ndo = "boot"\n')
    with pytest.raises(UsageError, match="against"):
        load_scenarios(tmp_path / "p.toml")
