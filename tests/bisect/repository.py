"""A git repository that tests make."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.bisect.builds import Builds
from harness.bisect.git import Git, History

BUILD = 'cat source.txt > "$HARNESS_OUTPUT"; echo "built $HARNESS_COMMIT"; test ! -e broken'


class Repository:
    """A git repository to commit to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Someone")
        self.git("config", "user.email", "s@example.org")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | None], subject: str = "change") -> str:
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def history(self, good: str, bad: str = "main", **options: object) -> History:
        place = self.folder.parent / "search"
        builds = Builds(
            place / "builds", str(options.pop("build", BUILD)), options.pop("output", None),  # type: ignore[arg-type]
            float(str(options.pop("timeout", 60))),
        )  # fmt: skip
        return History(Git(self.folder), good, bad, builds=builds, worktree=place / "worktree", **options)  # type: ignore[arg-type]
