"""Known failures: who answers for them, what they cover, and that they do not outlive their day."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.campaign.quarantine import Quarantine, load_quarantine
from harness.errors import UsageError
from harness.report.summary import batch_json

TODAY = datetime.date(2026, 11, 21)
Load = Callable[..., Quarantine]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """`load(entry, …)`: the quarantine of a file with these entries, on TODAY or another day."""

    def read(*entries: str, today: datetime.date = TODAY) -> Quarantine:
        file = tmp_path / "known.toml"
        file.write_text("version = 1\n" + "".join(f"[[quarantine]]\n{entry}\n" for entry in entries))
        return load_quarantine(file, today)

    return read


def entry(scenario: str = "desk", expires: str = "2026-12-24", **more: str) -> str:
    values = {"scenario": scenario, "owner": "ada", "reason": "issue 7", **more}
    return "".join(f'{key} = "{value}"\n' for key, value in values.items()) + f"expires = {expires}\n"


def run(scenario: str = "desk", verdict: str = "FAIL", cause: str | None = "frame-torn: …") -> dict[str, Any]:
    return {"scenario": scenario, "verdict": verdict, "first_cause": cause}


def judged(quarantine: Quarantine, *runs: dict[str, Any]) -> dict[str, Any]:
    for one in runs:
        quarantine.mark(one)
    return batch_json(runs)


def test_a_quarantined_failure_does_not_fail_the_batch_and_is_told(load: Load) -> None:
    batch = judged(load(entry()), run(), run("other", "PASS", None))
    assert (batch["exit_code"], batch["verdict"], batch["quarantined"]) == (0, "PASS", 1)
    assert batch["runs"][0]["verdict"] == "FAIL"
    assert batch["runs"][0]["quarantine"]["owner"] == "ada"


def test_another_failure_of_the_batch_counts_all_the_same(load: Load) -> None:
    assert judged(load(entry()), run(), run("other", "CRASH"))["exit_code"] == 1


@pytest.mark.parametrize(("today", "code"), [("2026-12-24", 0), ("2026-12-25", 1)])
def test_an_entry_holds_to_the_end_of_its_day(load: Load, today: str, code: int) -> None:
    quarantine = load(entry(), today=datetime.date.fromisoformat(today))
    assert judged(quarantine, run())["exit_code"] == code


def test_an_expired_entry_fails_the_batch_though_its_scenario_passes(load: Load) -> None:
    batch = judged(load(entry(expires="2026-11-20")), run(verdict="PASS", cause=None))
    assert (batch["exit_code"], batch["verdict"]) == (3, "INCONCLUSIVE")
    assert judged(load(entry("never-played", expires="2026-11-20")), run(verdict="PASS", cause=None))["exit_code"] == 0


def test_an_entry_that_was_renewed_stands_before_the_expired_one(load: Load) -> None:
    assert judged(load(entry(expires="2026-11-20"), entry()), run())["exit_code"] == 0


@pytest.mark.parametrize(("verdict", "code"), [("FLAKY", 0), ("HANG", 0), ("INCONCLUSIVE", 3), ("NOTHING_CHECKED", 4)])
def test_only_what_can_be_known_beforehand_is_let_pass(load: Load, verdict: str, code: int) -> None:
    assert judged(load(entry()), run(verdict=verdict))["exit_code"] == code


def test_an_entry_about_one_cause_lets_no_other_pass(load: Load) -> None:
    quarantine = load(entry(cause="frame-torn"))
    assert judged(quarantine, run())["exit_code"] == 0
    assert judged(quarantine, run(cause="expectation: …"))["exit_code"] == 1


@pytest.mark.parametrize(
    ("pattern", "name", "covers"),
    [
        ("desk-*", "desk-2", True),
        ("desk", "desk-2", False),
        ("desk[image=a,mb=64]", "desk[image=a,mb=64]", True),
        ("desk[[]*", "desk[image=b]", True),
    ],
)
def test_names_are_names_or_shell_patterns(load: Load, pattern: str, name: str, covers: bool) -> None:
    assert judged(load(entry(pattern)), run(name))["exit_code"] == (0 if covers else 1)


def test_entries_about_nothing_are_told(load: Load) -> None:
    assert list(load(entry(), entry("gone")).unused(["desk"])) == ["gone"]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ('scenario = "x"\nowner = "a"\nexpires = 2026-12-24', "known.toml:2: the key 'reason' is missing"),
        (entry(owner=" "), "known.toml:4: owner: should say something"),
        (entry(expires='"soon"'), "known.toml:6:"),
        (entry(expires="2028-01-01"), "known.toml:6: expires: at most 366 days from now"),
        (entry(reasn="x"), "did you mean 'reason'?"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_with_its_line(load: Load, wrong: str, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(wrong)
    assert text in refused.value.what


def test_an_entry_that_has_expired_is_told_whatever_else_is_known_of_its_scenario(load: Load) -> None:
    known = load(entry(expires="2026-11-20", cause="frame-mismatch"), entry("*", cause="deadline"))
    assert judged(known, run(verdict="PASS", cause=None))["exit_code"] == 3
    held = run(cause="deadline: it did not come")
    assert judged(known, held)["exit_code"] == 3
    assert held["quarantine"]["holds"], "this failure is known; the expired entry is what fails the batch"


def test_of_a_scenario_that_was_played_several_times_every_failure_has_to_be_known(load: Load) -> None:
    def tried(*causes: str) -> dict[str, Any]:
        return run(cause=causes[0]) | {"repeats": [{"verdict": "FAIL", "first_cause": cause} for cause in causes]}

    known = load(entry(cause="frame-torn"))
    assert judged(known, tried("frame-torn: a", "frame-torn: b"))["exit_code"] == 0
    assert judged(known, tried("frame-torn: a", "memory-corruption: b"))["exit_code"] == 1
    both = load(entry(cause="frame-torn"), entry(cause="memory-corruption"))
    assert judged(both, tried("frame-torn: a", "memory-corruption: b"))["exit_code"] == 0
    differs = tried("frame-torn: a") | {"verdict": "NONDETERMINISM", "first_cause": "runs-differ: …"}
    assert judged(known, differs)["exit_code"] == 1
    assert judged(load(entry(cause="runs-differ")), differs)["exit_code"] == 0


def test_a_known_failure_beside_a_scenario_that_was_skipped_is_a_pass(load: Load) -> None:
    batch = judged(load(entry()), run(), run("other", "SKIPPED", "skipped: not here"))
    assert (batch["exit_code"], batch["verdict"]) == (0, "PASS")
