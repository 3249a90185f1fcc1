"""Painting on a part of the desktop: everything is given in desktop coordinates and cut to the part's edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.frames.font import CELL_HEIGHT, CELL_WIDTH, line
from harness.geometry import Rect

Pixels = NDArray[np.uint32]
Steps = NDArray[np.intp]


class Part:
    """The rectangle *area* of *desktop*, which it must lie in; painting writes to that array."""

    __slots__ = ("area", "bottom", "left", "pixels", "right", "top")

    def __init__(self, desktop: Pixels, area: Rect) -> None:
        self.area = area
        self.left, self.top = area.x, area.y
        self.right, self.bottom = area.x + area.w, area.y + area.h
        self.pixels = desktop[self.top : self.bottom, self.left : self.right]

    def within(self, area: Rect) -> bool:
        """Whether all of it lies in *area*."""
        return (
            area.x <= self.left
            and area.y <= self.top
            and self.right <= area.x + area.w
            and self.bottom <= area.y + area.h
        )

    def touches(self, area: Rect) -> bool:
        return (
            area.x < self.right and area.y < self.bottom and self.left < area.x + area.w and self.top < area.y + area.h
        )

    def cut(self, area: Rect) -> Part | None:
        """What of *area* lies in this part."""
        left, top = max(area.x, self.left), max(area.y, self.top)
        right, bottom = min(area.x + area.w, self.right), min(area.y + area.h, self.bottom)
        if left >= right or top >= bottom:
            return None
        other = Part.__new__(Part)
        other.area = Rect(left, top, right - left, bottom - top)
        other.left, other.top, other.right, other.bottom = left, top, right, bottom
        other.pixels = self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return other

    def fill(self, area: Rect, colour: int) -> None:
        part = self.cut(area)
        if part is not None:
            part.pixels[:] = colour

    def steps(self, x: int, y: int) -> tuple[Steps, Steps]:
        """Columns and rows of this part, counted from the desktop's pixel (x, y)."""
        return np.arange(self.left - x, self.right - x), np.arange(self.top - y, self.bottom - y)

    def stamp(self, shape: NDArray[np.bool_], x: int, y: int, colour: Pixels | int) -> None:
        """Set the pixels where *shape*, its top left at (x, y), is True; *colour* is one or as large as the shape."""
        height, width = shape.shape
        part = self.cut(Rect(x, y, width, height))
        if part is None:
            return
        rows, columns = slice(part.top - y, part.bottom - y), slice(part.left - x, part.right - x)
        inside = shape[rows, columns]
        part.pixels[inside] = colour if isinstance(colour, int) else colour[rows, columns][inside]

    def text(self, text: str, x: int, y: int, colour: int) -> None:
        """One line with its top left at (x, y), set pixels only."""
        if text and self.touches(Rect(x, y, CELL_WIDTH * len(text), CELL_HEIGHT)):
            self.stamp(line(text), x, y, colour)
