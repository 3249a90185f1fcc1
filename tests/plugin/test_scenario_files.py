"""Scenario files as tests: those that were asked for, with their verdicts as outcomes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Pytest, environment

HEAD = 'version = 1\nname = "{name}"\nimage = "reference"\n'
BOOT = '[[step]]\ndo = "boot"\n'
EXPECT = '[[step]]\ndo = "expect"\nall = ["{what}"]\nsince = "start"\n'


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    """A folder `scenarios` with one that is skipped: enough for questions of collection."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "later.toml").write_text(HEAD.format(name="later") + 'skip = "needs <issue 12>"\n')
    (folder / "goldens").mkdir()
    (folder / "goldens/x.mask.toml").write_text("owner = 'ada'\n")
    return folder


@pytest.mark.parametrize("argument", ["scenarios", "scenarios/", "scenarios/later.toml", "./scenarios"])
def test_scenarios_that_are_named_are_collected(in_pytest: Pytest, scenarios: Path, argument: str) -> None:
    said = in_pytest(argument, "-rs")
    assert said.code == 0, said.text
    assert said.cases["later"].kind == "skipped"
    assert "needs <issue 12>" in said.text


@pytest.mark.parametrize("arguments", [(), (".",), ("tests",)])
def test_no_scenario_is_collected_that_nobody_asked_for(
    in_pytest: Pytest, scenarios: Path, arguments: tuple[str, ...]
) -> None:
    (scenarios.parent / "tests").mkdir()
    (scenarios.parent / "tests/data.toml").write_text("not = 'a scenario'\n")
    (scenarios.parent / "tests/test_x.py").write_text("def test_x(): pass\n")
    said = in_pytest(*arguments)
    assert said.code == 0, said.text
    assert list(said.cases) == ["test_x"]


def test_a_setting_names_folders_of_scenarios(in_pytest: Pytest, scenarios: Path) -> None:
    scenarios.rename(scenarios.parent / "kernel")
    (scenarios.parent / "pytest.ini").write_text("[pytest]\nharness_scenarios = kernel\n")
    said = in_pytest()
    assert list(said.cases) == ["later"], said.text


def test_where_a_project_lies_makes_no_scenarios_of_its_files(in_pytest: Pytest, scenarios: Path) -> None:
    """A checkout that is called `scenarios`, and pytest started in it."""
    (scenarios / "test_x.py").write_text("def test_x(): pass\n")
    (scenarios / "pytest.ini").write_text("[pytest]\n")
    for arguments in ((".",), (str(scenarios),)):
        said = in_pytest(*arguments, folder=scenarios)
        assert (said.code, list(said.cases)) == (0, ["test_x"]), said.text


@pytest.mark.parametrize(
    ("where", "setting", "found"),
    [("scenarios", "", ["test_x"]), (".", "testpaths = scenarios", ["later", "test_x"])],
    ids=["nobody named them", "testpaths does"],
)
def test_a_worker_of_xdist_collects_what_pytest_alone_does(
    in_pytest: Pytest, scenarios: Path, where: str, setting: str, found: list[str]
) -> None:
    (scenarios / "test_x.py").write_text("def test_x(): pass\n")
    (scenarios.parent / "pytest.ini").write_text(f"[pytest]\n{setting}\n")
    said = in_pytest("-p", "xdist", "-n", "1", folder=scenarios.parent / where)
    assert (said.code, sorted(said.cases)) == (0, found), said.text


def test_a_seed_that_is_none_is_refused(in_pytest: Pytest, scenarios: Path) -> None:
    said = in_pytest("scenarios", "--harness-seed", "-1")
    assert (said.code, said.cases) == (4, {})
    assert "'-1' should be 0 to 4294967295" in said.text


def test_a_wrong_scenario_is_an_error_with_its_line_and_the_right_word(in_pytest: Pytest, scenarios: Path) -> None:
    (scenarios / "later.toml").write_text(HEAD.format(name="wrong") + BOOT + "timout = 3\n")
    said = in_pytest("scenarios")
    assert said.code == 2
    assert "later.toml:6: unknown key 'timout' in step[0] (did you mean 'timeout'?)" in said.text
    assert "Traceback" not in said.text


@pytest.mark.system
def test_the_verdict_on_a_scenario_is_the_outcome_of_its_test(in_pytest: Pytest, scenarios: Path) -> None:
    right, wrong = EXPECT.format(what="RAYOS_KIT:DESKTOP"), EXPECT.format(what="RAYOS_NEVER:COMES")
    (scenarios / "right.toml").write_text(HEAD.format(name="right") + BOOT + right)
    (scenarios / "wrong.toml").write_text(HEAD.format(name="wrong") + BOOT + wrong)
    refused = HEAD.format(name="refused") + 'set = { "machine.extra" = ["-no-such-option"] }\n' + BOOT + right
    (scenarios / "refused.toml").write_text(refused)
    never = '[[fault]]\nname = "f"\nwhen = { marker = "RAYOS_NEVER:COMES" }\ndo = { kind = "nmi" }\n'
    (scenarios / "unknown.toml").write_text(HEAD.format(name="unknown") + never + BOOT + right)
    (scenarios / "elsewhere.toml").write_text(
        HEAD.format(name="elsewhere") + 'not_on = { reference = "it has no sound" }\n' + BOOT + right
    )
    (scenarios / "board.toml").write_text(HEAD.format(name="board") + 'needs = ["hdmi"]\n' + BOOT + right)
    (scenarios.parent / "known.toml").write_text(
        'version = 1\n[[quarantine]]\nscenario = "wr*"\nowner = "ada"\nreason = "issue 7"\nexpires = 2000-01-01\n'
    )
    said = in_pytest("scenarios", "-ra", "--harness-seed", "5", "--harness-quarantine", "known.toml")
    kinds = {name: case.kind for name, case in said.cases.items()}
    assert kinds == {
        "right": "passed",
        "wrong": "failure",
        "refused": "error",
        "unknown": "error",
        "later": "skipped",
        "elsewhere": "skipped",
        "board": "error",
    }, said.text
    assert said.cases["wrong"].properties["harness_seed"] == "5"
    assert said.cases["wrong"].properties["harness_bundle"] in said.text
    assert "2 FAILED      expect RAYOS_NEVER:COMES" in said.cases["wrong"].text
    assert "-no-such-option" in said.cases["refused"].text
    assert "not on reference: it has no sound" in said.cases["elsewhere"].text
    assert "no folder of boards" in said.cases["board"].text, "what needs a board is not played without one"
    assert said.cases["unknown"].properties["harness_verdict"] == "INCONCLUSIVE"


@pytest.mark.system
def test_a_known_failure_of_a_scenario_is_an_expected_one(in_pytest: Pytest, scenarios: Path) -> None:
    (scenarios / "later.toml").write_text(HEAD.format(name="wrong") + BOOT + EXPECT.format(what="RAYOS_NEVER:COMES"))
    entry = '[[quarantine]]\nscenario = "wrong"\nowner = "ada"\nreason = "issue 7"\nexpires = {day}\n'
    (scenarios.parent / "known.toml").write_text("version = 1\n" + entry.format(day=_soon()))
    said = in_pytest("scenarios", "-rx", "--harness-quarantine", "known.toml")
    assert said.code == 0, said.text
    assert said.cases["wrong"].kind == "skipped"
    assert "(ada: issue 7)" in said.text


def _soon() -> str:
    import datetime

    return (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=9)).isoformat()


def test_a_pytest_without_a_guest_imports_nothing_of_the_harness_but_its_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(): pass\n")
    (tmp_path / "data.toml").write_text("")
    program = (
        "import json, sys, pytest\n"
        "before = set(sys.modules)\n"
        "code = pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'harness.pytest_plugin'])\n"
        "heavy = {'harness', 'numpy', 'pydantic', 'qemu', 'asyncio'}\n"
        "mine = {m for m in sys.modules if m.partition('.')[0] in heavy}\n"
        "print(json.dumps([code, sorted(mine - before)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [
        0,
        ["harness", "harness.pytest_plugin", "harness.pytest_plugin.collection"],
    ]
