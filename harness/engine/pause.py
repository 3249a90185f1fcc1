"""`--pause-on-fail`: leaves the guest stopped, prints where a person can reach it, and waits for Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import click

from harness.engine.context import Context
from harness.errors import LabError
from harness.judge.verdict import RunVerdict
from harness.report.summary import first_cause
from harness.timeouts import TIMEOUTS


async def hold(ctx: Context, verdict: RunVerdict) -> None:
    """Stop the guest's CPUs where that can be done, print the addresses, wait for SIGINT or SIGTERM."""
    state = "The guest cannot be stopped here, and goes on; its console is still recorded:"
    if ctx.target.qmp is not None:
        state = "QEMU does not answer; the guest is left as it is:"
        with suppress(LabError):
            await ctx.qmp.execute("stop", TIMEOUTS.postmortem)
            state = "The guest is left stopped:"
            debugger = getattr(ctx.target, "debugger", None)
            if debugger is not None:  # the gdbstub serves one client: now the person
                await debugger.disarm(go=False)
    lines = [f"{verdict.verdict}: {first_cause(verdict)}", state]
    lines += [f"  {name:<9} {address}" for name, address in ctx.target.addresses().items()]
    lines += [f"  evidence  {ctx.bundle.path}", "Ctrl-C ends it."]
    for line in lines:
        click.echo(line, err=True)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    await done.wait()
