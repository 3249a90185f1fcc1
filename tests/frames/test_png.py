"""Pictures in files: lossless, the same bytes every time, safe to read from anywhere."""

import errno
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ProtocolError, UsageError
from harness.frames.png import encode_png, load_png, save_png
from harness.frames.ppm import parse_ppm


def picture(w=37, h=21, seed=1):
    return np.random.default_rng(seed).integers(0, 1 << 24, (h, w), np.uint32)


@pytest.mark.parametrize("level", [1, 9])
def test_pixels_survive_a_png(tmp_path, level):
    save_png(tmp_path / "a.png", picture(), level)
    assert (load_png(tmp_path / "a.png") == picture()).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_red_is_red(tmp_path):
    save_png(tmp_path / "a.png", np.array([[0xFF0000, 0x00FF00, 0x0000FF]], np.uint32))
    with Image.open(tmp_path / "a.png") as image:
        assert [image.getpixel((x, 0)) for x in range(3)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_the_same_pixels_give_the_same_bytes_without_metadata():
    data = encode_png(picture())
    assert data == encode_png(picture().copy())
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append(data[at + 4 : at + 8])
        at += 12 + length
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}


def test_a_picture_that_is_part_of_another_array_is_saved_as_what_it_is():
    whole = picture(64, 64)
    assert (load_png(encode_png(whole[10:30, 5:50])) == whole[10:30, 5:50]).all()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(20000, 20000), (100000, 1000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(size):
    with pytest.raises(UsageError):
        load_png(png_claiming(*size))


def test_a_missing_damaged_or_other_file_is_told_by_name(tmp_path):
    with pytest.raises(UsageError, match=r"missing\.png"):
        load_png(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"text\.png"):
        load_png(tmp_path / "text.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "really.gif.png", "GIF")
    with pytest.raises(UsageError, match="cannot be read as a PNG"):
        load_png(tmp_path / "really.gif.png")


@settings(max_examples=60)
@given(st.data())
def test_no_damage_of_a_file_raises_anything_else(data):
    whole = bytearray(encode_png(picture()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    del whole[data.draw(st.integers(1, len(whole))) :]
    with suppress(UsageError):
        load_png(bytes(whole))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    save_png(tmp_path / "a.png", picture())
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_png(tmp_path / "a.png", picture(seed=2))
    assert (load_png(tmp_path / "a.png") == picture()).all()
    assert len(list(tmp_path.iterdir())) == 1


def ppm(pixels, header=b"P6\n%d %d\n255\n"):
    h, w = pixels.shape
    return header % (w, h) + b"".join(int(p).to_bytes(3, "big") for p in pixels.ravel())


@pytest.mark.parametrize("shape", [(1, 1), (21, 37), (3, 1), (1, 3)])
def test_a_screendump_is_read(shape):
    pixels = picture(shape[1], shape[0])
    assert (parse_ppm(ppm(pixels)) == pixels).all()


@pytest.mark.parametrize(
    "data",
    [b"", b"P6\n", b"P5\n1 1\n255\nx", b"P6\n1 1\n65535\n" + b"x" * 6, ppm(picture())[:-1], ppm(picture()) + b"x",
     b"P6\n0 5\n255\n" + b"x", b"P6\n999999 9\n255\n"],
)  # fmt: skip
def test_a_screendump_that_is_none_is_a_protocol_error(data):
    with pytest.raises(ProtocolError, match="screendump"):
        parse_ppm(data)
