"""Looks at every frame that the guest presents, at the instant at which it has presented it (docs/protocol.md).

After each frame the guest tells its number, checksum and time on the proof port, and stands still with no timer armed
until it gets a byte. In between its screen is copied from video memory, 0.5 ms; it draws the next frame while this
one is judged. Where video memory cannot be read, a screendump of 3 ms takes its place.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import LabError, TargetLost, UsageError
from harness.frames.capture import Capture
from harness.frames.ledger import Ledger
from harness.frames.png import save_png
from harness.frames.types import Frame
from harness.judge.coming import Coming
from harness.judge.frames import LiveFrames
from harness.judge.proof import picture

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.evidence.journal import Event

_LINE = re.compile(rb"([0-9]{1,10}):([0-9a-f]{8}):([0-9]{1,19})")
_BATCH = 256  # frames in one journal event: 10 KB
_TRUSTED = 4096  # frames read from one place in memory before that is compared with a screendump again: every minute
_GARBAGE = 200  # bytes


@dataclass(slots=True)
class _Batch:
    """Good frames that the journal does not have yet."""

    first: int = 0
    us: list[int] = field(default_factory=list)
    crc: list[str] = field(default_factory=list)
    digest: list[str] = field(default_factory=list)


class Prover:
    """Proves the frames of one run. The first that is not good is the last that the guest is let go after."""

    def __init__(self, ctx: Context) -> None:
        if ctx.target.proof is None or not isinstance(ctx.evaluator.frames, LiveFrames):
            raise UsageError(f"the frames of {ctx.target.name} cannot be proved")
        self._ctx = ctx
        self._port = ctx.target.proof
        self._frames = ctx.evaluator.frames
        self._judge = self._frames.proving
        self._capture = Capture(ctx.qmp, ctx.bundle.frames, identity=True, journal=ctx.journal)
        self._ledger: Ledger | None = None
        self._batch = _Batch()
        self._rest = b""
        self._trusted = 0
        self._turn = asyncio.Lock()  # held while a frame is looked at
        ctx.journal.listen(self._observe)

    async def run(self) -> None:
        """Prove frames until one is bad or the guest is gone. What the host could not do ends the run."""
        try:
            await self._prove()
        except TargetLost:
            return
        except LabError as error:
            self._ctx.journal.append("lab.error", cause="no-proof", what=f"{error.what}. {error.hint}".strip())

    async def _prove(self) -> None:
        while data := await self._port.read():
            self._rest += data
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                async with self._turn:
                    good = await self._line(line)
                if not good:
                    return

    async def settle(self) -> None:
        """The guest stands at its rendezvous: tell the judge so, once the last frame was looked at."""
        async with self._turn:
            self._flush(settled=True)

    def flush(self) -> None:
        """Write down what was proved."""
        if self._batch.us:
            self._flush(settled=False)

    def close(self) -> None:
        self._capture.close()

    async def _line(self, line: bytes) -> bool:
        """One frame; whether to go on."""
        found = _LINE.fullmatch(line)
        if found is None:
            self._ctx.journal.append("proof.garbage", text=line[:_GARBAGE].decode("ascii", "backslashreplace"))
            return False
        number, crc, us = int(found[1]), int(found[2], 16), int(found[3])
        await self._ctx.console.drained()  # what the guest said before this frame may tell what it shows
        ledger = await self._copy()
        await self._port.write(b"\n")
        coming, by_scene = self._judge.coming(), self._judge.against == "scene"
        known = coming if isinstance(coming, Coming) else None
        entry = ledger.enter(
            (number, crc),
            allowed=known.allowed if known is not None and self._judge.damage else None,
            expected=self._judge.expected if known is not None and by_scene else None,
        )
        if not entry.good or coming is None:
            await self._refuse(ledger, number, crc, us)
            return False
        if known is not None and by_scene:
            known.digest = entry.digest
        self._note(number, us, entry.crc, entry.digest)
        ledger.turn()
        return True

    async def _copy(self) -> Ledger:
        """Copy the screen into the ledger's next frame."""
        place = self._capture.place
        if self._ledger is None or place is None or self._trusted >= _TRUSTED:
            frame = await self._capture.grab(exact=False, certain=True)
            place, self._trusted = self._capture.place, 0
            if self._ledger is None:
                self._ledger = Ledger(frame.height, frame.width)
            if place is None or place.shape != self._ledger.coming.shape:
                self._load(self._ledger, frame)
                return self._ledger
        self._trusted += 1
        try:
            self._ledger.coming.read(place)
        except OSError as error:
            raise LabError(f"QEMU's memory cannot be read any more: {error}") from error
        return self._ledger

    def _load(self, ledger: Ledger, frame: Frame) -> None:
        if frame.pixels.shape != ledger.coming.shape:
            raise LabError(
                f"the screen became {frame.width}×{frame.height} pixels large: its frames cannot be compared"
            )
        ledger.coming.load(frame.pixels)

    def _note(self, number: int, us: int, crc: int, digest: str) -> None:
        batch = self._batch
        if not batch.us:
            batch.first = number
        batch.us.append(us)
        batch.crc.append(f"{crc:08x}")
        batch.digest.append(digest)
        # What is said of clients between two frames has to stand between them in the journal too.
        if len(batch.us) >= (1 if self._judge.against == "scene" else _BATCH):
            self._flush(settled=False)

    def _flush(self, *, settled: bool) -> None:
        batch, self._batch = self._batch, _Batch()
        self._ctx.journal.append(
            "proof", first=batch.first, us=batch.us, crc=batch.crc, digest=batch.digest, settled=settled
        )

    async def _refuse(self, ledger: Ledger, number: int, crc: int, us: int) -> None:
        """Keep the frame and the one before it, and let the judge say what is wrong."""
        self.flush()
        place = self._capture.place
        now = self._ctx.journal.now_ns()
        frame, before = picture(ledger.coming.whole(), now), picture(ledger.before.whole(), now)
        await self._make_certain(place is not None)
        epoch = self._ctx.evaluator.epoch
        names = [f"frames/proof-{epoch}-{n:06d}.png" for n in (number, number - 1)]
        for name, shown in zip(names, (frame, before), strict=True):
            save_png(self._ctx.bundle.path / name, shown.pixels)
        self._frames.show_pair(frame, before)
        self._ctx.journal.append(
            "proof.bad",
            number=number,
            crc=f"{crc:08x}",
            us=us,
            digest=frame.digest,
            file=names[0],
            before_digest=before.digest,
            before_file=names[1],
        )

    async def _make_certain(self, by_memory: bool) -> None:
        """That the pixels were read from the right place in memory; the guest is one frame further by now.

        :raises LabError: if they were not.
        """
        if not by_memory:
            return
        place = self._capture.place
        await self._capture.grab(certain=True)
        if self._capture.place != place:
            raise LabError("the screen is not where it was in QEMU's memory: the frame that was refused proves nothing")

    def _observe(self, event: Event) -> None:
        if event.kind == "epoch":
            self._ledger, self._batch, self._rest = None, _Batch(), b""
