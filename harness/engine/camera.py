"""The camera of a run: takes pictures, keeps them in the bundle, and writes the `frame` events that the judge
decides on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.engine.waits import Deadline
from harness.errors import UsageError
from harness.frames.capture import Capture
from harness.frames.find import find_picture
from harness.frames.png import load_png, save_png
from harness.frames.stable import settle, whole
from harness.frames.types import Frame
from harness.judge.frames import LiveFrames
from harness.scenario.steps import CheckFrame

if TYPE_CHECKING:
    from harness.boards.grabber import Grabber
    from harness.engine.context import Context

_PACE = (
    0.1  # s between two pictures of a screen that tells nobody when it changes (10 looks a second cost 5 % of a core)
)


class Camera:
    """Takes and keeps pictures. One per run, made when the first is wanted."""

    def __init__(self, ctx: Context, capture: Capture | Grabber) -> None:
        self._ctx = ctx
        self._capture = capture
        self._kept: dict[str, str] = {}
        self.updated: list[str] = []

    @classmethod
    async def open(cls, ctx: Context) -> Self:
        """:raises UsageError: if the target has no screen."""
        board = getattr(ctx.target, "board", None)
        if board is not None and board.capture.command:
            from harness.boards.grabber import Grabber

            return cls(ctx, Grabber(board, ctx.bundle.frames, ctx.journal))
        if ctx.target.qmp is None:
            raise UsageError(f"{ctx.target.name} has no screen that can be captured")
        return cls(ctx, Capture(ctx.qmp, ctx.bundle.frames, identity=ctx.profile.guest.identity, journal=ctx.journal))

    def close(self) -> None:
        self._capture.close()

    async def grab(self) -> Frame:
        """One picture as an exact instant."""
        return await self._capture.grab(exact=not self._at_rendezvous())

    async def size(self) -> tuple[int, int]:
        """Width and height of the screen in pixels."""
        frame = await self.grab()
        return frame.width, frame.height

    async def check(self, index: int, step: CheckFrame, deadline: Deadline) -> None:
        """Take the picture of a frame check and let the judge see it.

        A picture compared with stored ones has no instant of its own: it is taken again until it matches or the
        deadline passes.
        """
        stable = True
        knows_all = self._ctx.profile.guest.oracle != "clients"  # those draw when they like
        if step.against == "identity" or (step.against == "scene" and knows_all):
            frame = await self._at_once(step, deadline)
        elif step.against == "golden" and (self._ctx.update_goldens or self._ctx.add_goldens):
            frame, stable = await self._hold_still(step, deadline)
            self._approve(step, frame)
        else:
            frame, stable = await self._until_match(step, deadline)
        self._record(index, step.name, frame, stable=stable)

    async def remember(self, index: int, name: str) -> None:
        """Take a picture that later checks compare with."""
        frame = await self.grab()
        self._record(index, name, frame, stable=True, kind="remembered")

    async def _at_once(self, step: CheckFrame, deadline: Deadline) -> Frame:
        """The picture of this instant; one that would condemn the guest is taken a second time, the slow and
        certain way.
        """
        if self._at_rendezvous() or not self._ctx.profile.guest.identity:
            frame = await self.grab()
        else:
            frame = await whole(self.grab, deadline.left)
        if frame.way != "vram" or self._frames().result(step, frame, stable=True)[0].matches:
            return frame
        return await self._capture.grab(exact=not self._at_rendezvous(), certain=True)

    async def _until_match(self, step: CheckFrame, deadline: Deadline) -> tuple[Frame, bool]:
        """The first picture that matches, or the last before the deadline, and whether that had stopped changing."""
        frames = self._frames()
        frame = await self.grab()
        found, previous = frames.result(step, frame, stable=True)[0], None
        while not found.matches and deadline.left > 0:
            await asyncio.sleep(_PACE)
            self._ctx.waits.check_fatal()
            frame, previous = await self.grab(), found
            found = frames.result(step, frame, stable=True)[0]
        return frame, previous is None or found.matches or previous == found

    async def _hold_still(self, step: CheckFrame, deadline: Deadline) -> tuple[Frame, bool]:
        """The first picture that is equal, but for the masked parts, to the one before."""
        mask = self._frames().mask(step, await self.grab(), self._ctx.scenario)
        settled = await settle(self.grab, deadline.left, ignore=mask)
        return settled.frame, settled.stable

    def _approve(self, step: CheckFrame, frame: Frame) -> None:
        path = self._frames().update_golden(step, frame, self._ctx.scenario, add=self._ctx.add_goldens)
        if path is not None:
            self.updated.append(str(path))
            self._ctx.journal.append("golden", name=step.name, path=str(path))

    async def find(self, index: int, picture: Path, deadline: Deadline) -> tuple[int, int] | None:
        """Middle of *picture* on the screen, looked for until the deadline."""
        if not picture.is_file():  # noqa: ASYNC240 - one stat of a local file
            raise UsageError(f"no such picture: {picture}")
        wanted = load_png(picture)
        while True:
            frame = await self.grab()
            hits = find_picture(frame.pixels, wanted)
            if hits:
                self._ctx.journal.append(
                    "found", step=index, picture=picture.name, x=hits[0].x, y=hits[0].y, hits=len(hits)
                )
                return hits[0].x + hits[0].w // 2, hits[0].y + hits[0].h // 2
            if deadline.left <= 0:
                self._save(frame)
                return None
            await asyncio.sleep(_PACE)
            self._ctx.waits.check_fatal()

    def _record(self, index: int, name: str, frame: Frame, *, stable: bool, kind: str = "frame") -> None:
        self._frames().show(frame)
        self._ctx.journal.append(
            kind,
            step=index,
            name=name,
            digest=frame.digest,
            width=frame.width,
            height=frame.height,
            way=frame.way,
            stable=stable,
            file=self._save(frame),
        )

    def _save(self, frame: Frame) -> str:
        """Keep the picture in the bundle; the same pixels are written once."""
        name = self._kept.get(frame.digest)
        if name is None:
            name = f"frames/{len(self._kept):04d}-{frame.digest[:12]}.png"
            save_png(self._ctx.bundle.path / name, frame.pixels)
            self._kept[frame.digest] = name
        return name

    def _frames(self) -> LiveFrames:
        frames = self._ctx.evaluator.frames
        if not isinstance(frames, LiveFrames):
            raise UsageError("this scenario has no frame checks")
        return frames

    def _at_rendezvous(self) -> bool:
        """Whether the guest stands still by itself, so that stopping it is needless."""
        return self._ctx.clock == "virtual" and self._ctx.evaluator.clock.ready_seq is not None
