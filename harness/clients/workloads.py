"""The workloads of the reference guest's clients: what each asks for at its tick k (docs/reference-guest.md)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.clients.scene_views import BLOCK, DESKTOP_HEIGHT, DESKTOP_WIDTH
from harness.geometry import Rect

DRAWING = frozenset(("solid", "full", "damage", "media", "resize", "surge"))  # these refuse `redraw` and `animate`
NAMES = DRAWING | {"typist", "pointer", "clipboard", "slow", "hoard"}
SEEDS = range(1 << 32)
RATES = (24, 30)  # media pictures a second

_WORD = 0xFFFFFFFF
_BLOCK_COLOURS = 0x5BD1E995
_FRAMES_A_SECOND = 60
_MOTIONS = 4  # of the workload `pointer`, each tick


def mix(seed: int, k: int) -> int:
    """32 pseudo-random bits, the *k*-th (from 0) of the stream *seed*."""
    z = seed + (k + 1) * 0x9E3779B9 & _WORD
    z = (z ^ z >> 16) * 0x85EBCA6B & _WORD
    z = (z ^ z >> 13) * 0xC2B2AE35 & _WORD
    return z ^ z >> 16


@dataclass(slots=True)
class Work:
    """A workload under way. `k` is its next tick, `base` the window's outer size at its command."""

    name: str
    seed: int = 1
    rate: int = RATES[0]
    base: tuple[int, int] = (0, 0)
    k: int = 0

    @property
    def steady(self) -> bool:
        """Whether each of its ticks damages the content and only the last one decides how it looks."""
        return self.name in {"solid", "full"}


def solid(seed: int, k: int) -> int:
    """The colour of `solid` at tick k."""
    return mix(seed, k) & 0xFFFFFF


def block(seed: int, k: int, width: int, height: int) -> Rect:
    """Where in a content of this size `damage` draws at tick k."""
    m = mix(seed, k)
    return Rect(m % (width - BLOCK + 1), (m >> 16) % (height - BLOCK + 1), BLOCK, BLOCK)


def block_colour(seed: int, k: int) -> int:
    """What it draws there."""
    return mix(seed ^ _BLOCK_COLOURS, k) & 0xFFFFFF


def picture(seed: int, rate: int, k: int) -> int | None:
    """The seed of the picture that `media` draws at tick k, None where it draws none."""
    m = k * rate // _FRAMES_A_SECOND
    drawn = k == 0 or m != (k - 1) * rate // _FRAMES_A_SECOND
    return seed + m & _WORD if drawn else None


def letter(seed: int, k: int) -> str:
    """What `typist` types at tick k, empty where it types nothing."""
    return chr(ord("a") + mix(seed, k) % 26) if k % 6 == 5 else ""


def motions(seed: int, k: int) -> list[tuple[int, int]]:
    """Where `pointer` moves the pointer at tick k, in order."""
    mixed = [mix(seed, _MOTIONS * k + i) for i in range(_MOTIONS)]
    return [(m % DESKTOP_WIDTH, (m >> 16) % DESKTOP_HEIGHT) for m in mixed]


def size(base: tuple[int, int], k: int) -> tuple[int, int]:
    """The outer size that `resize` gives its window at tick k."""
    t = k % 64
    grown = t if t < 32 else 64 - t
    return min(base[0] + grown, DESKTOP_WIDTH), min(base[1] + grown, DESKTOP_HEIGHT)


def surges(k: int) -> bool:
    """Whether `surge` draws at tick k."""
    return k % 360 >= 300


def offers(k: int) -> bool:
    """Whether `clipboard` offers a selection at tick k (if its client has the focus)."""
    return k % 10 == 0


def reads(k: int) -> bool:
    """Whether `slow` reads its events at tick k."""
    return k % 30 == 29
