"""The judgement of one frame, as the judge stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.frames.types import FrameVerdict
from harness.geometry import Rect


@dataclass(frozen=True, slots=True)
class PixelPair:
    """One pixel that differs; values are 0x00RRGGBB."""

    x: int
    y: int
    expected: int
    got: int

    def __str__(self) -> str:
        return f"({self.x}, {self.y}) is {self.got:06x}, expected {self.expected:06x}"


@dataclass(frozen=True, slots=True)
class FrameResult:
    """Verdict and what it rests on.

    `number` and `crc` are what the identity strip says (None without one). `differing` counts pixels, `box` is their
    bounding box, `first` the first of them row by row; None where pixels were not compared one by one. `windows` says
    of each client's window what of it is to be seen, where windows were looked for.
    """

    verdict: FrameVerdict
    reason: str
    number: int | None = None
    crc: int | None = None
    differing: int = 0
    box: Rect | None = None
    first: PixelPair | None = None
    windows: tuple[dict[str, Any], ...] = ()

    @property
    def matches(self) -> bool:
        return self.verdict is FrameVerdict.MATCH

    def to_json(self) -> dict[str, Any]:
        """As JSON: colours and CRC as hex strings, the box as [x, y, w, h]; what is not known is left out."""
        found: dict[str, Any] = {"verdict": str(self.verdict), "reason": self.reason}
        if self.number is not None:
            found["number"] = self.number
        if self.crc is not None:
            found["crc"] = f"{self.crc:08x}"
        if self.differing:
            found["differing"] = self.differing
        if self.box is not None:
            found["box"] = [self.box.x, self.box.y, self.box.w, self.box.h]
        if self.first is not None:
            first = self.first
            found["first"] = {
                "x": first.x,
                "y": first.y,
                "expected": f"{first.expected:06x}",
                "got": f"{first.got:06x}",
            }
        if self.windows:
            found["windows"] = list(self.windows)
        return found
