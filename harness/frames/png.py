"""PNG files to pixels and back: safe with files from anywhere, and the same bytes for the same pixels."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import UsageError
from harness.writing import write_whole

PIXEL_LIMIT = 8192 * 8192  # more than any screen; a few kilobytes of PNG can claim gigapixels


def load_png(source: Path | bytes) -> NDArray[np.uint32]:
    """Pixels 0x00RRGGBB, shape (height, width); transparency is dropped.

    :raises UsageError: if it is missing, no PNG, damaged, or larger than `PIXEL_LIMIT` pixels.
    """
    name = "a picture" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=("PNG",))
        with image:
            width, height = image.size
            if width * height > PIXEL_LIMIT:
                raise UsageError(f"{name} is {width}×{height} pixels, more than a picture may have ({PIXEL_LIMIT})")
            data = image.convert("RGB").tobytes("raw", "BGRX")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{name} cannot be read as a PNG picture: {error}") from error
    return np.frombuffer(data, "<u4").reshape(height, width) & np.uint32(0xFFFFFF)


def encode_png(pixels: NDArray[np.uint32], level: int = 1) -> bytes:
    """A PNG of 0x00RRGGBB pixels: no metadata, no time. Level 1 takes 10 ms for 1024×768, 9 is for files to keep."""
    height, width = pixels.shape
    image = Image.frombuffer("RGB", (width, height), pixels.astype("<u4").tobytes(), "raw", "BGRX", 0, 1)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=level)
    return out.getvalue()


def save_png(path: Path, pixels: NDArray[np.uint32], level: int = 1) -> None:
    """Write a PNG in one step: a reader sees the old file or the new one, also after a crash.

    :raises OSError: if it cannot be written.
    """
    write_whole(path, encode_png(pixels, level), durable=True)
