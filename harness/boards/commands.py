"""The user's commands for a board: power, deployment, capture. Lists of words; what they said goes to the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from harness.console.safe import safe
from harness.errors import LabError
from harness.evidence.journal import Journal
from harness.targets.process import ChildProcess
from harness.timeouts import host

_KEPT = 4000  # characters of output that the journal keeps


async def run_command(journal: Journal | None, kind: str, command: Sequence[str], timeout: float, what: str) -> None:
    """Run *command* to its end.

    Writes *kind* {what, argv} before and `board.done` {of, what, code, seconds, output} after it.

    :param kind: `power`, `deploy` or `capture`.
    :param timeout: seconds, before the slowdown factor.
    :raises LabError: if it cannot be started, fails, or does not end in time.
    """
    if journal is not None:
        journal.append(kind, what=what, argv=list(command))
    began = time.monotonic()
    child = ChildProcess.spawn(command)
    code: int | None = None
    try:
        async with asyncio.timeout(host(timeout)):
            code = await child.wait()
    except TimeoutError as error:
        raise LabError(f"the {kind} command {command[0]} ({what}) did not end within {timeout:g} s") from error
    finally:
        await child.end()
        if journal is not None:
            seconds = round(time.monotonic() - began, 3)
            output = safe(child.output, _KEPT, newlines=True)
            journal.append("board.done", of=kind, what=what, code=code, seconds=seconds, output=output)
    if code != 0:
        said = safe(child.output, 2000, newlines=True) or "it said nothing"
        raise LabError(f"the {kind} command {command[0]} ({what}) failed with status {code}: {said}")
