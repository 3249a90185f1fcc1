"""Frame identity: which frame a picture shows, whether it is whole, whether its pixels are what was meant."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.frames.result import FrameResult
from harness.frames.tiles import TileTable
from harness.frames.types import Frame, FrameVerdict

STRIP_WIDTH = 32  # pixels at the right edge; what is left of them is the desktop
BAND_HEIGHT = 48

_CELL = 4
_HEAD, _TAIL = 0xA5, 0x5A  # first and last byte of a band
_WHITE = 0xFFFFFF
_KNOWN = 256  # frames whose digest is remembered; a few hundred bytes each

Pixels = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Band:
    """One band of the strip; `number` and `crc` count if it is `ok`: cells, fixed bytes, index and CRC-8 are right.

    `foreign` is a pixel (x, y) that is neither black nor white, which no state of drawing explains.
    """

    index: int
    ok: bool
    number: int = 0
    crc: int = 0
    foreign: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What the strip of one picture says; `number` and `crc` are those of the first readable band, None if none is."""

    bands: tuple[Band, ...]

    @property
    def first(self) -> Band | None:
        return next((b for b in self.bands if b.ok), None)

    @property
    def number(self) -> int | None:
        return None if self.first is None else self.first.number

    @property
    def crc(self) -> int | None:
        return None if self.first is None else self.first.crc

    @property
    def whole(self) -> bool:
        """Whether every band is readable and says the same."""
        return all(b.ok for b in self.bands) and len({(b.number, b.crc) for b in self.bands}) == 1


def _crc8_of_byte(value: int) -> int:
    for _ in range(8):
        value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value


_CRC8 = bytes(_crc8_of_byte(value) for value in range(256))


_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
_ROWS: Pixels = (_BITS.astype(np.uint32) * np.uint32(_WHITE)).repeat(_CELL, axis=1)  # the pixel row of each byte


def crc8(data: bytes, value: int = 0) -> int:
    """CRC-8, polynomial 0x07, start 0 (or *value*, that of the bytes before), no reflection."""
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def desktop_of(pixels: Pixels) -> Pixels:
    """The part of a screen that hashes, goldens, masks and oracles are about: all but the strip."""
    return pixels[:, :-STRIP_WIDTH]


def decode_strip(pixels: Pixels) -> Identity:
    """Read all whole bands of a screen's strip."""
    height, width = pixels.shape
    count = height // BAND_HEIGHT
    if count == 0 or width <= STRIP_WIDTH:
        return Identity(())
    strip = np.ascontiguousarray(pixels[: count * BAND_HEIGHT, width - STRIP_WIDTH :])
    corners = strip[::_CELL, ::_CELL]
    cells = strip == corners.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    whole = cells.reshape(count, -1).all(axis=1)
    data = np.packbits(corners == _WHITE, axis=1).reshape(count, -1)
    foreign = (strip != 0) & (strip != _WHITE)
    places = [_foreign(foreign, i, width - STRIP_WIDTH) for i in range(count)] if foreign.any() else [None] * count
    return Identity(tuple(_band(i, bool(whole[i]), data[i].tobytes(), places[i]) for i in range(count)))


def strip_rows(number: int, crc: int, bands: int) -> Pixels:
    """What the strip of a frame shows, one pixel row for each row of cells: shape (12 × bands, 32), 0x00RRGGBB."""
    head = bytes([_HEAD]) + number.to_bytes(4, "big") + crc.to_bytes(4, "big")
    before = crc8(head)
    rows = b"".join(head + bytes((band, _CRC8[before ^ band], _TAIL)) for band in range(bands))
    return _ROWS[np.frombuffer(rows, np.uint8)]


def _band(index: int, whole: bool, data: bytes, foreign: tuple[int, int] | None) -> Band:
    if (
        not whole
        or foreign is not None
        or (data[0], data[9], data[11]) != (_HEAD, index, _TAIL)
        or crc8(data[:10]) != data[10]
    ):
        return Band(index, ok=False, foreign=foreign)
    return Band(index, True, int.from_bytes(data[1:5], "big"), int.from_bytes(data[5:9], "big"))


def _foreign(foreign: NDArray[np.bool_], index: int, left: int) -> tuple[int, int] | None:
    top = index * BAND_HEIGHT
    hits = np.argwhere(foreign[top : top + BAND_HEIGHT])
    return (left + int(hits[0][1]), top + int(hits[0][0])) if len(hits) else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was worked out of one picture's pixels."""

    identity: Identity
    table_crc: int
    one_colour: int | None


class IdentityChecker:
    """Checks the frames of one run; a frame whose digest was seen before costs nothing again."""

    def __init__(self) -> None:
        self._tiles = TileTable()
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def check(self, frame: Frame, least: int = 0, claim: tuple[int, int] | None = None) -> FrameResult:
        """Judge one frame by its strip, by its pixels, and by what the guest claims.

        In this order, so that each defect has one name: no readable strip (BLANK over one colour, else MISMATCH);
        bands that disagree or are half written (TORN); an older frame than `least` or `claim` (STALE); a desktop of
        one colour (BLANK); a strip with other colours than black and white, a frame newer than the claim, or with
        another CRC than the claim's or the pixels' (MISMATCH).

        :param least: the lowest frame number that may be on the screen.
        :param claim: number and CRC-32 of the frame that the guest says is on the screen, if it stands still.
        """
        seen = self._look(frame)
        identity = seen.identity
        verdict, reason = _verdict(seen, max(least, claim[0] if claim else 0), claim)
        return FrameResult(verdict, reason, identity.number, identity.crc)

    def _look(self, frame: Frame) -> _Seen:
        seen = self._seen.get(frame.digest)
        if seen is None:
            desktop = desktop_of(frame.pixels)
            seen = _Seen(decode_strip(frame.pixels), self._tiles.crc(desktop), one_colour(desktop))
            self._seen[frame.digest] = seen
            if len(self._seen) > _KNOWN:
                self._seen.popitem(last=False)
        return seen


def one_colour(pixels: Pixels) -> int | None:
    """The colour of a picture that has only one, else None."""
    if pixels.size == 0:
        return None
    colour = pixels[0, 0]
    if (pixels[::32, ::32] == colour).all() and (pixels == colour).all():
        return int(colour)
    return None


def _verdict(seen: _Seen, least: int, claim: tuple[int, int] | None) -> tuple[FrameVerdict, str]:
    identity = seen.identity
    number, crc = identity.number, identity.crc
    if number is None or crc is None:
        if seen.one_colour is not None:
            return FrameVerdict.BLANK, f"the whole desktop is {seen.one_colour:06x} and there is no identity strip"
        return FrameVerdict.MISMATCH, "there is no readable identity strip"
    torn = _torn(identity)
    if torn:
        return FrameVerdict.TORN, torn
    if number < least:
        return FrameVerdict.STALE, f"the screen shows frame {number}, the guest says it presented frame {least}"
    if seen.one_colour is not None:
        return FrameVerdict.BLANK, f"the whole desktop is {seen.one_colour:06x}, under the strip of frame {number}"
    return _mismatch(seen, number, crc, claim)


def _torn(identity: Identity) -> str:
    readable = [b for b in identity.bands if b.ok]
    for above, below in pairwise(readable):
        if (above.number, above.crc) != (below.number, below.crc):
            return (
                f"parts of two frames: band {above.index} is of frame {above.number} ({above.crc:08x}), "
                f"band {below.index} of frame {below.number} ({below.crc:08x})"
            )
    half = next((b for b in identity.bands if not b.ok and b.foreign is None), None)
    return "" if half is None else f"band {half.index} of the strip is half written"


def _mismatch(seen: _Seen, number: int, crc: int, claim: tuple[int, int] | None) -> tuple[FrameVerdict, str]:
    foreign = next((b.foreign for b in seen.identity.bands if b.foreign is not None), None)
    if foreign is not None:
        return FrameVerdict.MISMATCH, f"pixel {foreign} of the identity strip is neither black nor white"
    if seen.table_crc != crc:
        return (
            FrameVerdict.MISMATCH,
            f"the pixels of frame {number} have tile table CRC {seen.table_crc:08x}, its strip says {crc:08x}",
        )
    if claim is not None and claim != (number, crc):
        return (
            FrameVerdict.MISMATCH,
            f"the screen shows frame {number} ({crc:08x}), the guest claims frame {claim[0]} ({claim[1]:08x})",
        )
    return FrameVerdict.MATCH, f"frame {number} is whole and its pixels have its CRC {crc:08x}"
