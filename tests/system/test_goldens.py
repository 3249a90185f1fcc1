"""Goldens on the real guest: approved, matched, and caught when the screen differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Scenario
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system


def _scenario(folder: Path, color: str = "3a6ea5") -> Scenario:
    return (
        ScenarioBuilder("golden", image="reference")
        .boot()
        .command(f"create id=1 x=40 y=40 w=300 h=200 color={color}")
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
    play(_scenario(tmp_path), update_goldens=True)
    mask = "[[ignore]]\nx = 40\ny = 40\nw = 300\nh = 200\nreason = 'the window'\n"
    (tmp_path / "goldens/one window.mask.toml").write_text(mask)
    assert play(_scenario(tmp_path, color="ff0000")).verdict.verdict is Verdict.PASS


def test_approving_says_which_scenarios_use_the_picture(tmp_path: Path) -> None:
    text = (
        'version = 1\nname = "g"\nimage = "reference"\n[[step]]\ndo = "boot"\n'
        '[[step]]\ndo = "check-frame"\nname = "empty"\nagainst = "golden"\n'
    )
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(
        cli,
        ["run", str(tmp_path / "one.toml"), "--update-goldens", "--runs-dir", str(tmp_path / "runs")],
        standalone_mode=False,
    )
    assert result.exception is None, result.output
    assert "one.toml" in result.output
    assert "two.toml" in result.output
