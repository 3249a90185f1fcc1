"""Takes the kernel proper out of a bzImage: started by its PVH note it saves the guest 2.3 s of unpacking under TCG."""

from __future__ import annotations

import lzma
import re
import struct
from collections.abc import Iterator
from itertools import pairwise

from apt import BuildError

_SETUP_SECTS, _MAGIC, _PAYLOAD = 0x1F1, 0x202, 0x248  # Linux, Documentation/arch/x86/boot.rst
_ZEROS = re.compile(rb"\0{16384,}")  # shorter ones are not worth a header each: 4.1 of 4.3 MB are in 17 such runs
_SEGMENT, _PT_LOAD = struct.Struct("<IIQQQQQQ"), 1


def vmlinux(image: bytes) -> bytes:
    """The ELF file inside the bzImage *image*.

    :raises BuildError: if it is no bzImage, or packed in another way than with xz.
    """
    if image[_MAGIC : _MAGIC + 4] != b"HdrS":
        raise BuildError("the kernel of the package is no bzImage")
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    start = ((image[_SETUP_SECTS] or 4) + 1) * 512 + offset
    payload = image[start : start + length]
    if payload[:6] != b"\xfd7zXZ\0":
        raise BuildError(f"the kernel is packed with something else than xz: it begins with {payload[:6].hex()}")
    # What follows the stream is the length, which the unpacker in the kernel's head wants.
    return _packed(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload))


def _packed(elf: bytes) -> bytes:
    """The ELF file with its segments one behind the other: no gaps, no sections, no long runs of zeros.

    The zeros are .bss and what aligns sections: the kernel's own unpacker wants them in the file, a loader makes them
    itself, at a reset too. So a segment becomes several, each of which reaches to the next.
    """
    start, count = struct.unpack_from("<Q", elf, 32)[0], struct.unpack_from("<H", elf, 56)[0]
    headers = [_SEGMENT.unpack_from(elf, start + index * _SEGMENT.size) for index in range(count)]
    pieces = [piece for header in headers for piece in _pieces(elf, header)]
    bodies, table = bytearray(), bytearray()
    first = 64 + len(pieces) * _SEGMENT.size
    for kind, flags, virtual, physical, body, memory in pieces:
        table += _SEGMENT.pack(kind, flags, first + len(bodies), virtual, physical, len(body), memory, 4)
        bodies += body + bytes(-len(body) % 16)
    head = bytearray(elf[:64])
    struct.pack_into("<Q", head, 32, 64)  # segment headers follow; no section headers
    struct.pack_into("<Q", head, 40, 0)
    struct.pack_into("<H", head, 56, len(pieces))
    struct.pack_into("<HHH", head, 58, 0, 0, 0)
    return bytes(head + table + bodies)


def _pieces(elf: bytes, header: tuple[int, ...]) -> Iterator[tuple[int, int, int, int, bytes, int]]:
    """Type, flags, virtual and physical address, bytes, and size in memory of what a segment is cut into."""
    kind, flags, offset, virtual, physical, size, memory, _ = header
    body = elf[offset : offset + size]
    if kind != _PT_LOAD:
        yield kind, flags, virtual, physical, body, memory
        return
    starts = [0, *(zeros.end() for zeros in _ZEROS.finditer(body) if zeros.end() < size)]
    for start, end in pairwise([*starts, memory]):
        yield kind, flags, virtual + start, physical + start, body[start:end].rstrip(b"\0"), end - start
