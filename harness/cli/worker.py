"""A worker process of `harness run --jobs N`: plays the runs that come in over a socket, writes their pages, answers.

SIGTERM or SIGINT interrupts the run under way, and no other is begun.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import traceback

from harness.campaign.batch import play, request
from harness.campaign.pool import Job, receive, send
from harness.engine.interrupts import interruptions
from harness.engine.run import RunOutcome
from harness.errors import HarnessError, UsageError
from harness.report.pages import write_pages


def main(descriptor: int) -> None:
    """Serve the socket *descriptor* until its other end is closed."""
    gc.set_threshold(50_000, 20, 20)  # see harness.cli.main
    asyncio.run(_serve(socket.socket(fileno=descriptor)))


async def _serve(connection: socket.socket) -> None:
    over = asyncio.Event()
    with interruptions(lambda _: over.set()):
        reader, writer = await asyncio.open_connection(sock=connection)
        ended = asyncio.create_task(over.wait())
        while True:
            coming = asyncio.create_task(receive(reader))
            await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            if over.is_set() or isinstance(coming.exception(), asyncio.IncompleteReadError | ConnectionError):
                break
            answer, outcome = await _played(coming.result())
            await send(writer, answer)
            if outcome is not None:
                await send(writer, ("pages", [] if over.is_set() else write_pages(outcome)))
        coming.cancel()
        ended.cancel()
        writer.close()


async def _played(job: Job) -> tuple[tuple[object, ...], RunOutcome | None]:
    """The message about a run, and its outcome if it has one."""
    try:
        outcome = await play(request(job.planned, job.options, job.bundle))
    except HarnessError as error:
        return ("usage" if isinstance(error, UsageError) else "lab", error.what, error.hint), None
    except Exception:  # a defect of ours: its story is told where people look
        return ("defect", traceback.format_exc()), None
    return ("played", outcome), outcome
