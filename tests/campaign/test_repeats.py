"""Which scenarios are played again, and what it means when their runs do not agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.repeats import Agreement, agree, turns
from harness.engine.options import BatchOptions, Planned
from harness.engine.run import RunOutcome
from harness.evidence.bundle import Bundle
from harness.judge.verdict import RunVerdict
from harness.scenario.model import ClockMode, Scenario
from harness.targets.profile import Clock, Profile
from harness.verdicts import Verdict, worst

OPTIONS = BatchOptions(runs_dir=Path("runs"))
PROFILE = Profile(name="p", clock=Clock(rendezvous=True))


def _planned(count: int, clock: ClockMode = "virtual", skip: str = "") -> list[Planned]:
    return [Planned(Scenario(name=f"s{n}", skip=skip), PROFILE, clock) for n in range(count)]


def _outcome(verdict: str, fingerprint: str | None) -> RunOutcome:
    empty: dict[str, object] = dict.fromkeys(("first_cause", "guest_s"))
    zero = dict.fromkeys(("frames_checked", "markers", "markers_lost", "epochs", "host_s"), 0)
    data = {**empty, **zero, "findings": [], "checks": [], "notes": [], "interrupted": False}
    found = RunVerdict.from_json({**data, "verdict": verdict, "fingerprint": fingerprint})
    return RunOutcome(found, Bundle(Path("/nowhere")), Scenario(name="s"), "virtual")


def _agree(*runs: tuple[str, str | None]) -> Agreement:
    return agree([_outcome(*run) for run in runs])


# ---- which ones ------------------------------------------------------------------------------------------------------


def test_one_in_twenty_reproducible_scenarios_is_played_twice_and_always_the_same_one() -> None:
    counts = turns(_planned(100), OPTIONS, None, 0.05)
    assert sorted(counts) == [1] * 95 + [2] * 5
    assert counts == turns(_planned(100), OPTIONS, None, 0.05)
    others = [replace(item, scenario=replace(item.scenario, seed=2)) for item in _planned(100)]
    assert counts != turns(others, OPTIONS, None, 0.05), "another seed draws others"


@pytest.mark.parametrize(
    ("planned", "share"),
    [(_planned(19), 0.05), (_planned(100), 0.0), (_planned(100, "wall"), 0.05)],
    ids=["a small batch", "turned off", "not reproducible"],
)
def test_none_is_played_twice_in(planned: list[Planned], share: float) -> None:
    assert set(turns(planned, OPTIONS, None, share)) == {1}


def test_a_board_is_not_reproducible_and_what_is_skipped_is_not_played() -> None:
    assert set(turns(_planned(100), replace(OPTIONS, target=Path("board.toml")), None, 0.05)) == {1}
    assert turns(_planned(2, skip="broken"), OPTIONS, 3, 0.05) == [0, 0]


def test_repeat_plays_each_so_often_reproducible_or_not() -> None:
    assert turns(_planned(3, "wall"), OPTIONS, 4, 0.05) == [4, 4, 4]


# ---- what it means ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "verdict", "head"),
    [
        ([("PASS", "a")], "PASS", 0),
        ([("PASS", "a"), ("PASS", "a"), ("PASS", "a")], "PASS", 0),
        ([("FAIL", "a"), ("FAIL", "a")], "FAIL", 0),
        ([("PASS", None), ("PASS", None)], "PASS", 0),
        ([("PASS", "a"), ("PASS", "a"), ("PASS", "b")], "NONDETERMINISM", 0),
        ([("FAIL", "a"), ("FAIL", "b")], "NONDETERMINISM", 0),
        ([("PASS", "a"), ("FAIL", "a")], "NONDETERMINISM", 0),
        ([("PASS", "a"), ("CRASH", None)], "NONDETERMINISM", 0),
        ([("PASS", None), ("FAIL", None)], "FLAKY", 1),
        ([("FAIL", None), ("PASS", None)], "FLAKY", 0),
        ([("NOTHING_CHECKED", None), ("PASS", None)], "FLAKY", 0),
        ([("FAIL", None), ("CRASH", None)], "CRASH", 1),
        ([("PASS", "a"), ("INCONCLUSIVE", "b")], "INCONCLUSIVE", 1),
        ([("INCONCLUSIVE", None), ("FAIL", "a")], "FAIL", 1),
        ([("INCONCLUSIVE", "c"), ("PASS", "a"), ("PASS", "b")], "NONDETERMINISM", 1),
    ],
)
def test_runs_say_together(runs: list[tuple[str, str | None]], verdict: str, head: int) -> None:
    found = _agree(*runs)
    assert (found.verdict, found.head) == (verdict, head)


def test_runs_that_part_name_each_other_and_what_became_of_the_evidence() -> None:
    found = _agree(("INCONCLUSIVE", "c"), ("PASS", "a"), ("FAIL", "b"))
    assert found.cause is not None
    assert found.cause.startswith("runs-differ: runs 2 and 3 with the same inputs part at ")
    assert "the bundle /nowhere is gone" in found.cause
    assert found.cause.endswith("the verdicts are PASS and FAIL")


def test_the_worst_of_verdicts_is_the_most_certain_defect() -> None:
    assert worst([Verdict.PASS, Verdict.FLAKY, Verdict.HANG, Verdict.FAIL]) is Verdict.HANG
    assert worst([Verdict.SKIPPED, Verdict.PASS]) is Verdict.PASS
