"""The private directory of a run: sockets, copies, console files. Gone when the run ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import LabError

_PREFIX = "run-"


class RunDirectory:
    """A directory of mode 0700, on tmpfs where there is one, held by a lock for as long as this process lives.

    `remove` takes it away. What a killed process left behind loses its lock with the process, and is taken away when
    the next run begins; a lock, and not a process id, because containers that share the tmpfs do not share ids.

    :raises LabError: if no directory can be made, or the one to use belongs to somebody else.
    """

    def __init__(self, base: Path | None = None) -> None:
        parent = _base() if base is None else base
        try:
            parent.mkdir(mode=0o700, exist_ok=True)
            _check_owned(parent)
            with _locked(parent):  # so that nobody sees a new directory between its making and its lock
                _sweep(parent)
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
                lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._remove = weakref.finalize(self, _remove, self.path, lock)  # at the latest when Python ends
        except OSError as error:
            raise LabError(f"cannot make a run directory in {parent}: {error.strerror}") from error

    def remove(self) -> None:
        """Take the directory away with all that is in it. Calling it twice is fine."""
        self._remove()


def sweep() -> None:
    """Remove what killed processes have left behind. A run's own directory sees to it too when it is made."""
    parent = _base()
    with suppress(OSError), _locked(parent):
        _sweep(parent)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def _base() -> Path:
    for candidate in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - made 0700 and checked for its owner
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate) / f"rayos-harness-{os.getuid()}"
    return Path(tempfile.gettempdir()) / f"rayos-harness-{os.getuid()}"


def _check_owned(path: Path) -> None:
    """The parent lies where everybody may write: somebody else could have made it first, or put a link there."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LabError(f"{path} is not a private directory of this user", "remove it, or set XDG_RUNTIME_DIR")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    """Remove the directories of dead runs: those that nobody holds a lock on."""
    for path in parent.glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
