"""The computed oracle: the pixels that the reference desktop must show for a scene (docs/reference-guest.md, "Scene").

Written from the documents; it shares no code, table or geometry with the guest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.clients.scene_views import (
    BORDER,
    CURSOR_SIZE,
    DESKTOP_HEIGHT,
    DESKTOP_WIDTH,
    TITLE_ROWS,
    SceneView,
    WindowView,
)
from harness.frames.contents import paint_content
from harness.frames.paint import Part, Pixels
from harness.geometry import Rect

__all__ = ["DARK", "LIGHT", "Pixels", "Theme", "render", "repaint"]

GRID_STEP, PANEL_ROWS, PANEL_TEXT = 64, 24, "RayOS reference"
BORDER_FOCUSED, BORDER_PLAIN = 0xFFFFFF, 0x0A0D12
WHITE, BLACK = 0xFFFFFF, 0x000000


@dataclass(frozen=True, slots=True)
class Theme:
    """The compositor's colours. A title bar has its window's accent, halved in each channel, plus `title`."""

    background: int
    grid: int
    panel: int
    panel_text: int
    title_text: int
    title: int


DARK = Theme(0x1E2A38, 0x263546, 0x10161E, 0x9FB4CC, WHITE, 0)
LIGHT = Theme(0xC8D2DC, 0xBAC6D2, 0xE8EDF2, 0x30404F, BLACK, 0x808080)


def render(view: SceneView, width: int = DESKTOP_WIDTH, height: int = DESKTOP_HEIGHT) -> Pixels:
    """The desktop's pixels 0x00RRGGBB, shape (height, width).

    :raises IndexError: if a window's text has characters that the font lacks.
    """
    desktop = np.empty((height, width), np.uint32)
    repaint(desktop, view, Rect(0, 0, width, height))
    return desktop


def repaint(desktop: Pixels, view: SceneView, area: Rect) -> None:
    """Paint *area* of *desktop*, which it must lie in, as `render` would; time goes with its size.

    :raises IndexError: as `render`.
    """
    part = Part(desktop, area)
    theme = LIGHT if view.light else DARK
    windows = view.windows
    first = next((i for i in range(len(windows) - 1, -1, -1) if part.within(windows[i].outer)), None)
    if first is None:  # no window hides all that is below it
        height, width = desktop.shape
        part.pixels[:] = _empty(theme, width, height)[part.top : part.bottom, part.left : part.right]
    for window in windows[first or 0 :]:
        if part.touches(window.outer):
            _window(part, window, theme)
    if view.cursor is not None:
        shape, colours = _cursor()
        part.stamp(shape, *view.cursor, colours)


@lru_cache(maxsize=4)
def _empty(theme: Theme, width: int, height: int) -> Pixels:
    desktop = np.full((height, width), theme.background, np.uint32)
    desktop[::GRID_STEP, :] = theme.grid
    desktop[:, ::GRID_STEP] = theme.grid
    desktop[:PANEL_ROWS] = theme.panel
    Part(desktop, Rect(0, 0, width, min(PANEL_ROWS, height))).text(PANEL_TEXT, 8, 8, theme.panel_text)
    return desktop


def _window(part: Part, w: WindowView, theme: Theme) -> None:
    inner = w.inner
    if not w.fullscreen and not part.within(inner):
        _frame(part, w, theme)
    paint_content(part, w.content, inner)


def _frame(part: Part, w: WindowView, theme: Theme) -> None:
    """Border and title bar."""
    border = BORDER_FOCUSED if w.focused else BORDER_PLAIN
    for edge in (
        Rect(w.x, w.y, w.w, BORDER),
        Rect(w.x, w.y + w.h - BORDER, w.w, BORDER),
        Rect(w.x, w.y, BORDER, w.h),
        Rect(w.x + w.w - BORDER, w.y, BORDER, w.h),
    ):
        part.fill(edge, border)
    title = part.cut(Rect(w.x + BORDER, w.y + BORDER, w.w - 2 * BORDER, TITLE_ROWS - BORDER))
    if title is not None:
        title.pixels[:] = (w.color >> 1 & 0x7F7F7F) + theme.title
        title.text(_printable(w.title), w.x + 6, w.y + 6, theme.title_text)


def _printable(title: str) -> str:
    return "".join(c if " " <= c <= "~" else " " for c in title.encode().decode("latin-1"))


@cache
def _cursor() -> tuple[NDArray[np.bool_], Pixels]:
    """Which pixels of its square are the cursor's, and their colours."""
    row, column = np.indices((CURSOR_SIZE, CURSOR_SIZE))
    edge = (column == 0) | (column == row) | (row == CURSOR_SIZE - 1)
    return column <= row, np.where(edge, np.uint32(BLACK), np.uint32(WHITE))
