"""`harness console`: talk to an image on its serial console."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.cli.common import emit, say
from harness.cli.options import accel_option, json_option

if TYPE_CHECKING:
    from harness.targets.argv import Launch
    from harness.targets.base import TargetExit
    from harness.targets.profile import Profile
    from harness.targets.qemu import QemuTarget

_ESCAPE = 0x1D  # Ctrl-], as in telnet and virsh console


@click.command("console")
@click.argument("image")
@click.option(
    "--vnc", is_flag=True, help="Also offer the screen over VNC on a free loopback port; the address is printed."
)
@click.option("--gdb", is_flag=True, help="Also offer a gdbstub on a private socket; the address is printed.")
@accel_option
@json_option
def command(image: str, vnc: bool, gdb: bool, accel: Literal["tcg", "auto", "kvm"], as_json: bool) -> int:
    """Boot IMAGE in the wall clock and connect this terminal to its serial console. Ctrl-] ends it.

    What the guest prints reaches the terminal as it is, escape sequences included, as on any serial terminal; with
    --json it goes to stderr. Without a terminal on stdin the input is sent as it comes, and the guest runs until it
    leaves by itself or a signal ends it.

    \b
    Examples:
      harness console debian-linux
      harness console reference --vnc
    """
    from harness.targets.argv import Launch
    from harness.targets.loader import find_image

    ended = asyncio.run(
        _talk(find_image(image), Launch(clock="wall", accel=accel, keep=False, vnc=vnc, gdb=gdb), 2 if as_json else 1)
    )
    if as_json:
        emit({"returncode": ended.returncode, "asked": ended.asked, "shutdown_reason": ended.shutdown_reason})
    return 0


async def _talk(profile: Profile, launch: Launch, output: int) -> TargetExit:
    from harness.evidence.journal import Journal
    from harness.targets.qemu import QemuTarget

    target = QemuTarget(profile, launch)
    loop = asyncio.get_running_loop()
    stdin, on_terminal = sys.stdin.fileno(), sys.stdin.isatty()
    done = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="harness-console-") as folder:
        journal = Journal(Path(folder) / "journal.jsonl")
        try:
            await target.start(journal)
            for name, address in target.addresses().items():
                say(f"{name}: {address}")
            if on_terminal:
                say("Ctrl-] ends it")
            with _raw(stdin) if on_terminal else nullcontext():
                tasks = [
                    asyncio.create_task(_show(target, output)),
                    asyncio.create_task(_type(target, stdin, done, escape=on_terminal)),
                    asyncio.create_task(done.wait()),
                ]
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(number, done.set)
                await target.go()
                await asyncio.wait((tasks[0], tasks[2]), return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            ended = await target.stop()
            journal.close()
    say()
    return ended


async def _show(target: QemuTarget, output: int) -> None:
    """What the guest prints, to the file descriptor *output*, until it is gone."""
    while data := await target.console.read():
        while data:
            data = data[os.write(output, data) :]


async def _type(target: QemuTarget, stdin: int, done: asyncio.Event, *, escape: bool) -> None:
    """What is typed, to the guest. Standard input that cannot be waited for (a plain file) is sent at once."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def take() -> None:
        data = os.read(stdin, 4096)
        if not data or (escape and _ESCAPE in data):
            loop.remove_reader(stdin)
            if escape:
                done.set()
        else:
            arrived.put_nowait(data)

    try:
        loop.add_reader(stdin, take)
    except PermissionError:  # epoll takes no plain files
        arrived.put_nowait(sys.stdin.buffer.read(1 << 20))
    try:
        while True:
            await target.console.write(await arrived.get())
    finally:
        loop.remove_reader(stdin)


@contextmanager
def _raw(stdin: int) -> Iterator[None]:
    """The terminal in raw mode: every key goes to the guest, Ctrl-C too."""
    before = termios.tcgetattr(stdin)
    tty.setraw(stdin)
    try:
        yield
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
