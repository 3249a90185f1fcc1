"""Masks of goldens: what of a picture is never compared, who answers for that, and until when.

`NAME.mask.toml` holds `owner`, `expires` (a date) and `[[ignore]]` tables of x, y, w, h and a reason; beside it may lie
`NAME.mask.png`, white where ignored.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.frames.compare import ignore_rects
from harness.frames.png import load_png
from harness.geometry import Rect
from harness.toml import load_toml

Bits = NDArray[np.bool_]

MOST = 0.02  # share of a picture that may be masked where the guest is ours: one that needs more has something to hide
_KEYS = {"owner", "expires", "ignore"}


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask as its files say it; *drawn* is the picture, where there is one."""

    file: Path
    owner: str
    expires: datetime.date
    rects: tuple[Rect, ...]
    drawn: Path | None

    def bits(self, width: int, height: int) -> Bits:
        """True where a picture of this size is not compared, shape (height, width).

        :raises UsageError: if the mask does not fit.
        """
        try:
            bits = ignore_rects(self.rects, width, height)
        except UsageError as error:
            raise UsageError(f"{self.file}: {error.what}") from error
        if self.drawn is not None:
            drawn = load_png(self.drawn) != 0
            if drawn.shape != (height, width):
                raise UsageError(
                    f"{self.drawn} is {drawn.shape[1]}×{drawn.shape[0]} pixels, its picture {width}×{height}"
                )
            bits |= drawn
        return bits

    def refuse_expired(self, today: datetime.date) -> None:
        """:raises UsageError: if it does not hold any more; it holds to the end of the day that it names."""
        if today > self.expires:
            raise UsageError(
                f"{self.file} expired on {self.expires}; its owner is {self.owner}",
                f"ask {self.owner} whether these places still differ: remove the mask, or set a new date",
            )

    def refuse_large(self, width: int, height: int) -> None:
        """:raises UsageError: if it hides more than `MOST` of a picture of this size."""
        share = float(self.bits(width, height).mean())
        if share > MOST:
            raise UsageError(
                f"{self.file} hides {share:.1%} of the picture; where frames have an identity, {MOST:.0%} is the most",
                "mask what differs and no more, or make the guest draw it reproducibly",
            )


def load_mask(folder: Path, name: str) -> Mask | None:
    """The mask of check *name*; None without one.

    :raises UsageError: if its files cannot be used, or say neither owner nor date.
    """
    file, drawn = folder / f"{name}.mask.toml", folder / f"{name}.mask.png"
    if not file.is_file():
        if drawn.is_file():
            raise UsageError(f"{drawn} has no {file.name} beside it, which says its owner and when it expires")
        return None
    try:
        return _read(file, drawn if drawn.is_file() else None)
    except UsageError as error:
        raise UsageError(error.what if str(file) in error.what else f"{file}: {error.what}", error.hint) from error


def _read(file: Path, drawn: Path | None) -> Mask:
    data = load_toml(file).data
    if set(data) - _KEYS:
        raise UsageError(f"a mask holds owner, expires and [[ignore]] tables, not {sorted(set(data) - _KEYS)[0]!r}")
    owner, expires = data.get("owner"), data.get("expires")
    if not isinstance(owner, str) or not owner.strip():
        raise UsageError("a mask has an owner: who can tell whether it is still needed")
    if type(expires) is not datetime.date:
        raise UsageError("a mask has a day on which it expires, as in expires = 2030-12-31")
    tables: Any = data.get("ignore", [])
    if not isinstance(tables, list) or not (tables or drawn):
        raise UsageError("a mask hides something: write [[ignore]] tables")
    return Mask(file, owner, expires, tuple(_rect(number, table) for number, table in enumerate(tables, 1)), drawn)


def _rect(number: int, table: Any) -> Rect:
    if not isinstance(table, dict) or not set("xywh") <= set(table) <= {*"xywh", "reason"}:
        raise UsageError(f"[[ignore]] number {number} should have x, y, w, h and may have a reason")
    x, y, w, h = (table[key] for key in "xywh")
    if not all(type(value) is int for value in (x, y, w, h)):
        raise UsageError(f"[[ignore]] number {number}: x, y, w and h are whole pixels")
    return Rect(x, y, w, h)
