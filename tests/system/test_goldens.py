"""Goldens on the real guest: approved, matched, and caught when the screen differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError
from harness.frames.png import save_png
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Scenario
from harness.verdicts import EXIT_USAGE, Verdict

from .conftest import Play

pytestmark = pytest.mark.system


EMPTY = (
    'version = 1\nname = "g"\nimage = "reference"\n[[step]]\ndo = "boot"\n'
    '[[step]]\ndo = "check-frame"\nname = "empty"\nagainst = "golden"\n'
)


def _scenario(folder: Path, color: str = "3a6ea5", size: str = "w=300 h=200") -> Scenario:
    return (
        ScenarioBuilder("golden", image="reference")
        .boot()
        .command(f"create id=1 x=40 y=40 {size} color={color}")
        .frames()
        .check_frame("one window", "golden", timeout=0.3)
        .build(folder)
    )


def test_an_approved_picture_matches_and_another_screen_does_not(play: Play, tmp_path: Path) -> None:
    first = play(_scenario(tmp_path), update_goldens=True)
    assert first.verdict.verdict is Verdict.PASS, first.verdict.first_cause
    assert first.updated_goldens == [str(tmp_path / "goldens/one window.png")]
    assert play(_scenario(tmp_path)).verdict.verdict is Verdict.PASS
    outcome = play(_scenario(tmp_path, color="3a6ea6"))
    assert outcome.verdict.verdict is Verdict.FAIL
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "frame-mismatch"
    assert "298×198 at (41, 41)" in outcome.verdict.first_cause.what  # all of the window inside its border


def test_a_mask_hides_what_may_differ(play: Play, tmp_path: Path) -> None:
    play(_scenario(tmp_path, size="w=120 h=120"), update_goldens=True)
    (tmp_path / "goldens/one window.mask.toml").write_text(_mask(120, 120))
    assert play(_scenario(tmp_path, "ff0000", "w=120 h=120")).verdict.verdict is Verdict.PASS


def _mask(width: int, height: int, expires: str = "2100-01-01") -> str:
    terms = f"owner = 'window people'\nexpires = {expires}\n"
    return f"{terms}[[ignore]]\nx = 40\ny = 40\nw = {width}\nh = {height}\nreason = 'the window'\n"


@pytest.mark.parametrize(
    ("mask", "words"),
    [(_mask(300, 200), "hides 7.9% of the picture"), (_mask(20, 20, "2020-01-01"), "its owner is window people")],
)
def test_a_large_or_expired_mask_is_refused_before_anything_boots(tmp_path: Path, mask: str, words: str) -> None:
    (tmp_path / "goldens").mkdir()
    save_png(tmp_path / "goldens/empty.png", np.zeros((768, 992), np.uint32))
    (tmp_path / "goldens/empty.mask.toml").write_text(mask)
    (tmp_path / "one.toml").write_text(EMPTY)
    file = str(tmp_path / "one.toml")
    checked = CliRunner().invoke(cli, ["scenario", "check", file], standalone_mode=False)
    assert checked.return_value == EXIT_USAGE
    assert words in checked.output
    with pytest.raises(UsageError) as refused:
        CliRunner().invoke(cli, ["run", file], standalone_mode=False, catch_exceptions=False)
    assert words in refused.value.what


def test_an_added_golden_stands_beside_the_approved_one(play: Play, tmp_path: Path) -> None:
    play(_scenario(tmp_path), update_goldens=True)
    added = play(_scenario(tmp_path, color="ff0000"), add_goldens=True)
    assert added.updated_goldens == [str(tmp_path / "goldens/one window.2.png")]
    for color in ("3a6ea5", "ff0000"):
        assert play(_scenario(tmp_path, color)).verdict.verdict is Verdict.PASS
    assert play(_scenario(tmp_path, "00ff00")).verdict.verdict is Verdict.FAIL


def test_approving_says_which_scenarios_use_the_picture(tmp_path: Path) -> None:
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(EMPTY)
    result = CliRunner().invoke(
        cli,
        ["run", str(tmp_path / "one.toml"), "--update-goldens", "--runs-dir", str(tmp_path / "runs")],
        standalone_mode=False,
    )
    assert result.exception is None, result.output
    assert "one.toml" in result.output
    assert "two.toml" in result.output
