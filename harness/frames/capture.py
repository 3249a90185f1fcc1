"""Taking pictures of a running QEMU's screen, each as one exact instant."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import LabError
from harness.evidence.journal import Journal
from harness.frames.digest import digest_of
from harness.frames.ppm import parse_ppm
from harness.frames.types import Frame
from harness.frames.vram import Place, VramReader
from harness.qmp.screendump import screendump
from harness.qmp.session import QmpSession

Pixels = NDArray[np.uint32]


class Capture:
    """Takes the pictures of one run.

    :param session: QEMU.
    :param directory: where screendumps lie for the moment that it takes to read them.
    :param identity: pictures carry an identity strip. Only then may they be read from video memory: that way does not
        see a guest that turns to another page of its memory, but the old number would betray such a picture.
    :param journal: gets `capture.way` {way, why} whenever the way changes, and is the clock of `Frame.host_ns`.
    """

    def __init__(
        self, session: QmpSession, directory: Path, *, identity: bool = False, journal: Journal | None = None
    ) -> None:
        self._session = session
        self._directory = directory
        self._vram = VramReader(session) if identity else None
        self._journal = journal
        self._way = ""

    async def grab(self, exact: bool = True, *, certain: bool = False) -> Frame:
        """One picture.

        :param exact: stop the virtual CPUs for it; needless where the guest stands still by itself (at a rendezvous).
        :param certain: by screendump whatever the way is, for a picture that would condemn the guest; if the fast way
            shows another picture at that instant, it is dropped.
        :raises harness.errors.LabError: if QEMU cannot take one.
        """
        async with self._still(exact):
            taken = self._vram.read() if self._vram is not None and not certain else None
            now = time.monotonic_ns() if self._journal is None else self._journal.now_ns()
            way = "vram"
            if taken is None:
                shown = await self._screendump()
                taken, way = (shown, digest_of(shown)), "screendump"
                if self._vram is not None and not self._vram.hopeless:
                    await self._vram.prove(shown)
        self._note_way()
        pixels, digest = taken
        pixels.flags.writeable = False
        return Frame(pixels, digest, now, way)

    @property
    def place(self) -> Place | None:
        """Where the pixels can be read, as the last screendump proved; None if they cannot, or that is due first."""
        return self._vram.place if self._vram is not None else None

    def close(self) -> None:
        """Remove what an interrupted screendump left behind."""
        for path in self._directory.glob("screen-*.ppm"):
            path.unlink(missing_ok=True)

    async def _screendump(self) -> Pixels:
        path = await screendump(self._session, self._directory)
        try:
            return parse_ppm(path.read_bytes())
        except OSError as error:
            raise LabError(f"the screendump cannot be read: {error}") from error
        finally:
            path.unlink(missing_ok=True)

    @asynccontextmanager
    async def _still(self, exact: bool) -> AsyncIterator[None]:
        """Stop the virtual CPUs if they run. Only what this stopped goes on: a guest that panicked stays as it is."""
        if not exact or not await self._is("running"):
            yield
            return
        await self._session.execute("stop")
        stopped = await self._is("paused")
        try:
            yield
        finally:
            if stopped and self._session.alive:
                await self._session.execute("cont")

    async def _is(self, status: str) -> bool:
        answer = await self._session.execute("query-status")
        return isinstance(answer, dict) and answer.get("status") == status

    def _note_way(self) -> None:
        why = "no identity strip" if self._vram is None else self._vram.why
        way = "vram" if not why else "screendump"
        if self._journal is not None and way != self._way:
            self._journal.append("capture.way", way=way, why=why)
        self._way = way
