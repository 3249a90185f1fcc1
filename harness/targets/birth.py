"""The birth of a QEMU: its files and sockets are made and its process is started, paused. Needs no event loop.

So that it can come up while whoever wants it still imports what it takes to talk to it (`HeadStart`).
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Self

from harness.errors import LabError
from harness.targets.argv import Launch, Ram, Wires, qemu_argv
from harness.targets.esp import copy_esp
from harness.targets.firmware import copy_sparse, find_firmware
from harness.targets.needs import require
from harness.targets.overlays import find_overlays, make_overlays
from harness.targets.plan import write_with_plan
from harness.targets.profile import Profile
from harness.targets.runtime import RunDirectory
from harness.targets.spawn import Spawned, spawn

if TYPE_CHECKING:
    from harness.targets.snapshot import Snapshot

_LOG_BUFFER = 1 << 20  # bytes: what everybody may ask for
_SEND_BUFFER = 212_992  # bytes: what Linux lets everybody ask for, and doubles


class PrivateFiles(NamedTuple):
    """Copies that live as long as the run: what the guest writes there survives a relaunch, and no longer."""

    firmware: tuple[Path, Path] | None = None
    esp: Path | None = None
    disks: Mapping[Path, Path] = MappingProxyType({})  # of a disk with persist = "run"
    initrd: Path | None = None  # the image's, with the plan behind it


class Birth(NamedTuple):
    """A QEMU of which nobody knows yet whether it comes up, and our ends of what it is connected by."""

    argv: list[str]
    process: Spawned
    qmp: socket.socket
    console: socket.socket | Path  # in the virtual clock the path of a pair of files: PATH.in is a FIFO, PATH.out grows
    control: socket.socket | None
    proof: socket.socket | None
    log: int | None  # read end of the pipe with QEMU's log

    def discard(self) -> None:
        """End it, if nobody wants it after all."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.popen.pid, signal.SIGKILL)
        self.process.popen.wait()
        for end in (self.qmp, self.console, self.control, self.proof):
            if isinstance(end, socket.socket):
                end.close()
        for descriptor in (self.log, self.process.output):
            if descriptor is not None:
                os.close(descriptor)


class HeadStart:
    """The first life of a machine, started (before there is an event loop), and what `QemuTarget` takes over with it.

    A context manager: what nobody took over by its end is ended and removed.

    :param snapshot: what it is to start from.
    :param save_in: a folder for its memory and what it writes to disks, so that it can be saved.
    :raises UsageError: for an image that is not there, or one that contradicts *launch*.
    :raises LabError: if the host could not.
    """

    def __init__(
        self, profile: Profile, launch: Launch, *, snapshot: Snapshot | None = None, save_in: Path | None = None
    ) -> None:
        if launch.accel == "auto":
            raise ValueError("which accelerator to take is not chosen yet")
        require(profile)
        self.profile = profile
        self.launch = launch
        self.directory = RunDirectory()
        self._left = True
        try:
            self.files = copy_files(profile, self.directory.path, snapshot)
            if save_in is not None:
                make_overlays(profile, save_in)
            self.birth = bear(profile, launch, self.files, self.directory.path, 1, snapshot=snapshot, save_in=save_in)
        except BaseException:
            self.directory.remove()
            raise

    def take(self) -> Self:
        """From now on it belongs to the caller."""
        self._left = False
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._left:
            self._left = False
            self.birth.discard()
            self.directory.remove()


def copy_files(profile: Profile, directory: Path, snapshot: Snapshot | None = None) -> PrivateFiles:
    """Copy what a guest may write to: the firmware's variables, the EFI directory, disks whose writes last for the run.

    :param snapshot: where they are copied from as they were when it was made.
    :raises UsageError: if the profile names something that is not there.
    :raises LabError: if the copy cannot be made.
    """
    boot = profile.boot
    all_disks = [*([boot.disk] if boot.disk is not None else []), *profile.machine.disks]
    of_run = [disk.file for disk in all_disks if disk.persist == "run"]
    disks = {file: directory / f"disk-{number}" for number, file in enumerate(of_run)}
    code, variables = find_firmware(profile) if boot.shape == "uefi" else (None, None)
    private, esp = directory / "efi-vars.fd", directory / "esp"
    initrd = directory / "initrd" if boot.plan and boot.initrd is not None else None
    try:
        for number, (file, copy) in enumerate(disks.items()):
            copy_sparse((snapshot and snapshot.disk(number)) or file, copy)
        if variables is not None:
            copy_sparse((snapshot and snapshot.variables) or variables, private)
        if boot.esp is not None:
            copy_esp(boot.esp, esp)
        if initrd is not None and boot.initrd is not None:
            write_with_plan(boot.initrd, boot.plan, initrd)
    except OSError as error:
        raise LabError(f"cannot copy {error.filename} into {directory}: {error.strerror}") from error
    return PrivateFiles(
        None if code is None else (code, private),
        esp if boot.esp is not None else None,
        MappingProxyType(disks),
        initrd,
    )


def bear(
    profile: Profile,
    launch: Launch,
    files: PrivateFiles,
    directory: Path,
    number: int,
    *,
    snapshot: Snapshot | None = None,
    save_in: Path | None = None,
) -> Birth:
    """Start QEMU's process.

    :param directory: for the console's files in the virtual clock and the gdbstub's socket.
    :param number: 1 for the first life of the run; it keeps the files of several apart.
    :param snapshot: what it is to start from; it has to be loaded by QMP.
    :param save_in: a folder for its memory and what it writes to disks, so that it can be saved.
    :raises UsageError: if profile and launch contradict each other, or there is no QEMU.
    :raises LabError: if the host could not.
    """
    with ExitStack() as on_failure, ExitStack() as for_qemu:  # ends that QEMU inherits, and that we then let go of

        def wire() -> tuple[socket.socket, int]:
            near, far = socket.socketpair()
            # A guest sends byte by byte, and each takes a buffer of the kernel's: 278 that nobody read yet fill the
            # usual socket, and then virtual time depends on the reader. This one takes 555.
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            for_qemu.callback(far.close)
            on_failure.callback(near.close)
            return near, far.fileno()

        def for_child(end: socket.socket) -> int:
            for_qemu.callback(end.close)
            return end.fileno()

        qmp, qmp_end = wire()
        console: socket.socket | Path
        console_end: int | Path
        if launch.clock != "wall":
            console = console_end = directory / f"console-{number}"
            make_file_pair(console)
        else:
            console, console_end = wire()
        control = control_end = proof = proof_end = log = log_end = None
        if profile.guest.control_port:
            control, control_end = wire()
        if launch.prove:
            proof, proof_end = wire()
        nics = [for_child(nic.plug()) for nic in launch.nics]
        ports = [for_child(port.plug()) for port in launch.ports]
        saved = snapshot.path if snapshot is not None else save_in
        overlays = find_overlays(profile, saved) if saved is not None else {}
        served = {}
        for disk in launch.served:
            file, throw_away = disk.place(profile, files.disks, overlays)
            served[disk.name] = for_child(disk.plug(file, throw_away=throw_away))
        if launch.accel == "tcg":
            log, log_end = os.pipe()
            for_qemu.callback(os.close, log_end)
            on_failure.callback(os.close, log)
            if launch.blocks:
                # A line for each instruction: with the usual 64 KiB the guest would wait for us again and again.
                with suppress(OSError):
                    fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, _LOG_BUFFER)
        wires = Wires(
            qmp=qmp_end,
            console=console_end,
            control=control_end,
            proof=proof_end,
            nics=tuple(nics),
            ports=tuple(ports),
            log=log_end,
            gdb=directory / f"gdb-{number}" if launch.gdb else None,
            firmware=files.firmware,
            esp=files.esp,
            initrd=files.initrd,
            disks=files.disks,
            ram=Ram(saved / "ram", shared=snapshot is None) if saved is not None else None,
            overlays=overlays,
            served=served,
            incoming=snapshot is not None,
        )
        argv = qemu_argv(profile, launch, wires)
        process = spawn(argv, pass_fds=wires.descriptors())
        on_failure.pop_all()
        return Birth(argv, process, qmp, console, control, proof, log)


def make_file_pair(path: Path) -> None:
    """The files of a `pipe` chardev at *path*: a FIFO for input, a plain file for output, which loses nothing."""
    os.mkfifo(path.with_name(path.name + ".in"), 0o600)
    path.with_name(path.name + ".out").touch(0o600)
