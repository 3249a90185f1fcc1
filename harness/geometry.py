"""Rectangles in pixels: what scenes, frames and their judges all speak of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels x … x+w-1, y … y+h-1."""

    x: int
    y: int
    w: int
    h: int
