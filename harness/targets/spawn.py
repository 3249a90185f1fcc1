"""Starting a process that cannot outlive the harness and whose output is kept. Needs no event loop.

A `preexec_fn` could ask for the death signal too, but it runs Python between fork and exec, which may deadlock where
there are threads, and it forks the slow way: 2.7 ms a spawn against 1.6 ms through setpriv and sh (0.6 ms bare).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.errors import LabError, UsageError

# The parent may have died before the death signal was asked for; it would then never come. sh learns its parent's id
# at its start, after that, so an id other than ours means that we are gone.
_GUARD = '[ "$PPID" = "$0" ] || exit 125; exec "$@"'


class Spawned(NamedTuple):
    """A started process; *output* is the read end of the pipe that its stdout and stderr go to."""

    popen: subprocess.Popen[bytes]
    argv: tuple[str, ...]
    output: int


def dying_with_us() -> list[str]:
    """Words before a command: it gets SIGKILL when the thread that starts it ends, however that comes."""
    return ["setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _GUARD, str(os.getpid())]


def spawn(argv: Sequence[str], *, pass_fds: Sequence[int] = (), env: Mapping[str, str] | None = None) -> Spawned:
    """Start *argv* in a process group of its own, with no standard input.

    :param env: additions to the environment.
    :raises UsageError: if there is no such program.
    :raises LabError: if the host cannot start it.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise UsageError(f"there is no program {argv[0]!r} on this host", "`harness doctor` lists what is missing")
    ours, theirs = os.pipe()
    try:
        popen = subprocess.Popen(
            [*dying_with_us(), program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            pass_fds=pass_fds,
            process_group=0,
            env={**os.environ, **env} if env else None,
        )
    except OSError as error:
        os.close(ours)
        raise LabError(f"cannot start {argv[0]}: {error}", "setpriv (util-linux) and /bin/sh are needed") from error
    finally:
        os.close(theirs)
    return Spawned(popen, (program, *argv[1:]), ours)
