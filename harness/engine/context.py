"""What every step of a run works on."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from harness.console.pump import Console
from harness.engine.opening import Opening
from harness.engine.waits import Deadline, Waits
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Journal
from harness.judge.evaluator import Evaluator
from harness.scenario.model import Scenario
from harness.targets.base import Target
from harness.targets.profile import Profile

if TYPE_CHECKING:
    from harness.clients.control import ControlLink
    from harness.engine.camera import Camera
    from harness.engine.injector import Injector
    from harness.engine.prover import Prover
    from harness.qmp.session import QmpSession

T = TypeVar("T")


class StepFailedError(Exception):
    """The step did not do what it says, and that is the guest's fault."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


@dataclass(slots=True)
class Context:
    """The live parts of one run."""

    scenario: Scenario
    profile: Profile
    clock: str
    target: Target
    bundle: Bundle
    journal: Journal
    evaluator: Evaluator
    waits: Waits
    run_deadline: Deadline
    console: Console
    opening: Opening
    update_goldens: bool = False
    add_goldens: bool = False
    updated_values: set[str] = field(default_factory=set)  # files of stored figures that --update-goldens wrote
    link: ControlLink | None = None
    camera: Camera | None = None
    prover: Prover | None = None
    injector: Injector | None = None

    def deadline(self, seconds: float | None, default: float) -> Deadline:
        """A step's deadline, never after the run's."""
        return Deadline.after(default if seconds is None else seconds, not_after=self.run_deadline)

    async def guarded(self, work: Coroutine[Any, Any, T], deadline: Deadline) -> T:
        """See `Waits.guard`."""
        return await self.waits.guard(work, deadline)

    async def settle_frames(self) -> None:
        """The guest stands at its rendezvous: the frames up to here, where they are proved, are all there are."""
        if self.prover is not None:
            await self.prover.settle()

    async def open_camera(self) -> Camera:
        """The camera of this run, made when the first picture is wanted (numerics load here and not before)."""
        if self.camera is None:
            from harness.engine.camera import Camera

            self.camera = await Camera.open(self)
        return self.camera

    async def screen_size(self) -> tuple[int, int]:
        """Width and height of the screen in pixels."""
        return await (await self.open_camera()).size()

    def bounded(self, seconds: float) -> AbstractContextManager[object]:
        """Give QMP, where there is any, so many seconds for what is done inside."""
        return nullcontext() if self.target.qmp is None else self.target.qmp.bounded(seconds)

    @property
    def qmp(self) -> QmpSession:
        """:raises UsageError: if the target has none."""
        if self.target.qmp is None:
            raise UsageError(f"{self.target.name} has no QMP session", "this step needs a QEMU target")
        return self.target.qmp

    @property
    def control(self) -> ControlLink:
        """:raises UsageError: if the guest speaks no control protocol."""
        if self.link is None:
            raise UsageError(
                f"the image {self.profile.name} speaks no control protocol",
                'set guest.control = "com2", "virtserial" or "inline" in its profile',
            )
        return self.link
