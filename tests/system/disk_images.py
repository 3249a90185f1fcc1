"""Disk images that hold the reference guest's log, as docs/reference-guest.md specifies it, and disks that fail."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from harness.targets.profile import Disk

from .reference_session import IMAGES, live

SECTOR = 512
DISK_IMAGE = str(IMAGES / "reference-disk.toml")


def record(sequence: int, data: bytes) -> bytes:
    """One sector of the log."""
    head = b"RLG1" + struct.pack("<QI", sequence, len(data)) + data
    body = head.ljust(SECTOR - 4, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))


def log_of(*sectors: bytes, count: int = 128) -> bytes:
    return b"".join(sectors).ljust(count * SECTOR, b"\0")


class Log:
    """A disk image of the test's own, on which one life after the other works."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.folder, self.path, self._lives = folder, folder / "disk.img", 0
        self.path.write_bytes(content)

    def live(self, *steps: Any) -> Any:
        self._lives += 1
        folder = self.folder / f"life-{self._lives}"
        folder.mkdir()
        kind = "qcow2" if self.path.suffix == ".qcow2" else "raw"
        return live(folder, *steps, disks=[Disk(file=self.path, format=kind, persist=True)])

    def sector(self, index: int) -> bytes:
        return self.path.read_bytes()[index * SECTOR : (index + 1) * SECTOR]


def appended(*words: str) -> list[str]:
    return [f"disk do=append data={word}" for word in words]


def failing(image: Path, *errors: str) -> dict[str, Any]:
    """The machine's parts for a disk on *image* that fails once for each of *errors* (words of blkdebug)."""
    image.write_bytes(log_of(record(1, b"one")))
    injected = "".join(
        f",inject-error.{i}.event=none,inject-error.{i}.{error},inject-error.{i}.once=on"
        for i, error in enumerate(errors)
    )
    node = f"driver=raw,node-name=log,file.driver=blkdebug,file.image.driver=file,file.image.filename={image}"
    return {
        "extra": ["-blockdev", node + injected.replace(",inject", ",file.inject")],
        # With a geometry QEMU does not read the first sector itself to guess one.
        "devices": ["virtio-blk-pci,drive=log,werror=report,rerror=report,cyls=2,heads=16,secs=63"],
    }
