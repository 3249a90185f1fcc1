"""A git history as a source of images. The user's checkout is never touched: builds are in a worktree of their own."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock

from harness.bisect.builds import FROM_GIT, Builds
from harness.bisect.order import Graph, Line, Order
from harness.bisect.source import TITLE, Image
from harness.console.safe import safe
from harness.errors import LabError, UsageError

_NO_CODE = ("*.md", "*.rst", "*.txt", "doc/*", "docs/*", "*/doc/*", "*/docs/*", "LICENSE*", ".git*", "*/.git*")


@dataclass(frozen=True, slots=True)
class Weight:
    """Commits that touch paths like `pattern` are `factor` times as likely to be the culprit."""

    pattern: str
    factor: float

    @classmethod
    def parse(cls, text: str) -> Weight:
        """From `PATTERN=FACTOR`.

        :raises UsageError: if it is anything else.
        """
        pattern, _, number = text.rpartition("=")
        try:
            factor = float(number)
        except ValueError:
            factor = math.nan
        if not pattern or not 0 < factor < math.inf:
            raise UsageError(f"--weight {text}: should be PATTERN=FACTOR", "for example --weight 'mm/*=5'")
        return cls(pattern, factor)


class Git:
    """Runs git on one repository: the folder's, whatever a hook that called us is about. None of its hooks is run."""

    def __init__(self, folder: Path) -> None:
        """:raises UsageError: if *folder* is in no repository, or there is no git."""
        self.folder = folder
        self.top = Path(self("rev-parse", "--show-toplevel", wrong=f"{folder} is in no git repository").strip())

    def __call__(self, *words: str, wrong: str = "") -> str:
        """The output of `git WORDS`.

        :raises UsageError: with *wrong*, if it fails; LabError if no *wrong* is given.
        """
        environment = {name: value for name, value in os.environ.items() if name not in FROM_GIT}
        command = ["git", "-C", str(self.folder), "-c", f"core.hooksPath={os.devnull}", *words]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
        except FileNotFoundError:
            raise UsageError("there is no git on this host", "apt-get install git") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            if wrong:
                raise UsageError(wrong, said)
            verb = words[2] if words[0] == "-C" else words[0]
            raise LabError(f"git {verb} failed: {said}")
        return done.stdout.decode("utf-8", "replace")  # not as text: a carriage return in a subject ends no line


class History:
    """The commits from *good* to *bad*, built by *builds* in *worktree*, or one like it for each slot, when asked for.

    :param first_parent: follow the first parents only: a merge is one step.
    :param weights: beside these, commits that touch nothing but documentation are a tenth as likely.
    :param clean: remove what git ignores too before each build, so that none builds on the one before.
    """

    def __init__(
        self, git: Git, good: str, bad: str, *, builds: Builds, worktree: Path, first_parent: bool = False,
        weights: Sequence[Weight] = (), clean: bool = False,
    ) -> None:  # fmt: skip
        """:raises UsageError: for a revision that is none, or a good one that is no ancestor of the bad one."""
        self._git, self._builds, self._worktree, self._clean = git, builds, worktree, clean
        self.first_parent = first_parent
        self._adding = Lock()
        self._building: defaultdict[str, Lock] = defaultdict(Lock)
        first, last = (self._commit(rev) for rev in (good, bad))
        words = ["rev-list", "--reverse", "--topo-order", "--parents", *(["--first-parent"] if first_parent else [])]
        listed = [line.split() for line in git(*words, last, f"^{first}").splitlines()]
        base = git("merge-base", first, last, wrong=f"{good} and {bad} have no history in common").strip()
        if base != first or not listed:
            hint = f"give --good {base[:12]}, where their histories part" if base != first else "the two are one commit"
            raise UsageError(f"{good} is no ancestor of {bad}", hint)
        self.commits = [first, *(words[0] for words in listed)]
        number = {commit: index for index, commit in enumerate(self.commits)}
        parents = [[number.get(parent, 0) for parent in words[1:]] for words in listed]
        if first_parent:
            parents = [above[:1] for above in parents]
        line = all(above == [index] for index, above in enumerate(parents))
        self.order: Order = Line(len(parents)) if line else Graph(parents)
        self.names = self.commits
        told = self._told()
        self.trees = [tree for _, tree, _ in told]
        self.titles = [f"{short} {safe(subject, TITLE)}" for short, _, subject in told]
        touched = self._touched(first_parent=first_parent)
        self.prior = [_weight(touched.get(commit), weights) for commit in self.commits[1:]]

    def image(self, number: int, slot: int = 0) -> Image:
        tree, commit = self.trees[number], self.commits[number]
        with self._building[tree]:  # two slots that want the same tree: one builds it
            known = self._builds.known(tree)
            if known is not None:
                return known
            worktree = self._worktree if not slot else self._worktree.with_name(f"{self._worktree.name}-{slot}")
            self._check_out(commit, worktree)
            return self._builds.build(worktree, tree, commit)

    def stop(self) -> None:
        self._builds.stop()

    def describe(self) -> dict[str, object]:
        return {"repository": str(self._git.top), "commits": self.commits}

    def close(self) -> None:
        """Remove the worktrees."""
        for worktree in (self._worktree, *self._worktree.parent.glob(f"{self._worktree.name}-*")):
            self._remove(worktree)

    def _remove(self, worktree: Path) -> None:
        """Remove a worktree, or what an interruption left of one."""
        if worktree.exists():
            with suppress(LabError):
                self._git("worktree", "remove", "--force", "--force", str(worktree))
            shutil.rmtree(worktree, ignore_errors=True)
            self._git("worktree", "prune")

    def _commit(self, rev: str) -> str:
        """:raises UsageError: if *rev* is none."""
        wrong = f"there is no commit {rev!r} in {self._git.top}"
        return self._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", wrong=wrong
        ).strip()

    def _check_out(self, commit: str, worktree: Path) -> None:
        if (worktree / ".git").exists():
            with suppress(LabError):  # what an interruption left of it may be locked or half: it is made anew
                self._switch(commit, worktree)
                return
        with self._adding:
            self._remove(worktree)
            worktree.parent.mkdir(parents=True, exist_ok=True)
            self._git("worktree", "prune")  # one that was deleted by hand would be in the way
            self._git("worktree", "add", "--detach", "--force", "--quiet", str(worktree), commit)
        self._switch(commit, worktree)

    def _switch(self, commit: str, worktree: Path) -> None:
        inside = ("-C", str(worktree))
        self._git(*inside, "checkout", "--force", "--quiet", "--detach", commit)
        self._git(*inside, "clean", "-ffdqx" if self._clean else "-ffdq")

    def _told(self) -> list[tuple[str, str, str]]:
        """Short hash, tree and subject of each commit."""
        found = {}
        first, last = self.commits[0], self.commits[-1]
        for words in (["--no-walk", first], [last, f"^{first}"]):
            text = self._git("log", "--no-show-signature", "--format=%H%x00%h%x00%T%x00%s", *words)
            for line in text.rstrip("\n").split("\n"):  # a subject may hold what else counts as the end of a line
                commit, short, tree, subject = line.split("\0", 3)
                found[commit] = short, tree, subject
        return [found[commit] for commit in self.commits]

    def _touched(self, *, first_parent: bool) -> dict[str, list[str]]:
        """The paths that each commit touches; a merge, where its line is followed, all that it brings."""
        words = ["log", "--no-show-signature", "--name-only", "--format=%x01%H", "--no-renames", "-z"]
        words += ["--first-parent", "-m"] if first_parent else []
        text = self._git(*words, self.commits[-1], f"^{self.commits[0]}")
        found = {}
        for part in text.split("\x01")[1:]:
            commit, *paths = (word.strip("\n") for word in part.split("\0"))
            found[commit] = [path for path in paths if path]
        return found


def _weight(paths: Sequence[str] | None, weights: Sequence[Weight]) -> float:
    """How likely a commit that touches *paths* is the culprit, against others; merges touch none that git tells."""
    if not paths:
        return 1.0
    weight = 0.1 if all(any(fnmatch(path, pattern) for pattern in _NO_CODE) for path in paths) else 1.0
    for item in weights:
        if any(fnmatch(path, item.pattern) for path in paths):
            weight *= item.factor
    return weight
