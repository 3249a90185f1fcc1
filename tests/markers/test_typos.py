"""Likely typos, looked up in the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.markers.typos import find_typos

C_IMAGE = (
    b"\x7fELF\0\0RAYOS_SOAK:CLIENT_CREATED:%u\n\0RAYOS_SOAK:COMPLETE:%s\0RAYOS_\0KIT\0BOOT\0RAYOS_LINUX_AGENT_READY\0"
)
RUST_IMAGE = (
    b"...RAYOS_SOAK:COMPLETE:RAYOS_SOAK:START:RAYOS_VMM:VIRTIO_BLK:PERSIST_OKsome other text RAYOS_KBD_ASCII=0x"
)
PIECES_IMAGE = b"\0RAYOS_SOAK:\0CLIENT_CREATED\0CLIENT_DESTROYED\0COMPLETE\0"


def typos(tmp_path: Path, image: bytes, *patterns: str) -> list[tuple[str, str]]:
    path = tmp_path / "kernel.elf"
    path.write_bytes(image)
    return [(t.expected, t.nearest) for t in find_typos(path, patterns)]


@pytest.mark.parametrize(
    ("image", "pattern"),
    [
        (C_IMAGE, "RAYOS_SOAK:CLIENT_CREATED:3"),
        (C_IMAGE, "RAYOS_SOAK:COMPLETE:pass"),
        (C_IMAGE, "RAYOS_SOAK:*:3"),
        (C_IMAGE, "RAYOS_LINUX_AGENT_READY"),
        (RUST_IMAGE, "RAYOS_SOAK:COMPLETE:pass"),
        (RUST_IMAGE, "RAYOS_VMM:VIRTIO_BLK:PERSIST_OK"),
        (RUST_IMAGE, "RAYOS_KBD_ASCII=0x68"),
        (PIECES_IMAGE, "RAYOS_SOAK:CLIENT_DESTROYED:1"),
        (b"packed, no strings", "RAYOS_SOAK:COMPLETE"),
        (b"", "RAYOS_SOAK:COMPLETE"),
        (C_IMAGE, "any plain text"),
        (C_IMAGE, "RAYOS_SOMETHING:ELSE:ENTIRELY"),
    ],
)
def test_what_may_be_right_is_not_warned_of(tmp_path: Path, image: bytes, pattern: str) -> None:
    assert typos(tmp_path, image, pattern) == []


@pytest.mark.parametrize(
    ("image", "pattern", "nearest"),
    [
        (C_IMAGE, "RAYOS_SOAK:CLIENT_CREATE:3", "RAYOS_SOAK:CLIENT_CREATED"),
        (C_IMAGE, "RAYOS_SOAK:COMPLET:pass", "RAYOS_SOAK:COMPLETE"),
        (C_IMAGE, "RAYOS_SAOK:COMPLETE:pass", "RAYOS_SOAK:COMPLETE"),
        (C_IMAGE, "RAYOS_LINUX_AGENT_REDAY", "RAYOS_LINUX_AGENT_READY"),
        (RUST_IMAGE, "RAYOS_VMM:VIRTO_BLK:PERSIST_OK", "RAYOS_VMM:VIRTIO_BLK"),
        (PIECES_IMAGE, "RAYOS_SOAK:CLIENT_DESTROID:1", "CLIENT_DESTROYED"),
    ],
)
def test_a_likely_typo_is_told_with_what_was_meant(tmp_path: Path, image: bytes, pattern: str, nearest: str) -> None:
    assert typos(tmp_path, image, pattern) == [(pattern, nearest)]


def test_a_missing_image_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the image"):
        find_typos(tmp_path / "none.elf", ["RAYOS_A:B"])
