"""One owner of a port: an advisory lock on its name that says who the holder is, and the lock files of other programs.

The device behind the name is locked by whoever opens it (`harness.console.serial_port`). The two are apart because a
device that was unplugged leaves its name under /dev to the next one, while its board is still somebody's.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from harness.errors import LabError
from harness.targets.process import proc_state

_WHOLE_FILE = struct.pack("@hhqqiI", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0, 0)  # struct flock; the last word is padding
_UUCP = Path("/var/lock")  # where minicom, cu and others put LCK..NAME with their process id


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a port."""

    pid: int
    what: str  # its command line, or what it said of itself
    since: str = ""  # UTC

    def __str__(self) -> str:
        return f"process {self.pid} ({self.what})" + (f" since {self.since}" if self.since else "")


class PortLock:
    """An exclusive lock on a port, held until `release` or the death of the process.

    `stale` is the holder that died without releasing it, if there was one: its lock fell, its name stayed.
    """

    def __init__(self, descriptor: int, stale: Holder | None) -> None:
        self.stale = stale
        self._descriptor = descriptor

    @classmethod
    def take(cls, url: str, what: str) -> Self:
        """Take the lock on the port behind *url*, at once or not at all.

        :param what: what the holder is to be known by.
        :raises LabError: naming the holder, if another has it.
        """
        other = _uucp_holder(url)
        if other is not None:
            raise LabError(f"the port {url} is in use by {other}", "end that program, or take another port")
        path = lock_file(url)
        try:
            descriptor = _opened(path)
        except OSError as error:
            raise LabError(
                f"the lock {path} cannot be opened: {error.strerror}", "who owns it and its folder?"
            ) from error
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
        except BlockingIOError:
            holder = _told(descriptor)
            os.close(descriptor)
            who = str(holder) if holder is not None else "a program that did not say who it is"
            raise LabError(f"the port {url} is in use by {who}", "wait for it, or take another board") from None
        stale = _told(descriptor)
        now = Holder(os.getpid(), what, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(now)).encode(), 0)
        return cls(descriptor, stale)

    def release(self) -> None:
        """Give it back; calling it twice is fine."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)  # the file stays: to remove it would let two hold locks of one name
            os.close(self._descriptor)
            self._descriptor = -1


def holder_of(url: str) -> Holder | None:
    """Who has the port behind *url* now, as far as it can be known; None if nobody has."""
    other = _uucp_holder(url) or _opener(url)
    try:
        descriptor = os.open(lock_file(url), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return other
    try:  # only asked for: a lock that is taken to look would refuse whoever starts a run in that moment
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE_FILE)
        free = struct.unpack_from("h", found)[0] == fcntl.F_UNLCK
        return other if free else _told(descriptor) or other
    finally:
        os.close(descriptor)


def lock_file(url: str) -> Path:
    """Where the lock of a port of this name is."""
    key = url if "://" in url else str(Path(url).absolute())
    return Path(tempfile.gettempdir()) / "harness-ports" / f"{sha256(key.encode()).hexdigest()[:24]}.lock"


def command_line() -> str:
    """What this process was called with, for a lock."""
    return " ".join(["harness", *sys.argv[1:]])[:200]


def _opened(path: Path) -> int:
    """The lock file, open; made, for everybody, if there is none. Several users share a lab host."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        path.parent.chmod(0o1777)  # like /tmp
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        os.fchmod(descriptor, 0o666)
        return descriptor
    # Without O_CREAT: with it the kernel refuses a file of somebody else's in such a folder (fs.protected_regular).
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _told(descriptor: int) -> Holder | None:
    try:
        data = json.loads(os.pread(descriptor, 4096, 0) or b"null")
        return Holder(int(data["pid"]), str(data["what"]), str(data["since"])) if data else None
    except (ValueError, KeyError, TypeError):
        return None


def _uucp_holder(url: str) -> Holder | None:
    """The process that a lock file of the old convention names, if it lives."""
    if "://" in url:
        return None
    try:
        pid = int((_UUCP / f"LCK..{Path(os.path.realpath(url)).name}").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return Holder(pid, _name(pid)) if pid != os.getpid() and proc_state(pid) not in {"", "Z"} else None


def _opener(url: str) -> Holder | None:
    """A process of this user's that has the device open."""
    if "://" in url:
        return None
    device = os.path.realpath(url)
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(str(entry.readlink()) == device for entry in folder.iterdir()):
                pid = int(folder.parent.name)
                return Holder(pid, _name(pid))
    return None


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()[:200]
    return "unknown"
