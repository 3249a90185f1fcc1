"""Which texts mean that a kernel died: one file tells the judge, and triage, of the built-in ones and of a user's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.console.types import Line
from harness.errors import UsageError
from harness.judge.crash_rules import FILE, Rules, built_in_deaths, deaths
from harness.judge.facts import GuestFacts
from harness.judge.texts import TextWatch
from harness.scenario.builder import ScenarioBuilder
from harness.targets.profile import Boot, Guest, Profile

OWN = "version = 1\ndeaths = ['\\bSTOP E\\d']\n"


def facts(rules: Path | None) -> GuestFacts:
    profile = Profile(name="p", boot=Boot(), guest=Guest(crash_texts=("FATAL:",)))
    return GuestFacts.of(replace(profile, guest=replace(profile.guest, triage_rules=rules)), "wall", None)


def seen(text: str, known: GuestFacts) -> str | None:
    line = Line(1, 0, 0, text.encode(), text, 0)
    found = TextWatch(ScenarioBuilder("s", image="p").boot().build(), known).crash(line, [])
    return found[0] if found else None


def test_the_list_that_every_run_reads_is_that_of_the_rules() -> None:
    assert deaths(FILE) == built_in_deaths()


def test_a_users_deaths_reach_the_judge_and_its_bundle(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN)
    known = GuestFacts.from_json(facts(own).to_json())  # as the manifest keeps them
    assert seen("cpu1: STOP E42", known) == r"re:\bSTOP E\d"
    assert seen("FATAL: it", known) == "FATAL:"
    assert seen("cpu1: STOP E42", facts(None)) is None
    assert seen("Guru Meditation", known) == r"re:Guru Meditation\b"
    Rules.load(own)


@pytest.mark.parametrize(
    "text",
    [
        "deaths = ['(']",
        "deaths = 'x'",
        "deaths = ['x*']",
        "version = 2",
        "skip = ['(?i)my_panic.*']",
        "prefixes = ['(?i)kernel: ']",
        "registers = ['(?P<name>r0)']",
        "registers = ['(r)\\1']",
        "skip = ['(?P<a>x)']",
    ],
)
def test_rules_that_are_wrong_are_refused_before_anything_runs(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text if "version" in text else f"version = 1\n{text}\n")
    with pytest.raises(UsageError, match=r"own\.toml"):
        facts(own)
