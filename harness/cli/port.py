"""`harness port`: what a serial port does to the bytes that pass it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option
from harness.verdicts import EXIT_PASS, EXIT_PRODUCT

if TYPE_CHECKING:
    from harness.boards.qualify import Progress, Qualification


@click.group("port")
def command() -> None:
    """Serial ports."""


@command.command("qualify")
@click.argument("url")
@click.option("--baud", type=click.IntRange(1), default=115200, show_default=True, help="Bits a second, 8N1.")
@click.option(
    "--flow", type=click.Choice(["none", "rtscts", "xonxoff"]), default="none", show_default=True, help="Flow control."
)
@click.option("--bytes", "size", type=click.IntRange(64, 1 << 28), default=65536, show_default=True, help="To send.")
@click.option("--echo", is_flag=True, help="The other end is no loop-back but echoes lines: a shell, a boot loader.")
@click.option("--no-pacing", is_flag=True, help="Do not look for a slower rate that is safe.")
@json_option
def qualify(url: str, baud: int, flow: Any, size: int, echo: bool, no_pacing: bool, as_json: bool) -> int:
    """Measure loss, corruption, duplication and reordering of the port behind URL, and how fast it may be fed.

    Its TX and RX are connected (a loop-back), or with --echo whatever is there sends back what it gets. Exit codes: 0
    all came back as it was sent, 1 not so, 2 usage, 3 nothing came back or the port cannot be opened.

    \b
    Examples:
      harness port qualify loop:// --bytes 4096
      harness port qualify loop:// --bytes 4096 --json
    """
    with _Bar(enabled=not as_json) as bar:
        found = asyncio.run(_qualify(url, baud, flow, size, echo, not no_pacing, bar.show))
    if as_json:
        emit(_document(url, found))
    else:
        for line in _lines(url, found):
            say(line)
    return EXIT_PASS if found.clean else EXIT_PRODUCT


async def _qualify(
    url: str, baud: int, flow: Any, size: int, echo: bool, pace: bool, progress: Progress
) -> Qualification:
    from harness.boards.lock import PortLock, command_line
    from harness.boards.qualify import Qualifier
    from harness.console.serial_port import SerialPort

    lock = PortLock.take(url, command_line()) if url != "loop://" else None
    port = SerialPort(url, baud=baud, flow=flow)
    try:
        await port.open()
        return await Qualifier(port, echo=echo, progress=progress).measure(size, pace=pace)
    finally:
        await port.close()
        if lock is not None:
            lock.release()


class _Bar:
    """How far it is, on a terminal."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bar:
        from harness.cli.paint import on_terminal

        if self._enabled and on_terminal():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, what: str, share: float) -> None:
        if self._bar is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=1.0)
        self._bar.update(self._tasks[what], completed=share)


def _document(url: str, found: Qualification) -> dict[str, Any]:
    one = found.tally
    return {
        "url": url,
        "clean": found.clean,
        "exit_code": EXIT_PASS if found.clean else EXIT_PRODUCT,
        "sent": one.sent,
        "received": one.received,
        "records": one.records,
        "whole": one.whole,
        "seconds": round(found.seconds, 3),
        "rates": {name: rate.to_json() for name, rate in one.rates().items()},
        "safe_rate": found.safe_rate,
        "pacing": found.pacing,
    }


def _lines(url: str, found: Qualification) -> list[str]:
    one = found.tally
    word = "clean" if found.clean else "NOT CLEAN"
    lines = [f"{word}  {url}  ({one.sent} bytes in {found.seconds:.2f} s, {one.whole} of {one.records} records whole)"]
    for name, rate in one.rates().items():
        low, high = rate.interval
        lines.append(f"  {name:<17}{rate.count:>8}   {rate.rate:.4%}   (95 %: {low:.4%} to {high:.4%})")
    if found.clean:
        lines.append(f"  safe rate        {found.safe_rate:.0f} bytes/s, without pacing")
    elif found.safe_rate is not None:
        lines.append(f"  safe rate        {found.safe_rate:.0f} bytes/s: pacing = {found.pacing:g} in the board's file")
    else:
        lines.append("  safe rate        none was found: the loss does not come from the rate")
    return lines
