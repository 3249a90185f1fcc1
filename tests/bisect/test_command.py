"""`harness bisect` as far as it comes without a boot: whose folder it is, and what is in it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.bisect.git import History
from harness.bisect.journal import SearchJournal
from harness.cli.bisect import command
from harness.errors import UsageError
from harness.verdicts import EXIT_LAB

from .repository import Repository

Search = Callable[..., int]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """`search(folder, "--image", …)`: on two commits that do not build, so that nothing is booted."""
    repository = Repository(tmp_path / "kernel")
    good, bad = (repository.commit({"source.txt": text}) for text in ("one", "two"))
    (tmp_path / "scenarios").mkdir()
    scenario = tmp_path / "scenarios/boot.toml"
    scenario.write_text('version = 1\nname = "boot"\nimage = "reference"\nstep = [{ do = "boot" }]\n')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(folder: Path, *more: str) -> int:
        words = ["--repository", str(repository.folder), "--good", good, "--bad", bad, "--build", "false"]
        words += ["--scenario", str(scenario), "--dir", str(folder), *more]
        code: int = CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False).return_value
        return code

    return run


def _put(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("precious")
    return file


def test_nothing_is_removed_from_a_folder_that_holds_something_else(search: Search, tmp_path: Path) -> None:
    kept = [_put(tmp_path / "mine" / name) for name in ("worktree/precious/data", "worktree-old/data", "notes")]
    with pytest.raises(UsageError, match="something else"):
        search(tmp_path / "mine")
    assert [file.read_text() for file in kept] == ["precious"] * 3


def test_nothing_is_removed_from_the_folder_of_a_search_that_is_under_way(search: Search, tmp_path: Path) -> None:
    with closing(SearchJournal.create(tmp_path / "search")) as running:
        running.begin({})
        built = _put(tmp_path / "search/worktree/kernel.elf")
        with pytest.raises(UsageError, match="another harness is at work"):
            search(tmp_path / "search")
        assert built.is_file()


def test_the_worktrees_are_removed_before_the_folder_is_given_back(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []
    close = History.close

    def watched(history: History) -> None:
        with pytest.raises(UsageError, match="another harness is at work") as error:
            SearchJournal.resume(tmp_path / "search").close()
        refused.append(error.value)
        close(history)

    monkeypatch.setattr(History, "close", watched)
    assert search(tmp_path / "search") == EXIT_LAB
    assert len(refused) == 1
    assert not (tmp_path / "search/worktree").exists()


@pytest.mark.parametrize("wrong", [("--image", "nosuch"), ("--good", "nowhere"), ("--weight", "mm")])
def test_a_search_that_was_refused_leaves_no_folder_that_refuses_the_next(
    search: Search, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match=wrong[1]):
        search(tmp_path / "search", *wrong)
    assert not (tmp_path / "search").exists()
    assert search(tmp_path / "search") == EXIT_LAB


def test_a_profile_that_is_typed_is_looked_up_in_the_current_folder_also_when_the_search_goes_on_elsewhere(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "scenarios/kern.elf")  # where the scenario is there is another of that name
    with pytest.raises(UsageError, match="here/kern"):
        search(tmp_path / "search", "--image", "kern.elf")
    typed = tmp_path / "here/kern.toml"
    typed.write_text('version = 1\nname = "kern"\n[boot]\nkernel = "kern.elf"\n')
    assert search(tmp_path / "search", "--image", "kern.toml") == EXIT_LAB
    monkeypatch.chdir(tmp_path)
    with closing(SearchJournal.resume(tmp_path / "search")) as journal:
        assert journal.options["image"] == str(typed)


@pytest.mark.parametrize(
    ("head", "message"), [('skip = "not yet"', "is skipped: not yet"), ('[not_on]\nreference = "no"', "is skipped: ")]
)
def test_a_scenario_that_is_not_played_is_refused_before_a_search_is_begun(
    search: Search, tmp_path: Path, head: str, message: str
) -> None:
    scenario = tmp_path / "scenarios/boot.toml"
    whole = scenario.read_text()
    scenario.write_text(whole + f"{head}\n")
    with pytest.raises(UsageError, match=message):
        search(tmp_path / "search")
    scenario.write_text(whole)
    assert search(tmp_path / "search") == EXIT_LAB
