"""The computed oracle: the pixels that the reference desktop must show for a scene (docs/reference-guest.md, "Scene").

Written from the documents; it shares no code, table or geometry with the guest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.clients.scene import DESKTOP_HEIGHT, DESKTOP_WIDTH, SceneView, WindowView
from harness.frames.font import CELL_HEIGHT, CELL_WIDTH, line
from harness.frames.types import Rect

Pixels = NDArray[np.uint32]

BACKGROUND, GRID, GRID_STEP = 0x1E2A38, 0x263546, 64
PANEL, PANEL_ROWS, PANEL_TEXT, PANEL_TEXT_COLOUR = 0x10161E, 24, "RayOS reference", 0x9FB4CC
BORDER_FOCUSED, BORDER = 0xFFFFFF, 0x0A0D12
TITLE_TOP, TITLE_BOTTOM = (
    1,
    19,
)  # rows of a window: title bar from the first to before the second, content from the second
CONTENT_MARGIN = 4  # pixels between the content's edge and its text
CURSOR_SIZE = 12
WHITE, BLACK = 0xFFFFFF, 0x000000
_CHECKER = np.uint32(0x202020)


def render(view: SceneView, width: int = DESKTOP_WIDTH, height: int = DESKTOP_HEIGHT) -> Pixels:
    """The desktop's pixels 0x00RRGGBB, shape (height, width).

    :raises IndexError: if a window's text has characters that the font lacks.
    """
    desktop = _empty(width, height).copy()
    for window in view.windows:
        _window(desktop, window)
    if view.cursor is not None:
        _cursor(desktop, *view.cursor)
    return desktop


@lru_cache(maxsize=4)
def _empty(width: int, height: int) -> Pixels:
    desktop = np.full((height, width), BACKGROUND, np.uint32)
    desktop[::GRID_STEP, :] = GRID
    desktop[:, ::GRID_STEP] = GRID
    desktop[:PANEL_ROWS] = PANEL
    _text(desktop, PANEL_TEXT, 8, 8, PANEL_TEXT_COLOUR, Rect(0, 0, width, PANEL_ROWS))
    return desktop


def _window(desktop: Pixels, w: WindowView) -> None:
    _fill(desktop, Rect(w.x, w.y, w.w, w.h), BORDER_FOCUSED if w.focused else BORDER)
    title = Rect(w.x + 1, w.y + TITLE_TOP, w.w - 2, TITLE_BOTTOM - TITLE_TOP)
    _fill(desktop, title, w.color >> 1 & 0x7F7F7F)
    _text(desktop, f"client {w.id}", w.x + 6, w.y + 6, WHITE, title)
    content = Rect(w.x + 1, w.y + TITLE_BOTTOM, w.w - 2, w.h - TITLE_BOTTOM - 1)
    if w.checker:
        _paint(desktop, content, lambda xs, ys: _checker(w, xs, ys))
    else:
        _fill(desktop, content, w.color)
    _typed(desktop, w.text, content)


def _checker(w: WindowView, xs: NDArray[np.intp], ys: NDArray[np.intp]) -> Pixels:
    odd = ((xs + w.phase >> 3)[None, :] + (ys >> 3)[:, None] & 1).astype(np.uint32)
    return np.uint32(w.color) ^ odd * _CHECKER


def text_rows(text: str, columns: int, rows: int) -> list[str]:
    """The first *rows* rows of *text*: a newline starts a row, and so does a character that finds its row full."""
    laid = [""]
    for character in text:
        if character == "\n":
            laid.append("")
        elif len(laid[-1]) == columns:
            laid.append(character)
        else:
            laid[-1] += character
    return laid[:rows]


def _typed(desktop: Pixels, text: str, content: Rect) -> None:
    columns = (content.w - 2 * CONTENT_MARGIN) // CELL_WIDTH
    rows = (content.h - 2 * CONTENT_MARGIN) // CELL_HEIGHT
    for index, row in enumerate(text_rows(text, columns, rows)):
        top = content.y + CONTENT_MARGIN + index * CELL_HEIGHT
        _text(desktop, row, content.x + CONTENT_MARGIN, top, WHITE, content)


def _cursor(desktop: Pixels, x: int, y: int) -> None:
    row, column = np.indices((CURSOR_SIZE, CURSOR_SIZE))
    edge = (column == 0) | (column == row) | (row == CURSOR_SIZE - 1)
    shape = np.where(edge, np.uint32(BLACK), np.uint32(WHITE))
    part = desktop[
        y : y + CURSOR_SIZE, x : x + CURSOR_SIZE
    ]  # the hot spot lies on the desktop; numpy clips the far edges
    height, width = part.shape
    inside = (column <= row)[:height, :width]
    part[inside] = shape[:height, :width][inside]


def _clip(desktop: Pixels, area: Rect) -> tuple[slice, slice]:
    """Rows and columns of *area* that lie on the desktop."""
    height, width = desktop.shape
    top, bottom = max(area.y, 0), min(area.y + area.h, height)
    left, right = max(area.x, 0), min(area.x + area.w, width)
    return slice(top, max(bottom, top)), slice(left, max(right, left))


def _fill(desktop: Pixels, area: Rect, colour: int) -> None:
    desktop[_clip(desktop, area)] = colour


def _paint(desktop: Pixels, area: Rect, pixels: Callable[[NDArray[np.intp], NDArray[np.intp]], Pixels]) -> None:
    """Fill *area* with what *pixels* gives for columns and rows counted from the area's own top left."""
    rows, columns = _clip(desktop, area)
    xs = np.arange(columns.start, columns.stop) - area.x
    ys = np.arange(rows.start, rows.stop) - area.y
    desktop[rows, columns] = pixels(xs, ys)


def _text(desktop: Pixels, text: str, x: int, y: int, colour: int, part: Rect) -> None:
    """Draw one line with its top left at (x, y), set pixels only, clipped to *part* and the desktop."""
    if not text:
        return
    shape = line(text)
    height, width = shape.shape
    rows, columns = _clip(desktop, part)
    top, bottom = max(y, rows.start), min(y + height, rows.stop)
    left, right = max(x, columns.start), min(x + width, columns.stop)
    if top < bottom and left < right:
        desktop[top:bottom, left:right][shape[top - y : bottom - y, left - x : right - x]] = colour
