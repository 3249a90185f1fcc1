"""Runs an image's build command and says what came of it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import UsageError
from harness.targets.needs import Readiness, built_files, status
from harness.targets.profile import Profile


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One result of a build. `sha256` is hex."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Built:
    """A finished build; `ran` is False where another process had just made everything fresh."""

    ran: bool
    seconds: float
    files: tuple[BuiltFile, ...]


def build(profile: Profile, *, force: bool = True, how: Literal["command", "locked", "update"] = "command") -> Built:
    """Run the profile's build command in its folder, without a shell, with its output on our stderr.

    One build of an image runs at a time on a host; a second one waits.

    :param how: which of its commands: the usual one, or one of those that go by a lock file.
    :param force: also run it if everything is fresh once it is our turn.
    :raises UsageError: if there is no command, it cannot be started, it fails, or does not make what the profile names.
    """
    if not profile.build.command:
        raise UsageError(f"the image {profile.name} has no build command", "give [build] command in its profile")
    command: tuple[str, ...] = getattr(profile.build, how)
    if not command:
        raise UsageError(f"the image {profile.name} has no lock file", f"say how it is built by one: [build] {how}")
    started = time.monotonic()
    with _alone(profile.folder):
        ran = force or status(profile).readiness is not Readiness.READY
        if ran:
            _run(profile, command)
        absent = [file for file in built_files(profile) if not file.path.exists()]
        if absent:
            raise UsageError(f"the build of {profile.name} succeeded, but there is still no {absent[0].path}")
        files = tuple(digest for file in built_files(profile) for digest in _digests(file.path))
    return Built(ran, time.monotonic() - started, files)


def _run(profile: Profile, command: tuple[str, ...]) -> None:
    sys.stderr.flush()
    try:
        done = subprocess.run(command, cwd=profile.folder, stdin=subprocess.DEVNULL, stdout=2, check=False)  # 2: stderr
    except OSError as error:
        raise UsageError(
            f"cannot build {profile.name}: {command[0]}: {error.strerror}", f"its build command is: {' '.join(command)}"
        ) from error
    if done.returncode != 0:
        how = f"exit code {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise UsageError(f"the build of {profile.name} failed ({how}): {' '.join(command)}, in {profile.folder}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself: it needs no file, and no permission to write."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digests(path: Path) -> Iterator[BuiltFile]:
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        yield BuiltFile(file, file.stat().st_size, digest)
