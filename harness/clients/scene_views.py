"""What the desktop's pixels depend on, as plain values: contents, windows, scenes. Equal values mean equal pixels.

Coordinates are desktop pixels unless said otherwise, colours 0xRRGGBB. The rules are those of docs/reference-guest.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.geometry import Rect

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESKTOP_WIDTH, DESKTOP_HEIGHT = 992, 768  # pixels
DESKTOP = Rect(0, 0, DESKTOP_WIDTH, DESKTOP_HEIGHT)
TITLE_ROWS = 19  # rows y … y+18 of a window: its upper border and its title bar; a press there drags
BORDER = 1
PHASES = 16  # redraw counts after which a checker looks the same again: two cells of eight pixels
BLOCK = 16  # width and height of a block of the workload `damage`
CURSOR_SIZE = 12


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks that the workload `damage` drew at its ticks `start` … `stop`-1, in that order."""

    seed: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Surface:
    """Pixels that a client of the host committed, 0x00RRGGBB, shape (height, width). Equal where the pixels are."""

    pixels: NDArray[np.uint32] = field(compare=False, repr=False)
    digest: bytes

    @classmethod
    def of(cls, pixels: NDArray[np.uint32]) -> Surface:
        """A copy of *pixels*; the highest byte of each is dropped."""
        kept = pixels & pixels.dtype.type(0xFFFFFF)
        kept.flags.writeable = False
        height, width = kept.shape
        return cls(kept, hashlib.sha256(b"%d %d " % (width, height) + kept.tobytes()).digest())


@dataclass(frozen=True, slots=True)
class Content:
    """What a client drew last. From below: `surface`, else `picture`, else colour or checker; `blocks`; `text`."""

    color: int = 0
    checker: bool = False
    phase: int = 0  # redraws modulo `PHASES`; 0 unless it is a checker
    text: str = ""
    light: bool = False  # the text is drawn in the light theme's colour
    picture: int | None = None  # seed of a picture of the workload `media`
    blocks: tuple[Blocks, ...] = ()
    surface: Surface | None = None


@dataclass(frozen=True, slots=True)
class WindowView:
    """One visible window; `x`, `y`, `w`, `h` are its outer rectangle, `color` is the accent of its title bar."""

    id: int
    x: int
    y: int
    w: int
    h: int
    color: int
    focused: bool
    content: Content
    title: str
    fullscreen: bool = False  # neither border nor title bar

    @property
    def text(self) -> str:
        """The typed text that its client shows."""
        return self.content.text

    @property
    def phase(self) -> int:
        """`Content.phase`."""
        return self.content.phase

    @property
    def outer(self) -> Rect:
        return Rect(self.x, self.y, self.w, self.h)

    @property
    def inner(self) -> Rect:
        """Where the content is."""
        return self.outer if self.fullscreen else inside(self.outer)


@dataclass(frozen=True, slots=True)
class SceneView:
    """All that the desktop's pixels depend on: visible windows from bottom to top, the cursor's hot spot, the theme."""

    windows: tuple[WindowView, ...] = ()
    cursor: tuple[int, int] | None = None
    light: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """One frame that a run of ticks presents.

    `tick` counts the run's ticks from 0; `number` is the frame's, None where frames were not counted; `damage` holds
    the declared rectangles clipped to the desktop: outside of them no pixel differs from the frame before.
    """

    tick: int
    number: int | None
    view: SceneView
    damage: tuple[Rect, ...]


def inside(outer: Rect) -> Rect:
    """The content's place in a window with border and title bar."""
    return Rect(outer.x + BORDER, outer.y + TITLE_ROWS, outer.w - 2 * BORDER, outer.h - TITLE_ROWS - BORDER)


def clipped(area: Rect) -> Rect | None:
    """The part of *area* on the desktop, None if there is none."""
    left, top = max(area.x, 0), max(area.y, 0)
    right, bottom = min(area.x + area.w, DESKTOP_WIDTH), min(area.y + area.h, DESKTOP_HEIGHT)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None


class Damage:
    """Declared rectangles since the last presented frame, clipped, each once, in the order of their declaration."""

    def __init__(self) -> None:
        self._areas: dict[Rect, None] = {}

    def add(self, area: Rect) -> None:
        part = clipped(area)
        if part is not None:
            self._areas[part] = None

    def __bool__(self) -> bool:
        return bool(self._areas)

    def take(self) -> tuple[Rect, ...]:
        """All of them; from now on there are none."""
        areas, self._areas = tuple(self._areas), {}
        return areas

    def fork(self) -> Damage:
        other = Damage()
        other._areas = dict(self._areas)
        return other
