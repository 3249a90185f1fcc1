"""What a target is: where a kernel runs, seen through a console and, where there are, a control port and QMP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness.console.types import BytePort
    from harness.evidence.journal import Journal
    from harness.qmp.session import QmpSession


class Capability(StrEnum):
    """What a scenario may ask of a target. A step that needs one the target lacks is refused before power-on."""

    CONSOLE_INPUT = "console-input"  # bytes can be sent to the console
    CONTROL = "control"  # the guest speaks the control protocol
    SCREEN = "screen"  # pictures can be taken
    INPUT = "input"  # keyboard and pointer events can be injected
    QMP = "qmp"
    POWER = "power"  # reset and power can be cycled
    RELAUNCH = "relaunch"  # a new machine on the same disks
    VIRTUAL_CLOCK = "virtual-clock"
    PROOF = "proof"  # the guest stands still after each frame until it was looked at


RECORDING_ENDED = "recording-ended"
"""The `shutdown_reason` of a recording that was played to its end."""


@dataclass(frozen=True, slots=True)
class TargetExit:
    """How a target ended. `returncode` is as in subprocess: negative for a signal, None where there is no process."""

    returncode: int | None
    asked: bool  # whether the harness asked it to end
    stderr: str = ""  # the last part, made safe for display
    shutdown_reason: str | None = None  # QMP SHUTDOWN reason, when there was one


class Target(Protocol):
    """A kernel's place to run. One run, one target object; `start` once, `stop` once."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def console(self) -> BytePort: ...

    @property
    def control(self) -> BytePort | None:
        """The control channel where it has a port of its own; None where it rides on the console or is missing."""
        ...

    @property
    def proof(self) -> BytePort | None:
        """The port of the proof rendezvous; None where frames are not proved."""
        ...

    @property
    def qmp(self) -> QmpSession | None: ...

    async def start(self, journal: Journal) -> None:
        """Bring the machine up, paused if it can be, with every stream connected and drained.

        Writes a `target.start` event (kind, argv or URL, versions).

        :raises harness.errors.UsageError: for what the caller asked wrongly (missing image, an option QEMU refuses).
        :raises harness.errors.LabError: for what the host or the lab could not do.
        """
        ...

    async def go(self) -> None:
        """Let the guest run (QMP `cont`, power on). Called once every reader listens."""
        ...

    async def reset(self) -> None:
        """Reset the machine on purpose (QEMU: bracketed, so that it is no unexpected one).

        :raises harness.errors.UsageError: if this target cannot.
        """
        ...

    async def relaunch(self, *, cut: bool = False, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """End the machine and start a new one on the same persistent disks, with the same console port object.

        :param cut: end it as if the power went.
        :param between: what is to be done while none runs.

        :raises harness.errors.UsageError: if this target cannot.
        """
        ...

    async def postmortem(self) -> Mapping[str, Any]:
        """What the machine looks like from outside after a deadline or a death, JSON-able; `{}` if nothing can be seen.

        Returns within `TIMEOUTS.postmortem`, whatever the machine does.
        """
        ...

    def addresses(self) -> Mapping[str, str]:
        """Where a person can reach the machine: console, VNC, gdbstub, by name."""
        ...

    async def wait_exit(self) -> TargetExit:
        """Return once the target is gone (event driven: pidfd or EOF), never before."""
        ...

    async def stop(self) -> TargetExit:
        """End it, soft first and then hard, and leave nothing behind. Calling it twice is fine."""
        ...
