"""What is kept of a machine that died or hangs, beyond the samples of the post mortem: its stack, and its memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from harness.errors import LabError
from harness.evidence.bundle import Bundle
from harness.qmp.session import QmpSession
from harness.targets.machine_state import capture
from harness.timeouts import TIMEOUTS, host

MEMORY = "memory.elf"
"""Name of the memory dump in a bundle."""


async def keep_machine(session: QmpSession, cpu: int, bundle: Bundle, *, dump: bool) -> None:
    """Write the event `machine`, and the memory if *dump* asks for it. The verdict stands already: nothing of this
    changes it, what cannot be had is missing or, where it was asked for, told in a note.
    """
    journal = session.journal
    with suppress(LabError, TimeoutError):
        async with asyncio.timeout(host(TIMEOUTS.postmortem)):
            journal.append("machine", **await capture(session, cpu))
    if not dump:
        return
    from harness.targets.memory_dump import dump_memory

    try:
        size = await dump_memory(session, bundle.path / MEMORY)
    except LabError as error:
        journal.append("note", text=f"{error.what}. {error.hint}".strip())
    else:
        journal.append("memory.dump", file=MEMORY, size=size)
