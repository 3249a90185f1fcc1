"""What a campaign shows of itself on a terminal."""

from __future__ import annotations

import pytest

from harness.report.fleet import FleetProgress


def test_runs_under_way_and_what_came_of_the_others_are_shown() -> None:
    progress = FleetProgress(20)
    for number in range(12):
        progress.begin(number, f"scenario-{number}")
    progress.end(0, "PASS")
    progress.end(1, "FAIL")
    progress.end(2, "")
    text = progress.render().plain
    assert text.splitlines()[0] == "3 of 20 runs  1 FAIL, 1 PASS, 1 not played"
    assert "scenario-3" in text
    assert "scenario-0" not in text
    assert text.splitlines()[-1].strip() == "and 1 more"


def test_nothing_is_shown_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    progress = FleetProgress(1)
    progress.begin(0, "scenario")
    progress.end(0, "PASS")
    progress.close()
    assert capsys.readouterr() == ("", "")
