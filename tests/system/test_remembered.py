"""Relations between frames on the real guest: what needs neither a golden nor a model to be true."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system

ONE = "create id=1 x=40 y=60 w=200 h=150 color=3a6ea5"
OTHER = "create id=2 x=120 y=100 w=200 h=150 color=8b5a2b kind=checker"


def desk() -> ScenarioBuilder:
    return ScenarioBuilder("relations", image="reference").boot().command(ONE, "frames n=1").remember_frame("one")


def verdict(play: Play, scenario: ScenarioBuilder) -> tuple[Verdict, str, str]:
    outcome = play(scenario)
    first = outcome.verdict.first_cause
    return outcome.verdict.verdict, first.cause if first else "", first.what if first else ""


def test_a_moved_window_is_the_shifted_crop_of_what_it_was(play: Play) -> None:
    moved = desk().command("move id=1 x=140 y=260", "frames n=1")
    assert verdict(play, moved.same_frame("moved", "one", crop=(40, 60, 200, 150), shifted=(100, 200)))[0] == "PASS"


def test_one_pixel_of_wrong_shift_is_not_the_same(play: Play) -> None:
    moved = desk().command("move id=1 x=140 y=261", "frames n=1")
    moved.check_frame("moved", "remembered", like="one", crop=(40, 60, 200, 150), shifted=(100, 200), timeout=0.3)
    found, cause, what = verdict(play, moved)
    assert (found, cause) == (Verdict.FAIL, "frame-mismatch")
    assert "unlike 'one', moved by (100, 200)" in what
    assert "(140, 260)" in what, "told in places of the screen"


def test_a_hidden_and_a_destroyed_window_leave_no_trace(play: Play) -> None:
    scenario = desk().command(OTHER, "frames n=1", "hide id=2", "focus id=1", "frames n=1").same_frame("hidden", "one")
    scenario.command("destroy id=2", "frames n=1").same_frame("destroyed", "one")
    assert verdict(play, scenario)[0] == "PASS"


def test_restacking_twice_is_identity_and_once_is_not(play: Play) -> None:
    both = desk().command(OTHER, "frames n=1").remember_frame("both")
    both.command("raise id=1", "frames n=1", "raise id=2", "frames n=1").same_frame("twice", "both")
    assert verdict(play, both)[0] == "PASS"
    once = desk().command(OTHER, "frames n=1").remember_frame("both").command("raise id=1", "frames n=1")
    once.check_frame("once", "remembered", like="both", timeout=0.3)
    assert verdict(play, once)[:2] == (Verdict.FAIL, "frame-mismatch")


def test_the_same_scene_by_another_route_is_the_same_frame(play: Play) -> None:
    scenario = desk().command(
        "destroy id=1", "create id=1 x=300 y=300 w=90 h=80 color=3a6ea5", "frames n=1", "resize id=1 w=200 h=150"
    )
    assert verdict(play, scenario.command("move id=1 x=40 y=60", "frames n=1").same_frame("again", "one"))[0] == "PASS"


@pytest.mark.long
def test_a_picture_that_has_to_be_unlike_is_judged_by_the_number_of_its_pixels(play: Play) -> None:
    filled = desk().command("redraw id=1", "create id=2 x=500 y=400 w=100 h=80 color=8b5a2b", "frames n=1")
    filled.check_frame("another window", "remembered", like="one", crop=(500, 400, 100, 80), changed=100 * 80)
    assert verdict(play, filled)[0] == "PASS", "of one colour before or not, each of its pixels is another"
    filled.check_frame(
        "more than there are", "remembered", like="one", crop=(500, 400, 100, 80), changed=8001, timeout=0.3
    )
    found, cause, what = verdict(play, filled)
    assert (found, cause) == (Verdict.FAIL, "frame-mismatch")
    assert "8000 pixels are unlike 'one', asked for: 8001 or more" in what


def test_a_crop_of_one_colour_proves_nothing(play: Play) -> None:
    scenario = desk().check_frame("inside", "remembered", like="one", crop=(60, 90, 50, 50), timeout=0.3)
    assert verdict(play, scenario)[:2] == (Verdict.FAIL, "frame-blank")


def test_a_crop_that_leaves_the_desktop_decides_nothing(play: Play) -> None:
    scenario = desk().check_frame("out", "remembered", like="one", crop=(900, 0, 93, 50), timeout=0.3)
    found, _, what = verdict(play, scenario)
    assert found is Verdict.INCONCLUSIVE
    assert "93×50 at (900, 0) is not inside a picture of 992×768" in what


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ('like = "one"', "against"),
        ("changed = 1", "against"),
        ('against = "remembered"\nlike = "one"\nchanged = -1', "changed"),
        ('against = "remembered"', "like"),
        ('against = "remembered"\nlike = "won"', "did you mean 'one'"),
        ('against = "remembered"\nlike = "one"\nshifted = [1, 0]', "crop"),
        ('against = "remembered"\nlike = "one"\ncrop = [10, 10, 5, 5]\nshifted = [-11, 0]', "crop"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused_with_its_line(tmp_path, step: str, words: str) -> None:  # type: ignore[no-untyped-def]
    from harness.scenario.loader import load_scenarios

    head = 'version = 1\nname = "r"\nimage = "reference"\n[[step]]\ndo = "boot"\n[[step]]\ndo = "remember-frame"\n'
    (tmp_path / "r.toml").write_text(f'{head}name = "one"\n[[step]]\ndo = "check-frame"\nname = "n"\n{step}\n')
    with pytest.raises(UsageError) as refused:
        load_scenarios(tmp_path / "r.toml")
    assert words in refused.value.what
    assert "r.toml:" in refused.value.what
