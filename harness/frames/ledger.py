"""Every frame of a run, one after the other: is it the next one, whole, with the pixels that were meant?

The quick half of proving frames: it says yes or no, in half a millisecond, because only what changed since the frame
before is looked at. What is wrong with a frame that it refuses is for `harness.judge.proof` to say.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from harness.frames.identity import BAND_HEIGHT, STRIP_WIDTH, strip_rows
from harness.frames.tiles import TILE, tile_row
from harness.frames.vram import Place, SplitReader
from harness.geometry import Rect

Pixels = NDArray[np.uint32]

_COLOUR = np.uint32(0xFFFFFF)
_CELL = 4

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Screen:
    """The pixels of one frame in two blocks, desktop and strip; the fourth byte of a pixel may hold anything."""

    def __init__(self, height: int, width: int) -> None:
        self.desktop: Pixels = np.zeros((height, width - STRIP_WIDTH), np.uint32)
        self.strip: Pixels = np.zeros((height, STRIP_WIDTH), np.uint32)
        self._reader = SplitReader(self.desktop, self.strip)

    @property
    def shape(self) -> tuple[int, int]:
        return self.desktop.shape[0], self.desktop.shape[1] + STRIP_WIDTH

    def read(self, place: Place) -> None:
        """:raises OSError: if QEMU's memory cannot be read."""
        self._reader.read(place.pid, place.address)

    def load(self, pixels: Pixels) -> None:
        """Take a whole screen's pixels."""
        self.desktop[:] = pixels[:, :-STRIP_WIDTH]
        self.strip[:] = pixels[:, -STRIP_WIDTH:]

    def whole(self) -> Pixels:
        """A copy as one picture of 0x00RRGGBB pixels."""
        return np.hstack((self.desktop, self.strip)) & _COLOUR


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found of one frame: CRC-32 of the tile table of its pixels, and xxh3-64 (hex) of the same table."""

    good: bool
    crc: int
    digest: str


class Ledger:
    """The frames of one boot.

    Write the next one into `coming`, then `enter` it. The frame before it is `before`, until `turn`.
    """

    def __init__(self, height: int, width: int) -> None:
        self.coming = Screen(height, width)
        self.before = Screen(height, width)
        self.number = 0  # of the last frame entered
        rows, columns = -(-height // TILE), -(-(width - STRIP_WIDTH) // TILE)
        self._table: NDArray[np.uint64] = np.zeros((rows, columns), "<u8")
        self._parts = [slice(y, min(y + TILE, height)) for y in range(0, height, TILE)]
        self._blocks = [self.coming.desktop[part] for part in self._parts]
        self._digests = [0] * rows
        self._changed = list(range(rows))
        self._bands = height // BAND_HEIGHT
        self._allowed: tuple[Sequence[Rect], NDArray[np.bool_]] | None = None

    def enter(
        self,
        claim: tuple[int, int],
        *,
        allowed: Sequence[Rect] | None = None,
        expected: Pixels | None = None,
    ) -> Entry:
        """Look at the frame in `coming`.

        It is good if its number is the last one's plus one, all bands of its strip say that number and the CRC of its
        pixels, the guest claims both too, no pixel changed outside of *allowed*, and its desktop is *expected*.

        :param claim: number and CRC-32 as the guest told them.
        :param allowed: where pixels may change against the frame before; None: anywhere.
        :param expected: what the desktop should show, 0x00RRGGBB; None: unknown.
        """
        # A digest of each row of tiles, 0.13 ms in all, tells what changed. To compare with the pixels of the frame
        # before takes as long again, since two frames and QEMU's own leave no room for each other in the cache.
        digests = [xxhash.xxh3_64_intdigest(block) for block in self._blocks]  # type: ignore[arg-type]
        self._changed = [row for row, (now, then) in enumerate(zip(digests, self._digests, strict=True)) if now != then]
        self._digests = digests
        for row in self._changed:
            tile_row(self._blocks[row] & _COLOUR, self._table[row])
        data = self._table.tobytes()
        crc = zlib.crc32(data)
        good = (
            claim == (self.number + 1, crc)
            and self._strip_says(*claim)
            and (allowed is None or self.number == 0 or self._within(allowed))
            and (expected is None or _same(self.coming.desktop, expected))
        )
        self.number = claim[0]
        return Entry(good, crc, xxhash.xxh3_64_hexdigest(data))

    def turn(self) -> None:
        """The frame that was entered is now the one before the next."""
        for row in self._changed:
            self.before.desktop[self._parts[row]] = self._blocks[row]
        self.before.strip[:] = self.coming.strip

    def _strip_says(self, number: int, crc: int) -> bool:
        strip = self.coming.strip[: self._bands * BAND_HEIGHT] & _COLOUR
        wanted = strip_rows(number, crc, self._bands)
        return bool((strip.reshape(len(wanted), _CELL, STRIP_WIDTH) == wanted[:, None, :]).all())

    def _within(self, allowed: Sequence[Rect]) -> bool:
        """Whether every pixel that changed lies in *allowed*."""
        if self._allowed is None or self._allowed[0] != allowed:
            self._allowed = allowed, forbidden_bits(allowed, self.coming.desktop.shape)
        forbidden = self._allowed[1]
        for row in self._changed:
            part = self._parts[row]
            bits = self._blocks[row] != self.before.desktop[part]
            bits &= forbidden[part]
            if bits.any() and ((self._blocks[row] ^ self.before.desktop[part])[bits] & _COLOUR).any():
                return False
        return True


def forbidden_bits(allowed: Sequence[Rect], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True where no pixel may change: outside of all the rectangles, which may leave the desktop."""
    bits = np.ones(shape, np.bool_)
    for r in allowed:
        bits[max(r.y, 0) : max(r.y + r.h, 0), max(r.x, 0) : max(r.x + r.w, 0)] = False
    return bits


def _same(desktop: Pixels, expected: Pixels) -> bool:
    if desktop.shape != expected.shape:
        return False
    wanted = np.ascontiguousarray(expected)
    if not _memcmp(desktop.ctypes.data, wanted.ctypes.data, desktop.nbytes):
        return True
    return not ((desktop ^ wanted) & _COLOUR).any()
