"""One life of a QEMU: its process was started paused, QMP is negotiated, its ports are taken over."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.console.safe import safe
from harness.console.socket_port import SocketPort
from harness.errors import HarnessError, LabError, UsageError
from harness.qmp.session import QmpSession
from harness.targets.birth import Birth
from harness.targets.ports import FilePair
from harness.targets.process import ChildProcess, Tail
from harness.timeouts import TIMEOUTS, host

# What the host could not do, although the caller asked rightly.
_HOST_FAULT = re.compile(
    r"Cannot allocate memory|No space left|Too many open files|Resource temporarily unavailable|KVM"
    r"|Failed to get \"\w+\" lock|Address already in use|Input/output error"
)


class StartupError(UsageError):
    """QEMU ended before its machine was ready: it refused an option or could not read an image."""

    def __init__(self, command: list[str], returncode: int, stderr: str) -> None:
        # "Use -machine help …" may follow the complaint, and warnings may stand before it.
        lines = [line for line in stderr.splitlines() if ": warning: " not in line]
        complaint = next((line for line in lines if line.startswith("qemu-system")), "".join(lines[-1:]))
        said = f"QEMU refused to start (status {returncode}): {complaint or 'it said nothing'}"
        super().__init__(said, f"the command was: {shlex.join(command)}")
        self.command = command
        self.returncode = returncode
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Life:
    """A started QEMU, paused before the guest's first instruction."""

    argv: list[str]
    child: ChildProcess
    console: SocketPort | FilePair
    control: SocketPort | None
    proof: SocketPort | None
    log: Tail | None
    vcpus: tuple[int, ...] = ()  # thread ids, in order of the CPUs

    def stderr(self) -> str:
        """The last that QEMU said on stdout or stderr."""
        return safe(self.child.output, 4096, newlines=True)

    def triple_fault(self) -> bool:
        """Whether the last that QEMU's log tells is a triple fault; it is written before the event of the shutdown."""
        text = self.log.pull() if self.log is not None else b""
        return text.rfind(b"Triple fault") > text.rfind(b"CPU Reset")


async def come_up(birth: Birth, session: QmpSession, on_log: Callable[[bytes], None] | None = None) -> Life:
    """Connect *session* to the machine that was started, and take over all that belongs to it.

    :param on_log: gets QEMU's log as it comes.

    :raises StartupError: if QEMU refused.
    :raises LabError: if the host could not.
    """
    async with AsyncExitStack() as on_failure:
        child = ChildProcess(birth.process)
        on_failure.push_async_callback(child.end)
        console: SocketPort | FilePair
        if isinstance(birth.console, Path):
            console = FilePair(birth.console)
        else:
            console = SocketPort(birth.console, "the console")
        on_failure.push_async_callback(console.close)
        control = proof = log = None
        if birth.control is not None:
            control = SocketPort(birth.control, "the control channel")
            on_failure.push_async_callback(control.close)
        if birth.proof is not None:
            proof = SocketPort(birth.proof, "the proof port")
            on_failure.push_async_callback(proof.close)
        if birth.log is not None:
            log = Tail(birth.log, on_data=on_log)
            on_failure.callback(log.close)
        try:
            await session.connect(birth.qmp, child.pid)
        except LabError as error:
            raise await _failure(child, birth.argv, error) from error
        on_failure.pop_all()
        return Life(birth.argv, child, console, control, proof, log)


async def _failure(child: ChildProcess, argv: list[str], error: LabError) -> HarnessError:
    """Why QEMU did not come up: what it said before it ended, or that it hangs."""
    with suppress(TimeoutError):  # it closes its sockets a moment before it ends
        async with asyncio.timeout(host(TIMEOUTS.stop_soft)):
            await child.wait()
    ended = child.returncode
    code = await child.end()
    said = safe(child.output, 4096, newlines=True)
    if ended is None:
        return LabError(f"QEMU did not come up: {error.what}", said)
    if code < 0 or _HOST_FAULT.search(said):
        return LabError(f"QEMU could not start (status {code}): {said or 'it said nothing'}", shlex.join(argv))
    return StartupError(argv, code, said)
