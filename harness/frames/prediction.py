"""Frames told in advance: pixels, tile table and CRC of each, at a cost that goes with its damage."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import xxhash

from harness.clients.scene_views import DESKTOP, DESKTOP_HEIGHT, DESKTOP_WIDTH, SceneView
from harness.frames.oracle import repaint
from harness.frames.paint import Pixels
from harness.frames.tiles import TILE, Table, tile_row
from harness.geometry import Rect


class Prediction:
    """The desktop that must be on the screen, carried from frame to frame.

    It holds the frame of `view` given last. `pixels` and `table` are its own arrays: read only, and changed by `show`.
    """

    def __init__(self, view: SceneView | None = None) -> None:
        self._desktop: Pixels = np.zeros((DESKTOP_HEIGHT, DESKTOP_WIDTH), np.uint32)
        rows, columns = -(-DESKTOP_HEIGHT // TILE), -(-DESKTOP_WIDTH // TILE)
        self._table: Table = np.zeros((rows, columns), np.uint64)
        self._stale = np.zeros((rows, columns), np.bool_)
        self.show(view or SceneView(), (DESKTOP,))

    def show(self, view: SceneView, damage: Iterable[Rect]) -> None:
        """Go on to the next frame.

        :param damage: rectangles on the desktop; outside of them the frame is as the one before.
        """
        for area in _merged(damage):
            repaint(self._desktop, view, area)
            self._stale[
                area.y // TILE : (area.y + area.h - 1) // TILE + 1, area.x // TILE : (area.x + area.w - 1) // TILE + 1
            ] = True

    @property
    def pixels(self) -> Pixels:
        """The desktop, 0x00RRGGBB, shape (768, 992)."""
        seen = self._desktop.view()
        seen.flags.writeable = False
        return seen

    @property
    def table(self) -> Table:
        """Checksums of its tiles, as `harness.frames.tiles.TileTable.update` gives them."""
        if self._stale.any():
            for row in np.nonzero(self._stale.any(axis=1))[0].tolist():
                for first, last in _runs(self._stale[row]):
                    y, x, end = row * TILE, first * TILE, last * TILE
                    tile_row(self._desktop[y : y + TILE, x:end], self._table[row, first:last])
            self._stale[:] = False
        seen = self._table.view()
        seen.flags.writeable = False
        return seen

    @property
    def digest(self) -> str:
        """xxh3-64 of the table, as `harness.frames.ledger.Entry.digest`."""
        return xxhash.xxh3_64_hexdigest(self.table.astype("<u8", copy=False).tobytes())

    @property
    def crc(self) -> int:
        """CRC-32 of the table: the frame's identity beside its number."""
        return zlib.crc32(self.table.astype("<u8", copy=False).tobytes())


def _merged(damage: Iterable[Rect]) -> list[Rect]:
    """The rectangles without those that lie in another one of them, so that nothing is painted twice for nothing."""
    kept: list[Rect] = []
    for area in sorted(set(damage), key=lambda r: -r.w * r.h):
        if not any(_within(area, other) for other in kept):
            kept.append(area)
    return kept


def _within(a: Rect, b: Rect) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.w <= b.x + b.w and a.y + a.h <= b.y + b.h


def _runs(stale: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and one past last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], stale, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
