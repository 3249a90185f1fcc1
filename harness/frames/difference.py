"""What a person sees of a frame that is wrong: a difference picture, a sheet that enlarges it, and its metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from wand.color import Color
from wand.image import Image

from harness.frames.compare import Bits, Difference, Pixels, compare
from harness.frames.font import CELL_HEIGHT, line
from harness.frames.png import save_png
from harness.geometry import Rect

_UNEQUAL, _EQUAL = "rgba(255,0,0,1)", "rgba(0,48,0,0.8)"  # red; dimmed and tinted green
_IGNORED = 0x203060
_PANEL = 512  # width of a panel of the sheet; three fit a screen
_CROP = (64, 48)  # part of the picture that is enlarged, and
_ZOOM = 8  # how much: a pixel becomes a square that nobody overlooks
_GAP = 12
_INK, _PAPER, _FRAME = 0xE6E6E6, 0x202024, 0xFFD400


@dataclass(frozen=True, slots=True)
class Metrics:
    """How far two pictures are apart, by ImageMagick.

    `ae` counts the pixels that differ, `rmse` is in steps of an 8-bit channel (0 to 255), `psnr` in dB (at
    most 110), None if equal.
    """

    ae: int
    rmse: float
    psnr: float | None

    def __str__(self) -> str:
        return f"AE {self.ae}  RMSE {self.rmse:g}" + ("" if self.psnr is None else f"  PSNR {self.psnr:g} dB")

    def to_json(self) -> dict[str, Any]:
        return {"ae": self.ae, "rmse": self.rmse, "psnr": self.psnr}


def metrics(expected: Pixels, got: Pixels) -> Metrics:
    """The metrics of two pictures of one size."""
    with _image(expected) as a, _image(got) as b:
        ae, rmse, psnr = (
            a.get_image_distortion(b, metric)
            for metric in ("absolute", "root_mean_square", "peak_signal_to_noise_ratio")
        )
        return Metrics(round(ae), round(rmse * 255, 6), round(psnr, 3) if math.isfinite(psnr) else None)


def difference_picture(expected: Pixels, got: Pixels, ignore: Bits | None = None) -> Pixels:
    """Equal parts dimmed and greenish, unequal ones red, ignored ones blue; the pictures are of one size."""
    if ignore is not None:
        got = np.where(ignore, expected, got)
    with _image(expected) as a, _image(got) as b:
        shown, _ = a.compare(b, "absolute", highlight=Color(_UNEQUAL), lowlight=Color(_EQUAL))
        with shown:
            picture = _pixels(shown)
    if ignore is not None:
        picture = np.where(ignore, np.uint32(_IGNORED), picture)
    return picture


def write_difference(stem: Path, expected: Pixels, got: Pixels, ignore: Bits | None = None) -> Metrics:
    """Write `STEM.expected.png`, `STEM.diff.png` and the sheet `STEM.sheet.png`, for pictures of any two sizes.

    :raises OSError: if they cannot be written.
    """
    found = compare(expected, got, ignore=ignore)
    save_png(stem.with_name(f"{stem.name}.expected.png"), expected)
    expected, got = _same_size(expected, got)
    picture = difference_picture(expected, got, ignore)
    measured = metrics(expected, got)
    save_png(stem.with_name(f"{stem.name}.diff.png"), picture)
    where = found if found.sizes is None else compare(expected, got)
    save_png(stem.with_name(f"{stem.name}.sheet.png"), sheet(expected, got, picture, where, f"{found}  {measured}"))
    return measured


def sheet(expected: Pixels, got: Pixels, picture: Pixels, where: Difference, title: str) -> Pixels:
    """Expected, got and difference side by side; below them, enlarged, the part that is framed above."""
    height, width = expected.shape
    crop = _crop(where, width, height)
    scale = _PANEL / width
    panel_height = max(1, round(height * scale))
    zoom_width, zoom_height = crop.w * _ZOOM, crop.h * _ZOOM
    column = max(_PANEL, zoom_width)
    head = _GAP + CELL_HEIGHT * 4
    page = np.full((head + panel_height + _GAP + zoom_height + 2 * _GAP, 3 * column + 4 * _GAP), _PAPER, np.uint32)
    _write(page, title.replace("×", "x"), _GAP, _GAP // 2)
    for index, (name, pixels) in enumerate((("expected", expected), ("got", got), ("difference", picture))):
        left = _GAP + index * (column + _GAP)
        _write(page, name, left, _GAP // 2 + CELL_HEIGHT * 2)
        _paste(page, _resized(pixels, _PANEL, panel_height), left, head)
        _frame(
            page,
            Rect(
                left + int(crop.x * scale),
                head + int(crop.y * scale),
                math.ceil(crop.w * scale),
                math.ceil(crop.h * scale),
            ),
        )
        part = pixels[crop.y : crop.y + crop.h, crop.x : crop.x + crop.w]
        top = head + panel_height + _GAP
        _paste(page, part.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1), left, top)
        _frame(page, Rect(left, top, zoom_width, zoom_height))
    return page


def _crop(found: Difference, width: int, height: int) -> Rect:
    """The part to enlarge: around the whole difference if that is small, else around its first pixel."""
    w, h = min(_CROP[0], width), min(_CROP[1], height)
    x, y = width // 2, height // 2
    if found.box is not None and found.first is not None:
        small = found.box.w <= w and found.box.h <= h
        x, y = (
            (found.box.x + found.box.w // 2, found.box.y + found.box.h // 2)
            if small
            else (found.first.x, found.first.y)
        )
    return Rect(min(max(x - w // 2, 0), width - w), min(max(y - h // 2, 0), height - h), w, h)


def _same_size(expected: Pixels, got: Pixels) -> tuple[Pixels, Pixels]:
    """Both on a ground as large as the larger, which differs wherever only one of them is."""
    if expected.shape == got.shape:
        return expected, got
    shape = max(expected.shape[0], got.shape[0]), max(expected.shape[1], got.shape[1])
    grounds = []
    for picture, colour in ((expected, 0xFF00FF), (got, 0x00FFFF)):
        ground = np.full(shape, colour, np.uint32)
        ground[: picture.shape[0], : picture.shape[1]] = picture
        grounds.append(ground)
    return grounds[0], grounds[1]


def _image(pixels: Pixels) -> Image:
    height, width = pixels.shape
    image = Image.from_array(
        pixels.astype("<u4").view(np.uint8).reshape(height, width, 4)[:, :, 2::-1].copy(), "RGB", "char"
    )
    image.depth = 8
    return image


def _pixels(image: Image) -> Pixels:
    image.alpha_channel = "remove"
    channels = np.array(image)[:, :, 2::-1]  # little-endian 0x00RRGGBB is blue, green, red, nothing
    height, width, _ = channels.shape
    words = np.zeros((height, width, 4), np.uint8)
    words[:, :, :3] = channels
    return words.view("<u4")[:, :, 0].astype(np.uint32)


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    with _image(pixels) as image:
        image.resize(width, height, filter="triangle")
        return _pixels(image)


def _paste(page: Pixels, pixels: Pixels, x: int, y: int) -> None:
    page[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels


def _frame(page: Pixels, at: Rect) -> None:
    """A frame of two pixels around *at*."""
    top, left, bottom, right = max(at.y - 2, 0), max(at.x - 2, 0), at.y + at.h + 2, at.x + at.w + 2
    page[top : top + 2, left:right] = page[bottom - 2 : bottom, left:right] = _FRAME
    page[top:bottom, left : left + 2] = page[top:bottom, right - 2 : right] = _FRAME


def _write(page: Pixels, text: str, x: int, y: int) -> None:
    """One line in letters of twice their size, cut at the page's edge."""
    shape = line(text).repeat(2, axis=0).repeat(2, axis=1)
    part = page[y : y + shape.shape[0], x : x + shape.shape[1]]
    part[shape[: part.shape[0], : part.shape[1]]] = _INK
