"""Packs an initramfs for the kernel: LZ4's legacy frame (Linux, lib/decompress_unlz4.c), by the image's own library."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

from apt import BuildError

_MAGIC, _BLOCK = 0x184C2102, 8 << 20
_LEVEL = 9  # 16.5 of 33.3 MB; 12, the best, takes four times as long for 0.4 percent


def packed(data: bytes, library: Path) -> bytes:
    """*data* in blocks of 8 MiB, each behind its length.

    :param library: liblz4 of the image: the bytes depend on its version, and not on this host's.
    :raises BuildError: if it packs nothing.
    """
    compress = ctypes.CDLL(str(library)).LZ4_compress_HC
    compress.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    parts = [struct.pack("<I", _MAGIC)]
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        room = ctypes.create_string_buffer(len(block) + len(block) // 255 + 16)  # LZ4_COMPRESSBOUND
        size = compress(block, room, len(block), len(room), _LEVEL)
        if size <= 0:
            raise BuildError(f"{library.name} cannot pack the initramfs")
        parts += [struct.pack("<I", size), room.raw[:size]]
    return b"".join(parts)
