"""A target that is started, with its console and its control link read, for tests that talk to it by themselves."""

import asyncio
from contextlib import asynccontextmanager, suppress

from harness.clients.control import ControlLink
from harness.console.pump import Console
from harness.evidence.journal import Journal


@asynccontextmanager
async def wired(target, folder):
    """`(journal, console, link)` of *target*, which is paused yet. It is stopped at the end, whatever happens."""
    journal = Journal(folder / "journal.jsonl")
    tasks = []
    try:
        await target.start(journal)
        console = Console(target.console, journal, folder / "serial.bin")
        link = ControlLink(target.control, journal)
        tasks = [asyncio.create_task(console.run()), asyncio.create_task(link.run())]
        yield journal, console, link
        console.close()
    finally:
        await target.stop()
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        journal.close()
