"""A frame and what can be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class FrameVerdict(StrEnum):
    """What a picture of the screen turned out to be."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"  # pixels differ from what they should be
    TORN = "TORN"  # parts of two frames
    STALE = "STALE"  # an older frame than the guest claims to have presented
    BLANK = "BLANK"  # one colour only
    UNSTABLE = "UNSTABLE"  # would not hold still long enough to be judged


@dataclass(frozen=True, slots=True)
class Frame:
    """One capture. `pixels` is height × width uint32, 0x00RRGGBB; `digest` is the xxh3-128 of those bytes, hex."""

    pixels: NDArray[np.uint32]
    digest: str
    host_ns: int
    way: str  # "vram" or "screendump"

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])
