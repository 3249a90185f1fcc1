"""One life of a QEMU: its files and sockets are made, the process is started paused, and QMP is negotiated."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import socket
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.console.safe import safe
from harness.console.socket_port import SocketPort
from harness.errors import HarnessError, LabError, UsageError
from harness.qmp.session import QmpSession
from harness.targets.argv import Launch, Wires, qemu_argv
from harness.targets.esp import copy_esp
from harness.targets.firmware import copy_sparse, find_firmware
from harness.targets.ports import FilePair
from harness.targets.process import ChildProcess, Tail
from harness.targets.profile import Profile
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
    log: Tail | None
    vcpus: tuple[int, ...]  # thread ids, in order of the CPUs

    def stderr(self) -> str:
        """The last that QEMU said on stdout or stderr."""
        return safe(self.child.output, 4096, newlines=True)

    def triple_fault(self) -> bool:
        """Whether the last that QEMU's log tells is a triple fault; it is written before the event of the shutdown."""
        text = self.log.pull() if self.log is not None else b""
        return text.rfind(b"Triple fault") > text.rfind(b"CPU Reset")


@dataclass(frozen=True, slots=True)
class PrivateFiles:
    """Copies that live as long as the run: what the guest writes there survives a relaunch, and no longer."""

    firmware: tuple[Path, Path] | None = None
    esp: Path | None = None


def copy_files(profile: Profile, directory: Path) -> PrivateFiles:
    """Copy what a guest may write to: the firmware's variables and the EFI directory.

    :raises UsageError: if the profile names something that is not there.
    :raises LabError: if the copy cannot be made.
    """
    boot = profile.boot
    if boot.shape != "uefi":
        return PrivateFiles()
    code, variables = find_firmware(profile)
    private, esp = directory / "efi-vars.fd", directory / "esp"
    try:
        copy_sparse(variables, private)
        if boot.esp is not None:
            copy_esp(boot.esp, esp)
    except OSError as error:
        raise LabError(f"cannot copy {error.filename} into {directory}: {error.strerror}") from error
    return PrivateFiles((code, private), esp if boot.esp is not None else None)


async def start_life(
    profile: Profile, launch: Launch, files: PrivateFiles, directory: Path, number: int, session: QmpSession
) -> Life:
    """Start QEMU and connect *session* to it.

    :param directory: for the console's files in the virtual clock and the gdbstub's socket.
    :param number: 1 for the first life of the run; it keeps the files of several apart.
    :raises StartupError: if QEMU refused.
    :raises LabError: if the host could not.
    """
    async with AsyncExitStack() as on_failure:
        for_qemu = on_failure.enter_context(ExitStack())  # ends that QEMU inherits, and that we then let go of

        def wire() -> tuple[socket.socket, int]:
            near, far = socket.socketpair()
            for_qemu.callback(far.close)
            on_failure.callback(near.close)
            return near, far.fileno()

        qmp, qmp_end = wire()
        console: SocketPort | FilePair
        console_end: int | Path
        if launch.clock == "virtual":
            console_end = directory / f"console-{number}"
            console = FilePair(console_end)
            on_failure.push_async_callback(console.close)
        else:
            near, console_end = wire()
            console = SocketPort(near, "the console")
        control = control_end = log = log_end = None
        if profile.guest.control == "com2":
            near, control_end = wire()
            control = SocketPort(near, "the control channel")
        if launch.accel == "tcg":
            ours, log_end = os.pipe()
            for_qemu.callback(os.close, log_end)
            log = Tail(ours)
            on_failure.callback(log.close)
        wires = Wires(
            qmp=qmp_end,
            console=console_end,
            control=control_end,
            log=log_end,
            gdb=directory / f"gdb-{number}" if launch.gdb else None,
            firmware=files.firmware,
            esp=files.esp,
        )
        argv = qemu_argv(profile, launch, wires)
        child = ChildProcess.spawn(argv, pass_fds=wires.descriptors())
        for_qemu.close()
        try:
            await session.connect(qmp, child.pid)
            cpus = await session.execute("query-cpus-fast")
        except LabError as error:
            raise await _failure(child, argv, error) from error
        except asyncio.CancelledError:
            await child.end()
            raise
        on_failure.pop_all()
        return Life(argv, child, console, control, log, tuple(int(cpu["thread-id"]) for cpu in cpus))


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
