"""The kernel of the Weston image: out of its bzImage, repacked, and the same in memory."""

from __future__ import annotations

import importlib.util
import lzma
import random
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest

MAKE = Path(__file__).parents[2] / "images/weston/make"
SEGMENT = struct.Struct("<IIQQQQQQ")
BASE = 0x1000000


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(MAKE))
    for name in ("kernel", "apt"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("kernel", MAKE / "kernel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bzimage(payload: bytes) -> bytes:
    """Setup of one sector, then the payload and its length, as Linux packs it."""
    packed = lzma.compress(payload, lzma.FORMAT_XZ)
    head = bytearray(2 * 512)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 0, len(packed))
    return bytes(head) + packed


def elf(*segments: tuple[int, int, bytes, int]) -> bytes:
    """Type, address, bytes and size in memory of each."""
    head = bytearray(64 + SEGMENT.size * len(segments))
    head[:5] = b"\x7fELF\x02"
    struct.pack_into("<Q", head, 32, 64)
    struct.pack_into("<H", head, 56, len(segments))
    bodies = b""
    for index, (kind, place, body, memory) in enumerate(segments):
        fields = (kind, 7, len(head) + len(bodies), place, place, len(body), memory, 4096)
        SEGMENT.pack_into(head, 64 + index * SEGMENT.size, *fields)
        bodies += body
    return bytes(head) + bodies


def loaded(image: bytes, size: int) -> tuple[bytes, list[bytes]]:
    """What a loader makes of *image* in memory that held other things before, and its notes."""
    memory, notes = bytearray(b"\xee" * size), []
    start, count = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    for index in range(count):
        kind, _, offset, _, place, length, extent, _ = SEGMENT.unpack_from(image, start + index * SEGMENT.size)
        body = image[offset : offset + length]
        if kind == 1:
            memory[place - BASE : place - BASE + extent] = body + bytes(extent - length)
        else:
            notes.append(body)
    return bytes(memory), notes


def test_the_repacked_kernel_is_smaller_and_the_same_in_memory_also_where_that_was_not_empty(
    kernel: ModuleType,
) -> None:
    noise = random.Random(1).randbytes
    text = noise(30_000) + bytes(100_000) + noise(5_000) + bytes(100) + noise(40_000) + bytes(16_384) + b"\1"
    data = bytes(20_000) + noise(10_000) + bytes(50_000)
    original = elf((1, BASE, text, len(text)), (1, BASE + 0x40000, data, len(data) + 70_000), (4, BASE, b"note", 4))
    packed = kernel.vmlinux(bzimage(original))
    assert loaded(packed, 0x80000) == loaded(original, 0x80000)
    assert len(packed) < len(original) - 180_000


@pytest.mark.parametrize(
    ("image", "why"),
    [(bytes(2048), "is no bzImage"), (bzimage(b"").replace(b"\xfd7zXZ", b"\x1f\x8bxxx"), "something else than xz")],
)
def test_a_kernel_that_cannot_be_unpacked_is_refused(kernel: ModuleType, image: bytes, why: str) -> None:
    with pytest.raises(Exception, match=why):
        kernel.vmlinux(image)
