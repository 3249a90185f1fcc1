"""What the image's programs and kernel modules need: read out of their ELF files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SECTION, _DYNAMIC = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<qQ")
_SIGNED = b"~Module signature appended~\n"
_DT_NEEDED, _SHT_DYNAMIC = 1, 6


def is_elf(data: bytes) -> bool:
    """Whether *data* begins a 64-bit ELF file."""
    return data[:5] == b"\x7fELF\x02"


def needed(data: bytes) -> list[str]:
    """The libraries that a program or library names (DT_NEEDED), in their order; none for a static one."""
    sections = list(_sections(data))
    for _, kind, offset, size, link in sections:
        if kind == _SHT_DYNAMIC:
            strings = sections[link][2]
            entries = _DYNAMIC.iter_unpack(data[offset : offset + size - size % _DYNAMIC.size])
            return [_text(data, strings + value) for tag, value in entries if tag == _DT_NEEDED]
    return []


def module_info(data: bytes) -> dict[str, list[str]]:
    """The `key=value` texts of a kernel module's section .modinfo, by key."""
    for name, _, offset, size, _ in _sections(data):
        if name == ".modinfo":
            texts = data[offset : offset + size].decode("utf-8", "replace").split("\0")
            found: dict[str, list[str]] = {}
            for key, _, value in (text.partition("=") for text in texts if "=" in text):
                found.setdefault(key, []).append(value)
            return found
    return {}


def without_signature(module: bytes) -> bytes:
    """A kernel module without what was appended to sign it (Linux, scripts/sign-file.c)."""
    if not module.endswith(_SIGNED):
        return module
    end = len(module) - len(_SIGNED) - 12
    (length,) = struct.unpack_from(">I", module, end + 8)
    return module[: end - length]


def _sections(data: bytes) -> Iterator[tuple[str, int, int, int, int]]:
    """Name, type, offset, size and link of each section."""
    (start,) = struct.unpack_from("<Q", data, 40)
    size, count, names_at = struct.unpack_from("<HHH", data, 58)
    headers = [_SECTION.unpack_from(data, start + index * size) for index in range(count)]
    names = headers[names_at][4]
    for header in headers:
        yield _text(data, names + header[0]), header[1], header[4], header[5], header[6]


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
