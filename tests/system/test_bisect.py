"""`harness bisect` on real machines: a history of 256 commits of the reference guest with one defect in it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.evidence.journal import read_events
from harness.verdicts import EXIT_LAB, EXIT_PASS, EXIT_USAGE

from .live_harness import Harnesses
from .synthetic_history import SCENARIO, Synthetic, make

pytestmark = pytest.mark.system
SEARCH = 300  # seconds for a whole search: 15 boots and builds took 13, on two cores that 14 others wanted too 150


def _arguments(history: Synthetic, folder: Path, scenario: Path) -> list[str | Path]:
    return [
        "--repository", history.folder, "--good", history.commits[0], "--bad", "main",
        "--build", history.build,
        "--image", "reference", "--scenario", scenario, "--dir", folder,
    ]  # fmt: skip


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "raise.toml"
    path.write_text(SCENARIO)
    return path


def _state(repository: Path) -> tuple[str, ...]:
    """What a user would miss: the branch, the index, the files, the worktrees."""
    words = (["status", "--porcelain", "--branch"], ["worktree", "list", "--porcelain"], ["branch", "--list"])
    return tuple(
        subprocess.run(
            ["git", "-C", str(repository), *word], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for word in words
    )


@pytest.mark.long
@pytest.mark.timeout(SEARCH + 60)
@pytest.mark.parametrize(("culprit", "jobs"), [(97, 1), (200, 2)])
def test_the_culprit_among_256_commits_takes_ten_boots_and_two_for_each_image_without_a_vote(
    harnesses: Harnesses, tmp_path: Path, scenario: Path, culprit: int, jobs: int
) -> None:
    broken, crashing = {*range(125, 133), 64, 190}, {*range(90, 95), 134, 192, 196, 203}
    history = make(tmp_path / "kernel", 256, culprit, broken=broken, crashing=crashing)
    before = _state(history.folder)
    words = [*_arguments(history, tmp_path / "search", scenario), "--jobs", str(jobs)]
    ended = harnesses.start("bisect", *words, "--json").finish(within=SEARCH)
    found = ended.document
    assert ended.code == EXIT_PASS, ended.stderr
    assert [one["name"] for one in found["culprits"]] == [history.commits[culprit]]
    assert found["posterior"] >= 0.999
    without = {one["name"] for one in found["without_vote"]}
    assert without
    assert without <= {history.commits[number] for number in broken | crashing}
    booted = found["runs"] if jobs == 1 else found["votes"] + len(without)  # what was made ahead is not asked for
    assert booted <= 10 + 2 * len(without)
    assert (found["bad"]["name"], found["good"]["name"]) == (history.commits[culprit], history.commits[culprit - 1])
    assert (found["bad"]["verdict"], found["good"]["verdict"]) == ("FAIL", "PASS")
    assert _state(history.folder) == before
    for word in (["replay", tmp_path / "search/git-bisect.log"], ["log"]):
        told = subprocess.run(
            ["git", "-C", history.folder, "bisect", *word], capture_output=True, text=True, check=True, timeout=60
        )
    assert told.stdout.splitlines()[-1].startswith(f"# first bad commit: [{history.commits[culprit]}]")


@pytest.mark.long
@pytest.mark.timeout(SEARCH + 60)
def test_a_search_that_was_killed_goes_on_where_it_was(harnesses: Harnesses, tmp_path: Path, scenario: Path) -> None:
    history = make(tmp_path / "kernel", 32, 21, broken={16})
    folder = tmp_path / "search"
    begun = harnesses.start("bisect", *_arguments(history, folder, scenario), "--json")
    while begun.process.stderr is not None and not begun.process.stderr.readline().startswith("good"):
        pass
    begun.process.kill()
    begun.finish()
    begun.until_childless()
    before = _runs(folder)
    assert before
    ended = harnesses.start("bisect", "--resume", folder, "--json").finish(within=SEARCH)
    assert ended.code == EXIT_PASS, ended.stderr
    assert [one["name"] for one in ended.document["culprits"]] == [history.commits[21]]
    assert _runs(folder)[: len(before)] == before
    assert len({run["image"] for run in _runs(folder)}) == len(_runs(folder)) == ended.document["runs"]


def _runs(folder: Path) -> list[Mapping[str, Any]]:
    return [event.data for event in read_events(folder / "bisect.jsonl") if event.kind == "run"]


def test_a_range_whose_ends_do_not_differ_ends_with_3_and_says_so(
    harnesses: Harnesses, tmp_path: Path, scenario: Path
) -> None:
    history = make(tmp_path / "kernel", 4, 5)
    ended = harnesses.run("bisect", *_arguments(history, tmp_path / "search", scenario), "--json")
    assert (ended.code, ended.document["result"], ended.document["runs"]) == (EXIT_LAB, "ends-do-not-differ", 2)
    assert "the ends do not differ" in ended.stderr
    # It can be gone on with although its branch has moved, but not as another search.
    subprocess.run(["git", "-C", str(history.folder), "update-ref", "refs/heads/main", history.commits[1]], check=True)
    again = harnesses.run("bisect", "--resume", tmp_path / "search", "--most", "9", "--json")
    assert (again.code, again.document["runs"]) == (EXIT_LAB, 2)
    other = harnesses.run("bisect", "--resume", tmp_path / "search", "--seed", "3", "--json")
    assert (other.code, "it takes no --seed" in other.stderr) == (EXIT_USAGE, True)
    scenario.write_text(SCENARIO.replace("raise id=1", "raise id=2"))
    changed = harnesses.run("bisect", "--resume", tmp_path / "search", "--json")
    assert (changed.code, "something changed: scenario" in changed.stderr) == (EXIT_USAGE, True)


@pytest.mark.parametrize(
    ("steps", "options", "code"),
    [
        ('[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nsince = "start"\nall = ["RAYOS_KIT:DESKTOP"]\n', [], 0),
        ('[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nany = ["RAYOS_NO"]\nwithin = 0.1\ntimeout = 3\n', [], 1),
        ('[[step]]\ndo = "boot"\n', ["--image", "build/none.elf"], 128),
        ('[[step]]\ndo = "boot"\n', ["--no-such-option"], 128),
        ('skip = "a reason"\n[[step]]\ndo = "boot"\n', [], 125),
    ],
)
def test_git_bisect_run_is_told_good_bad_no_vote_or_stop(
    harnesses: Harnesses, steps: str, options: list[str], code: int
) -> None:
    ended = harnesses.run("run", harnesses.scenario(steps), "--bisect-exit", *options)
    assert ended.code == code, ended.stderr
