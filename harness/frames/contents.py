"""The pixels of a window's content (docs/reference-guest.md, "Scene" and "Workloads"), any part of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.clients.scene_views import BLOCK, Blocks, Content
from harness.frames.font import CELL_HEIGHT, CELL_WIDTH
from harness.frames.paint import Part, Pixels
from harness.geometry import Rect

MARGIN = 4  # pixels between the content's edge and its text
TEXT_DARK, TEXT_LIGHT = 0xFFFFFF, 0x000000  # in the themes of these names

_CHECKER = np.uint32(0x202020)
_MASK = np.uint32(0xFFFFFF)
_CELL = 16  # pixels of a picture's cell
_BLOCK_COLOURS = np.uint32(0x5BD1E995)


def mixed(seed: int | np.uint32, steps: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """mix(seed, k) for each k, in arithmetic modulo 2^32."""
    z = np.uint32(seed) + (steps + np.uint32(1)) * np.uint32(0x9E3779B9)
    z = (z ^ z >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    z = (z ^ z >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    mixed: NDArray[np.uint32] = z ^ z >> np.uint32(16)
    return mixed


def paint_content(part: Part, content: Content, inner: Rect) -> None:
    """Paint what of *content*, which fills *inner*, lies in *part*.

    :raises IndexError: if the text has characters that the font lacks.
    """
    seen = part.cut(inner)
    if seen is None:
        return
    if content.surface is not None:
        _surface(seen, content.surface.pixels, inner)
    elif content.picture is not None:
        _picture(seen, content.picture, inner)
    elif content.checker:
        _checker(seen, content, inner)
    else:
        seen.pixels[:] = content.color
    for run in content.blocks:
        _blocks(seen, run, inner)
    if content.text:
        _typed(seen, content, inner)


def _checker(seen: Part, content: Content, inner: Rect) -> None:
    """Rows of a cell are alike, and every second row of cells: two rows are computed, the others are copies."""
    columns, rows = seen.steps(inner.x, inner.y)
    odd = columns + content.phase >> 3 & 1
    colours = np.array([content.color, content.color ^ int(_CHECKER)], np.uint32)
    pair = np.stack((colours[odd], colours[1 - odd]))
    seen.pixels[:] = pair[rows >> 3 & 1]


def _picture(seen: Part, seed: int, inner: Rect) -> None:
    columns, rows = (steps // _CELL for steps in seen.steps(inner.x, inner.y))
    i = np.arange(columns[0], columns[-1] + 1, dtype=np.uint32)
    j = np.arange(rows[0], rows[-1] + 1, dtype=np.uint32)
    cells = mixed(seed, j[:, None] * np.uint32(64) + i) & _MASK
    seen.pixels[:] = cells[:, columns - columns[0]][rows - rows[0]]


def _surface(seen: Part, pixels: Pixels, inner: Rect) -> None:
    height, width = pixels.shape
    covered = seen.cut(Rect(inner.x, inner.y, width, height))
    if covered is None or (covered.area.w, covered.area.h) != (seen.area.w, seen.area.h):
        seen.pixels[:] = 0
    if covered is not None:
        top, left = covered.top - inner.y, covered.left - inner.x
        covered.pixels[:] = pixels[top : top + covered.area.h, left : left + covered.area.w]


class _Drawn:
    """Places and colours of the blocks of one seed in contents of one size, as far as they were asked for."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        self._seed, self._width, self._height = seed, width, height
        self.x = self.y = self.colour = np.zeros(0, np.uint32)

    def upto(self, stop: int) -> None:
        if stop > len(self.x):
            steps = np.arange(max(stop, 2 * len(self.x), 256), dtype=np.uint32)
            m = mixed(self._seed, steps)
            self.x = m % np.uint32(self._width - BLOCK + 1)
            self.y = (m >> np.uint32(16)) % np.uint32(self._height - BLOCK + 1)
            self.colour = mixed(np.uint32(self._seed) ^ _BLOCK_COLOURS, steps) & _MASK


@lru_cache(maxsize=128)
def _drawn(seed: int, width: int, height: int) -> _Drawn:
    return _Drawn(seed, width, height)


def _blocks(seen: Part, blocks: Blocks, inner: Rect) -> None:
    drawn = _drawn(blocks.seed, inner.w, inner.h)
    drawn.upto(blocks.stop)
    run = slice(blocks.start, blocks.stop)
    x, y = drawn.x[run], drawn.y[run]
    left, top = seen.left - inner.x, seen.top - inner.y
    right, bottom = left + seen.area.w, top + seen.area.h
    hits = np.nonzero((x < right) & (y < bottom) & (x + np.uint32(BLOCK) > left) & (y + np.uint32(BLOCK) > top))[0]
    colours = drawn.colour[run]
    for index in hits.tolist():
        bx, by = int(x[index]) - left, int(y[index]) - top
        seen.pixels[max(by, 0) : by + BLOCK, max(bx, 0) : bx + BLOCK] = colours[index]


@lru_cache(maxsize=512)
def text_rows(text: str, columns: int, rows: int) -> tuple[str, ...]:
    """The first *rows* rows of *text*: a newline starts a row, and so does a character that finds its row full."""
    laid = [""]
    for character in text:
        if character == "\n":
            laid.append("")
        elif len(laid[-1]) == columns:
            laid.append(character)
        else:
            laid[-1] += character
    return tuple(laid[:rows])


def _typed(seen: Part, content: Content, inner: Rect) -> None:
    columns, rows = (inner.w - 2 * MARGIN) // CELL_WIDTH, (inner.h - 2 * MARGIN) // CELL_HEIGHT
    colour = TEXT_LIGHT if content.light else TEXT_DARK
    for index, row in enumerate(text_rows(content.text, columns, rows)):
        seen.text(row, inner.x + MARGIN, inner.y + MARGIN + index * CELL_HEIGHT, colour)
