"""Pictures of a board's screen, by a command of the user's: an HDMI grabber, a camera, a debugger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.boards.commands import run_command
from harness.boards.model import Board
from harness.errors import HarnessError, LabError
from harness.evidence.journal import Journal
from harness.frames.digest import digest_of
from harness.frames.png import load_png
from harness.frames.ppm import parse_ppm
from harness.frames.types import Frame

_PNG = b"\x89PNG"


class Grabber:
    """Takes the pictures of one run on a board; a `harness.frames.capture.Capture` as far as a camera needs one."""

    def __init__(self, board: Board, directory: Path, journal: Journal) -> None:
        self._board = board
        self._file = directory / "grabbed"
        self._journal = journal

    async def grab(self, exact: bool = True, *, certain: bool = False) -> Frame:
        """One picture, of whatever instant the command takes it at.

        :raises LabError: if the command fails or writes no picture.
        """
        capture = self._board.capture
        command = [word.format(file=self._file) for word in capture.command]
        self._file.unlink(missing_ok=True)
        await run_command(self._journal, "capture", command, capture.timeout, "picture")
        pixels = self._read(command[0])
        self._file.unlink(missing_ok=True)
        pixels.flags.writeable = False
        return Frame(pixels, digest_of(pixels), self._journal.now_ns(), "grabber")

    def close(self) -> None:
        """Remove what an interrupted command left behind."""
        self._file.unlink(missing_ok=True)

    def _read(self, name: str) -> NDArray[np.uint32]:
        try:
            data = self._file.read_bytes()
            return load_png(self._file) if data.startswith(_PNG) else parse_ppm(data)
        except (OSError, HarnessError, ValueError) as error:
            raise LabError(
                f"the capture command {name} wrote no picture that can be read: {error}", "PNG or binary PPM (P6)"
            ) from error
