"""The fast way to a picture: the framebuffer read straight from QEMU's process, once it was proved to be the screen."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import LabError
from harness.frames.digest import digest_of
from harness.frames.identity import one_colour
from harness.qmp.memory import framebuffer, gpa2hva
from harness.qmp.session import QmpSession

Pixels = NDArray[np.uint32]

PROOF_LASTS = 16  # pictures; a guest that turns to another page of its memory is found out after at most so many
_COLOUR = np.uint32(0xFFFFFF)
_VECTORS = 1024  # pieces that one call of the kernel takes (IOV_MAX)
_FAILURES = 3  # proofs that may fail before this screen counts as one that cannot be read so


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.process_vm_readv.restype = ctypes.c_ssize_t
_libc.process_vm_readv.argtypes = (
    ctypes.c_int,
    ctypes.POINTER(_Vector),
    ctypes.c_ulong,
    ctypes.POINTER(_Vector),
    ctypes.c_ulong,
    ctypes.c_ulong,
)


def read_process(pid: int, address: int, into: NDArray[np.uint32]) -> None:
    """Fill *into* from the memory of another process. Half as long as `preadv` on /proc/PID/mem, which copies twice.

    :raises OSError: if that process is gone, not ours to read, or has less memory there.
    """
    length = into.nbytes
    local, remote = _Vector(into.ctypes.data, length), _Vector(address, length)
    got = _libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    if got != length:
        number = ctypes.get_errno() if got < 0 else 0
        raise OSError(number, os.strerror(number) if number else f"only {got} of {length} bytes could be read")


class SplitReader:
    """Reads a screen from another process into two arrays at once: what is left of a column, and what is right of it.

    Each part is then one block of memory, which a whole screen's part is not. As fast as reading into one array.
    """

    def __init__(self, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> None:
        """*left* and *right* have as many rows as the screen, and its width together; they are filled by `read`."""
        self._parts = left, right  # keeps them alive: their addresses stand in the vectors
        self._row = (left.shape[1] + right.shape[1]) * 4
        sides = [(part.ctypes.data, part.shape[1] * 4) for part in (left, right)]
        self._vectors = []
        for top in range(0, left.shape[0], _VECTORS // 2):
            rows = range(top, min(top + _VECTORS // 2, left.shape[0]))
            pieces = [_Vector(base + y * size, size) for y in rows for base, size in sides]
            self._vectors.append((top, len(rows), (_Vector * len(pieces))(*pieces)))

    def read(self, pid: int, address: int) -> None:
        """:raises OSError: as `read_process`."""
        for top, rows, vectors in self._vectors:
            length = rows * self._row
            remote = _Vector(address + top * self._row, length)
            got = _libc.process_vm_readv(pid, vectors, len(vectors), ctypes.byref(remote), 1, 0)
            if got != length:
                number = ctypes.get_errno() if got < 0 else 0
                raise OSError(number, os.strerror(number) if number else f"only {got} of {length} bytes could be read")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the framebuffer lies in QEMU's process; *shape* is (height, width) in pixels of four bytes."""

    pid: int
    address: int
    shape: tuple[int, ...]


class VramReader:
    """Reads the first display device's framebuffer as 0x00RRGGBB pixels.

    It knows neither the video mode nor which part of the memory is shown, so it is believed only after it gave the same
    pixels as a screendump of the same instant (and not a picture of one colour, which proves no address), and only for
    `PROOF_LASTS` pictures.
    """

    def __init__(self, session: QmpSession) -> None:
        self._session = session
        self._proof: Place | None = None
        self._used = 0
        self._failures = 0
        self._buffer: Pixels = np.empty((0, 0), np.uint32)
        self._last: tuple[str, Pixels, str] | None = None
        self.why = "not proved yet"
        """Why pictures are not taken this way; empty while they are."""

    @property
    def place(self) -> Place | None:
        """Where the pixels were found that were equal to the last screendump; None if a proof is due first."""
        return self._proof if self._proof is not None and self._proof.pid == self._session.pid else None

    @property
    def hopeless(self) -> bool:
        """Whether no further proof is worth its time."""
        return self._failures >= _FAILURES

    def read(self) -> tuple[Pixels, str] | None:
        """The screen and its digest, or None if a proof is due first. An unchanged screen is the same array again."""
        proof = self._proof
        if proof is None or proof.pid != self._session.pid or self._used >= PROOF_LASTS:
            return None
        self._used += 1
        try:
            return self._look(proof)
        except OSError as error:
            self.doubt(f"QEMU's memory cannot be read: {error}")
            return None

    def _look(self, proof: Place) -> tuple[Pixels, str]:
        """Into one buffer every time: fresh memory costs a page fault every 4 KiB, 1 ms at 1920×1080."""
        if self._buffer.shape != proof.shape:
            self._buffer = np.empty(proof.shape, np.uint32)
        read_process(proof.pid, proof.address, self._buffer)
        raw = digest_of(self._buffer)
        if self._last is None or self._last[0] != raw:
            pixels = self._buffer & _COLOUR  # the fourth byte is the guest's to leave anything in
            self._last = raw, pixels, digest_of(pixels)
        return self._last[1:]

    async def prove(self, shown: Pixels) -> bool:
        """Compare with *shown*, a screendump of this instant; from now on `read` works if they are equal."""
        if one_colour(shown) is not None:
            self._proof, self.why = None, "a picture of one colour proves nothing"
            return False
        try:
            proof = await self._locate(shown.shape)
            equal = np.array_equal(self._look(proof)[0], shown)
        except (OSError, LabError) as error:
            self.doubt(str(error))
            return False
        if not equal:
            self.doubt("the framebuffer's bytes are not those of the screendump")
            return False
        self._proof, self._used, self.why = proof, 0, ""
        return True

    def doubt(self, why: str) -> None:
        """Believe it no more until it is proved again."""
        self._proof, self.why = None, why
        self._failures += 1

    async def _locate(self, shape: tuple[int, ...]) -> Place:
        pid = self._session.pid
        if pid is None:
            raise LabError("QEMU's process is not known")
        region = await framebuffer(self._session)
        if region is None:
            raise LabError("no display device has a framebuffer")
        if shape[0] * shape[1] * 4 > region.size:
            raise LabError(f"the framebuffer of {region.size} bytes cannot hold the screen")
        return Place(pid, await gpa2hva(self._session, region.address), shape)
