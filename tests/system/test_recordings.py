"""A recording is a target: it passes on what it holds, and fails at once when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("expected", "verdict", "cause"),
    [("RAYOS_SOAK:START:4", Verdict.PASS, None), ("RAYOS_SOAK:COMPLETE", Verdict.FAIL, "recording-ended")],
)
def test_a_log_is_judged_by_what_it_holds(
    play: Play, tmp_path: Path, expected: str, verdict: Verdict, cause: str | None
) -> None:
    log = tmp_path / "serial.log"
    log.write_text("hello\nRAYOS_SOAK:START:4:60\n")
    scenario = ScenarioBuilder("played", image="reference").boot("hello").expect(expected, since="boot", timeout=300)
    outcome = play(scenario, target=log)
    found = outcome.verdict.first_cause
    assert (outcome.verdict.verdict, found.cause if found else None) == (verdict, cause)
    assert outcome.verdict.fingerprint is None


def test_the_recording_of_a_run_is_judged_like_the_run(play: Play) -> None:
    scenario = ScenarioBuilder("real", image="reference").boot().expect("RAYOS_KIT:DESKTOP:992:768", since="start")
    run = play(scenario)
    assert run.verdict.verdict is Verdict.PASS
    again = play(scenario, target=run.bundle.path)
    assert again.verdict.verdict is Verdict.PASS
    assert again.verdict.markers == run.verdict.markers
