"""Runs a user's build command on one commit, in a worktree of its own, and keeps what came of it by tree.

The command is the user's own line of shell. It learns of its commit by `HARNESS_COMMIT`, and may write the image to the
file that `HARNESS_OUTPUT` names; or it makes the file that `--output` names in the worktree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.bisect.source import Image
from harness.errors import UsageError
from harness.evidence.bundle import sha256_file
from harness.targets.spawn import dying_with_us
from harness.timeouts import host

# What git sets for its hooks and aliases: a build is to find the repository that its worktree belongs to.
FROM_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


class Builds:
    """Builds in *folder*, one folder each.

    :param output: the image that the command makes, relative to the worktree; None: it writes to `HARNESS_OUTPUT`.
    :param timeout: host seconds for one build.
    """

    def __init__(self, folder: Path, command: str, output: Path | None, timeout: float) -> None:
        """:raises UsageError: for an output outside of the worktree, where a build could touch what is the user's."""
        if output is not None and (output.is_absolute() or ".." in output.parts):
            raise UsageError(
                f"--output {output} is not in the worktree", "name it relative to the top of the repository"
            )
        self._folder = folder
        self._command = command
        self._output = output
        self._timeout = timeout
        self._running: set[int] = set()  # process groups
        self._stopped = False
        self._whole: set[Path] = set()  # images that are as they were made

    def stop(self) -> None:
        """End every build that is under way, as one that failed this time, and begin no more; from any thread."""
        self._stopped = True
        for group in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def known(self, tree: str) -> Image | None:
        """What an earlier build of *tree* with the same command came to; a build that timed out is tried again."""
        place = self._place(tree)
        try:
            made = json.loads((place / "build.json").read_text())
        except (OSError, ValueError):
            return None
        if made["reason"]:
            return Image(None, reason=made["reason"], log=place / "build.log")
        file = place / "image"
        if place not in self._whole:  # a host that lost its power may have torn it
            if not file.is_file() or _is_link(file) or sha256_file(file) != made["digest"]:
                return None
            self._whole.add(place)
        return Image(file, made["digest"], log=place / "build.log")

    def build(self, worktree: Path, tree: str, commit: str) -> Image:
        """Build what is checked out in *worktree*."""
        place = self._place(tree)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        image, log = place / "image", place / "build.log"
        made = image if self._output is None else worktree / self._output
        if made.is_file() or made.is_symlink():
            made.unlink()  # what the commit before left is not this one's
        began = time.monotonic()
        environment = {**os.environ, "HARNESS_COMMIT": commit, "HARNESS_OUTPUT": str(image)}
        for name in (*FROM_GIT, "MAKEFLAGS", "MAKELEVEL"):
            environment.pop(name, None)
        reason, for_good = self._run(worktree, environment, log)
        if not reason and not made.is_file():
            for_good, reason = True, f"the build succeeded but made no {self._output or '$HARNESS_OUTPUT'}"
        if reason:
            if for_good:
                self._keep(place, {"reason": reason, "seconds": time.monotonic() - began})
            return Image(None, reason=reason, log=log)
        if made != image or _is_link(image):  # what it links to will be another commit's
            copy = place / "image.tmp"
            shutil.copyfile(made, copy)
            copy.replace(image)
        digest = sha256_file(image)
        self._keep(place, {"reason": "", "digest": digest, "seconds": time.monotonic() - began, "commit": commit})
        self._whole.add(place)
        return Image(image, digest, log=log)

    def _run(self, worktree: Path, environment: Mapping[str, str], log: Path) -> tuple[str, bool]:
        """Why the build failed, "" if it did not; whether it would again."""
        with log.open("wb") as output:
            child = subprocess.Popen(
                [*dying_with_us(), "/bin/sh", "-c", self._command],
                cwd=worktree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
            self._running.add(child.pid)
            if self._stopped:
                self.stop()
            try:
                code = child.wait(host(self._timeout))
            except subprocess.TimeoutExpired:
                return f"the build ran out of time ({self._timeout:g} s)", False
            finally:  # also what it left running in the background
                self._running.discard(child.pid)
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if code:
            return f"the build failed ({f'exit code {code}' if code > 0 else f'signal {-code}'})", code > 0
        return "", True

    def _place(self, tree: str) -> Path:
        what = f"{tree}\0{self._command}\0{self._output or ''}"
        return self._folder / hashlib.sha256(what.encode()).hexdigest()[:32]

    @staticmethod
    def _keep(place: Path, made: Mapping[str, object]) -> None:
        temporary = place / "build.tmp"
        temporary.write_text(json.dumps(made))
        temporary.replace(place / "build.json")  # the last thing: a build that was torn is none


def _is_link(file: Path) -> bool:
    """Whether *file* has its bytes in common with another name."""
    return file.is_symlink() or file.stat().st_nlink > 1
