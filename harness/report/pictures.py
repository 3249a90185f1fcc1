"""Pictures of a bundle as data URIs, each once, within a budget."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.report.words import size

BUDGET = 12 * 1024 * 1024  # bytes of PNG in one page: what browsers open at once and mail servers take
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">8sI4sII")  # signature, then the length, type, width and height of the IHDR chunk
_SIDE = 16384  # pixels; a picture that says more is damaged


class Area(NamedTuple):
    """A rectangle of a picture, in pixels."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One embedded picture. `key` names it within the page; width and height in pixels are its own."""

    key: str
    file: str
    width: int
    height: int
    data: str  # base64

    @property
    def area(self) -> Area:
        """All of it."""
        return Area(0, 0, self.width, self.height)


@dataclass(slots=True)
class Album:
    """What of a bundle's pictures the page holds."""

    folder: Path
    left: int = BUDGET
    prefix: str = "picture"  # of the keys: a page may hold pictures of several bundles
    pictures: dict[str, Picture] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # file: why

    def add(self, file: object) -> Picture | None:
        """Embed *file* (relative to the bundle). None, with the reason in `left_out`, if it cannot be."""
        if not isinstance(file, str) or not file:
            return None
        if file in self.pictures or file in self.left_out:
            return self.pictures.get(file)
        try:
            self._embed(file)
        except (OSError, ValueError) as error:
            self.left_out[file] = str(error) if isinstance(error, ValueError) else error.strerror or "cannot be read"
        return self.pictures.get(file)

    def _embed(self, file: str) -> None:
        path = (self.folder / file).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise ValueError("not in the bundle")
        length = path.stat().st_size
        if length > self.left:
            raise ValueError(f"{size(length)}, over what is left of the {size(BUDGET)} for pictures")
        data = path.read_bytes()
        width, height = dimensions(data)
        self.left -= len(data)
        key = f"{self.prefix}-{len(self.pictures) + 1}"
        self.pictures[file] = Picture(key, file, width, height, base64.b64encode(data).decode("ascii"))

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.pictures.values())


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels.

    :raises ValueError: if it is none.
    """
    if len(data) < _HEAD.size:
        raise ValueError("not a PNG file")
    signature, _, kind, width, height = _HEAD.unpack_from(data)
    if signature != _SIGNATURE or kind != b"IHDR" or not (0 < width <= _SIDE and 0 < height <= _SIDE):
        raise ValueError("not a PNG file")
    return width, height
