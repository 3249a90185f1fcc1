"""Windows that say whose frame they show: found anywhere on a screen, decoded, and held to what they should show.

The strip of a window is at its left edge (docs/weston.md). Its content follows from what the strip says, so that of a
window that is half covered the rest can still be checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.frames.identity import crc8
from harness.frames.tiles import TileTable
from harness.geometry import Rect

STRIP_WIDTH = 32  # pixels
BAND_HEIGHT = 20

_CELL = 2  # pixels; 16 of them make a row of two bytes
_BYTES = 20
_HEAD, _TAIL = b"\xa5\xc3", 0x5A
_WHITE = 0xFFFFFF
_BAR, _STEP = 16, 4  # the bar's width, and how far it goes in a frame
_MOST = 4096  # pixels: a window that claims to be larger is no window

Pixels = NDArray[np.uint32]
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One window as its strip tells it. `place` is all of it, strip and content, and may reach over the screen's edge.

    `inputs` is the CRC-8 of all input that its client was given; `bands` counts the bands that could be read.
    """

    id: int
    frame: int
    crc: int
    x: int
    y: int
    width: int
    height: int
    bands: int
    inputs: int = 0

    @property
    def place(self) -> Rect:
        return Rect(self.x, self.y, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one window shows. `wrong` is empty where everything that is to be seen of it is as it should be.

    `seen` counts its pixels on the screen that are its own, `hidden` those that show another window; `by` are the ids
    of those that cover it.
    """

    window: Window
    seen: int
    hidden: int
    wrong: str = ""
    by: tuple[int, ...] = ()


def find_windows(pixels: Pixels) -> tuple[Window, ...]:
    """All windows of which at least one band of the strip is whole, by id.

    A window of which bands of two frames are to be seen (a torn picture) is there twice.
    """
    bands: Counter[tuple[int, int, int, int, int, int, int, int]] = Counter()
    for x, y in _candidates(pixels):
        data = _band(pixels, x, y)
        if data is not None:
            inputs, index = data[16], data[17]
            content, height = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
            if 0 < content <= _MOST and BAND_HEIGHT <= height <= _MOST and index < height // BAND_HEIGHT:
                client, number = int.from_bytes(data[2:4], "big"), int.from_bytes(data[8:12], "big")
                top, crc = y - index * BAND_HEIGHT, int.from_bytes(data[12:16], "big")
                bands[client, number, crc, x, top, content + STRIP_WIDTH, height, inputs] += 1
    return tuple(sorted(Window(*key[:7], bands=count, inputs=key[7]) for key, count in bands.items()))


def examine(
    pixels: Pixels, windows: Iterable[Window], may_cover: Callable[[int, int], bool] = lambda above, below: True
) -> tuple[Sight, ...]:
    """Hold each window to the picture that its strip promises. A pixel may show another window that lies there too, if
    *may_cover* says of their ids that the one may lie over the other.
    """
    pictures = {window: picture(window) for window in windows}
    right: dict[Window, Bits] = {}
    for window, expected in pictures.items():
        at = _on_screen(window.place, pixels)
        right[window] = pixels[_slices(at)] == expected[_slices(at, window.place)]
    return tuple(_sight(window, pixels, right, may_cover) for window in pictures)


def picture(window: Window) -> Pixels:
    """What all of *window* should show, strip and content: shape (height, width), 0x00RRGGBB."""
    whole = np.empty((window.height, window.width), np.uint32)
    whole[:, :STRIP_WIDTH] = _strip(window)
    whole[:, STRIP_WIDTH:] = content(window.id, window.frame, window.width - STRIP_WIDTH, window.height, window.inputs)
    return whole


def content(client: int, frame: int, width: int, height: int, inputs: int = 0) -> Pixels:
    """What client *client* draws beside its strip in its frame number *frame*."""
    base = 0x303030 + (((client + 256 * inputs) * 0x9E3779B1 >> 8) & 0x7F7F7F)
    rows, columns = np.arange(height, dtype=np.uint32)[:, None], np.arange(width, dtype=np.uint32)
    pixels = np.where((rows ^ columns) & 8, base + 0x101010, base).astype(np.uint32)
    start = frame * _STEP % width
    for column in range(start, start + _BAR):  # one by one: in a window narrower than the bar a column is met twice
        pixels[:, column % width] ^= _WHITE
    return pixels


@lru_cache(maxsize=1024)
def content_crc(client: int, frame: int, width: int, height: int, inputs: int = 0) -> int:
    """CRC-32 of the tile table of that content (docs/protocol.md, Frame identity)."""
    return TileTable().crc(content(client, frame, width, height, inputs))


def _candidates(pixels: Pixels) -> Iterator[tuple[int, int]]:
    """Places (x, y) at which the first row of a band may begin; a row of pixels further down too."""
    if pixels.shape[0] < BAND_HEIGHT or pixels.shape[1] < STRIP_WIDTH:
        return
    white, black = pixels == _WHITE, pixels == 0
    head = [bool(byte >> (7 - bit) & 1) for byte in _HEAD for bit in range(8)]
    width = pixels.shape[1] - STRIP_WIDTH + 1
    found = white[:, :width].copy()  # the head's first bit is 1
    for cell, is_white in enumerate(head):
        for x in (cell * _CELL, cell * _CELL + 1):
            found &= (white if is_white else black)[:, x : x + width]
    for y, x in np.argwhere(found):
        yield int(x), int(y)


def _band(pixels: Pixels, x: int, y: int) -> bytes | None:
    """The bytes of the band at (x, y), None if it is not whole."""
    area = pixels[y : y + BAND_HEIGHT, x : x + STRIP_WIDTH]
    if area.shape != (BAND_HEIGHT, STRIP_WIDTH):
        return None
    corners = area[::_CELL, ::_CELL]
    if not (area == corners.repeat(_CELL, axis=0).repeat(_CELL, axis=1)).all():
        return None
    if not ((corners == 0) | (corners == _WHITE)).all():
        return None
    data = np.packbits(corners == _WHITE, axis=1).tobytes()
    return data if data[:2] == _HEAD and data[-1] == _TAIL and crc8(data[:18]) == data[18] else None


def _strip(window: Window) -> Pixels:
    bands = window.height // BAND_HEIGHT
    strip = np.zeros((window.height, STRIP_WIDTH), np.uint32)
    head = _HEAD + window.id.to_bytes(2, "big") + (window.width - STRIP_WIDTH).to_bytes(2, "big")
    head += window.height.to_bytes(2, "big") + window.frame.to_bytes(4, "big") + window.crc.to_bytes(4, "big")
    for index in range(bands):
        data = head + bytes((window.inputs, index))
        data += bytes((crc8(data), _TAIL))
        cells = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(_BYTES // 2, 16).astype(np.uint32) * np.uint32(
            _WHITE
        )
        strip[index * BAND_HEIGHT : (index + 1) * BAND_HEIGHT] = cells.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    return strip


def _sight(window: Window, pixels: Pixels, right: dict[Window, Bits], may_cover: Callable[[int, int], bool]) -> Sight:
    own = right[window]
    at = _on_screen(window.place, pixels)
    allowed, others, by, under = np.zeros_like(own), np.zeros_like(own), [], []
    for other, bits in right.items():
        place = _on_screen(other.place, pixels)
        shared = overlap(at, place)
        if other == window or shared is None:
            continue
        part = _slices(shared, at)
        theirs = bits[_slices(shared, place)] & ~own[part]
        if not theirs.any():
            continue
        by.append(other.id)
        others[part] |= theirs
        if may_cover(other.id, window.id):
            allowed[part] |= theirs
        else:
            under.append((other.id, part, theirs))
    wrong = _wrong(window, pixels, at, own | others)
    for other_id, part, theirs in under:
        count = int((theirs & ~allowed[part]).sum())
        if not wrong and count:
            wrong = f"client {other_id} lies over it ({count} pixels), and belongs under it"
    return Sight(window, int(own.sum()), int(others.sum()), wrong, tuple(sorted(by)))


def _wrong(window: Window, pixels: Pixels, at: Rect, explained: Bits) -> str:
    promised = content_crc(window.id, window.frame, window.width - STRIP_WIDTH, window.height, window.inputs)
    if promised != window.crc:
        return f"its strip says content CRC {window.crc:08x}, frame {window.frame} has {promised:08x}"
    if explained.all():
        return ""
    y, x = (int(value) for value in np.argwhere(~explained)[0])
    expected = int(picture(window)[y + at.y - window.y, x + at.x - window.x])
    got = int(pixels[y + at.y, x + at.x])
    count = int((~explained).sum())
    differ = f"{count} pixel{'s differ' if count > 1 else ' differs'} from frame {window.frame}"
    return f"{differ}, first ({x + at.x}, {y + at.y}) is {got:06x}, expected {expected:06x}"


def _on_screen(place: Rect, pixels: Pixels) -> Rect:
    height, width = pixels.shape
    shown = overlap(place, Rect(0, 0, width, height))
    return Rect(0, 0, 0, 0) if shown is None else shown


def overlap(a: Rect, b: Rect) -> Rect | None:
    """What lies in both, None: nothing."""
    x, y = max(a.x, b.x), max(a.y, b.y)
    w, h = min(a.x + a.w, b.x + b.w) - x, min(a.y + a.h, b.y + b.h) - y
    return Rect(x, y, w, h) if w > 0 and h > 0 else None


def _slices(part: Rect, inside: Rect | None = None) -> tuple[slice, slice]:
    """The pixels of *part* in an array that begins at the corner of *inside* (or of the screen)."""
    x, y = (part.x, part.y) if inside is None else (part.x - inside.x, part.y - inside.y)
    return slice(y, y + part.h), slice(x, x + part.w)
