"""Where images come from: git histories that are built in a worktree, and lists of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bisect.git import Weight
from harness.bisect.source import Files, find_files
from harness.errors import UsageError

from .repository import BUILD, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "kernel")


def test_each_commit_is_built_as_it_was_and_the_checkout_stays_as_it_is(repository: Repository) -> None:
    commits = [repository.commit({"source.txt": f"{number}\n"}, f"change {number}") for number in range(3)]
    (repository.folder / "source.txt").write_text("what the user is at\n")
    (repository.folder / "notes").write_text("not in git\n")
    before = repository.git("status", "--porcelain", "--branch"), repository.git("worktree", "list")
    history = repository.history(commits[0])
    assert history.names == commits
    assert [title.partition(" ")[2] for title in history.titles] == ["change 0", "change 1", "change 2"]
    for number in (2, 0, 1):
        image = history.image(number)
        assert image.file is not None
        assert image.file.read_text() == f"{number}\n"
        assert image.log is not None
        assert image.log.read_text() == f"built {commits[number]}\n"
    history.close()
    assert (repository.git("status", "--porcelain", "--branch"), repository.git("worktree", "list")) == before
    assert (repository.folder / "source.txt").read_text() == "what the user is at\n"


def test_a_tree_is_built_once_whichever_commits_have_it(repository: Repository, tmp_path: Path) -> None:
    build = f'{BUILD}; echo x >> "{tmp_path}/count"'
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"})
    repository.commit({"source.txt": "one"})
    history = repository.history(first, build=build)
    images = [history.image(number) for number in (0, 1, 2)]
    assert images[0].digest == images[2].digest != images[1].digest
    again = repository.history(first, build=build).image(1)
    assert again.digest == images[1].digest
    assert (tmp_path / "count").read_text() == "x\nx\n"
    history.close()


def test_a_build_that_fails_or_makes_nothing_or_takes_too_long_is_no_image_and_has_a_log(
    repository: Repository,
) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two", "broken": ""})
    history = repository.history(first)
    failed = history.image(1)
    assert failed.file is None
    assert failed.reason == "the build failed (exit code 1)"
    assert failed.log is not None
    assert "built" in failed.log.read_text()
    nothing = repository.history(first, build="true").image(1)
    assert nothing.reason == "the build succeeded but made no $HARNESS_OUTPUT"
    late = repository.history(first, build="sleep 600 & sleep 600", timeout=0.2).image(1)
    assert late.reason == "the build ran out of time (0.2 s)"
    history.close()


def test_what_one_build_left_is_not_taken_for_the_image_of_the_next(repository: Repository) -> None:
    first = repository.commit({"source.txt": "one", ".gitignore": "kernel.elf\n"})
    repository.commit({"source.txt": "two", "broken": ""})
    build = "test -e broken || cp source.txt kernel.elf"
    history = repository.history(first, build=build, output=Path("kernel.elf"))
    built, stale = history.image(0), history.image(1)
    assert built.file is not None
    assert built.file.read_text() == "one"
    assert stale.reason == "the build succeeded but made no kernel.elf"
    history.close()


def test_a_build_whose_image_was_torn_afterwards_is_made_again(repository: Repository) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"})
    image = repository.history(first).image(0)
    assert image.file is not None
    image.file.write_text("on")  # what a host that lost its power may leave
    history = repository.history(first)
    assert history.image(0) == image
    assert image.file.read_text() == "one"
    history.close()


def test_no_build_is_begun_behind_the_end_of_a_search(repository: Repository) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"})
    history = repository.history(first, build="sleep 600")
    history.stop()
    assert history.image(1).reason == "the build failed (signal 9)"
    history.close()


@pytest.mark.parametrize("output", ["/boot/kernel.elf", "../kernel.elf"])
def test_an_output_that_is_not_in_the_worktree_is_refused(repository: Repository, output: str) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"})
    with pytest.raises(UsageError, match="not in the worktree"):
        repository.history(first, output=Path(output))


def test_what_is_unusual_about_a_repository_does_not_matter(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"}, "a line\u2028that \x0cgoes on")
    repository.git("config", "log.showSignature", "true")
    hook = repository.folder / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\ntouch "{tmp_path}/hooked"\n')
    hook.chmod(0o755)
    before = repository.git("status", "--porcelain", "--branch")
    for name, value in (("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index"), ("GIT_WORK_TREE", ".")):
        monkeypatch.setenv(name, value)  # as git does for its hooks
    monkeypatch.chdir(repository.folder)
    history = repository.history(first)
    assert [title.partition(" ")[2] for title in history.titles] == ["change", "a line\ufffdthat \u240cgoes on"]
    built = history.image(1).file
    assert built is not None
    assert built.read_text() == "two"
    history.close()
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name)
    assert repository.git("status", "--porcelain", "--branch") == before
    assert not (tmp_path / "hooked").exists()


def test_a_subject_with_a_carriage_return_or_an_escape_is_one_title_and_does_nothing_to_a_terminal(
    repository: Repository,
) -> None:
    first = repository.commit({"source.txt": "one"}, "one\rtwo")
    repository.commit({"source.txt": "two"}, "\x1b]0;owned\x07three")
    titles = repository.history(first).titles
    assert [title.partition(" ")[2] for title in titles] == ["one\u240dtwo", "\u241b]0;owned\u2407three"]


@pytest.mark.parametrize(
    ("build", "output"),
    [
        ('cp source.txt kernel.elf && ln -sf "$PWD/kernel.elf" "$HARNESS_OUTPUT"', None),
        ('cp source.txt kernel.elf && ln -f kernel.elf "$HARNESS_OUTPUT"', None),
        ('cp source.txt kernel.elf && ln -sf "$PWD/kernel.elf" "$HARNESS_OUTPUT"', Path("kernel.elf")),
    ],
)
def test_an_image_that_is_a_link_into_the_worktree_stays_that_of_its_commit(
    repository: Repository, build: str, output: Path | None
) -> None:
    first = repository.commit({"source.txt": "one", ".gitignore": "kernel.elf\n"})  # it stays there
    repository.commit({"source.txt": "two"})
    history = repository.history(first, build=build, output=output)
    images = [history.image(number) for number in (0, 1, 0)]
    assert [image.file.read_text() for image in images if image.file is not None] == ["one", "two", "one"]
    history.close()
    assert images[0].file is not None
    assert images[0].file.read_text() == "one"


@pytest.mark.parametrize("harm", ["lock", "half"])
def test_a_worktree_that_an_interruption_left_is_made_anew(repository: Repository, harm: str) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"source.txt": "two"})
    torn = repository.history(first)
    torn.image(0)
    if harm == "lock":
        (repository.folder / ".git/worktrees/worktree/index.lock").touch()
    else:
        (repository.folder / ".git/worktrees/worktree/HEAD").unlink()
    history = repository.history(first)
    image = history.image(1)
    assert image.file is not None
    assert image.file.read_text() == "two"
    history.close()
    assert len(repository.git("worktree", "list").splitlines()) == 1
    assert not (repository.folder.parent / "search/worktree").exists()


def test_branches_are_a_graph_and_first_parents_a_line(repository: Repository) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.git("checkout", "--quiet", "-b", "side")
    side = repository.commit({"side.txt": "x"}, "side")
    repository.git("checkout", "--quiet", "main")
    repository.commit({"main.txt": "y"}, "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    graph = repository.history(first)
    assert graph.order.n == 3
    number = graph.names.index(side)
    other = {1, 2} - {number}
    assert graph.order.contains(3).all()
    assert not graph.order.contains(other.pop())[number - 1]
    line = repository.history(first, first_parent=True)
    assert [title.partition(" ")[2] for title in line.titles] == ["change", "main", "merge"]


def test_documentation_is_unlikely_and_weighted_paths_are_likely(repository: Repository) -> None:
    first = repository.commit({"source.txt": "one"})
    repository.commit({"mm/page.c": "a"})
    repository.commit({"docs/page.md": "b"})
    repository.commit({"fs/file.c": "c", "docs/file.md": "c"})
    prior = repository.history(first, weights=[Weight.parse("mm/*=5")]).prior
    assert prior == [5.0, 0.1, 1.0]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("nowhere", "main", "there is no commit 'nowhere'"),
        ("main", "main", "is no ancestor of"),
        ("main", "main~1", "is no ancestor of"),
        ("--all", "main", "there is no commit '--all'"),
    ],
)
def test_a_wrong_range_is_refused(repository: Repository, good: str, bad: str, message: str) -> None:
    for number in range(3):
        repository.commit({"source.txt": str(number)})
    with pytest.raises(UsageError, match=message):
        repository.history(good, bad)


@pytest.mark.parametrize("text", ["mm/*", "mm/*=", "=5", "mm/*=-1", "mm/*=0", "mm/*=nan", "mm/*=inf"])
def test_a_weight_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="PATTERN=FACTOR"):
        Weight.parse(text)


def test_numbered_images_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 9, 10, 11, 100):
        (tmp_path / f"build-{number}.elf").write_text(str(number))
    (tmp_path / ".hidden").write_text("")
    expected = [f"build-{number}.elf" for number in (1, 2, 9, 10, 11, 100)]
    for given in ([f"{tmp_path}/build-*.elf"], [str(tmp_path)]):
        files = find_files(given)
        assert [file.name for file in files] == expected
    assert Files(files).order.n == 5
    assert [file.name for file in find_files([str(files[3]), str(files[0])])] == ["build-10.elf", "build-1.elf"]


def test_images_that_are_none_or_too_few_or_named_twice_are_refused(tmp_path: Path) -> None:
    one = tmp_path / "one.elf"
    one.write_text("x")
    with pytest.raises(UsageError, match="no image fits"):
        find_files([f"{tmp_path}/none-*"])
    with pytest.raises(UsageError, match="named twice"):
        find_files([str(one), f"{tmp_path}/*.elf"])
    with pytest.raises(UsageError, match="too few"):
        Files([one])
