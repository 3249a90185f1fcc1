"""A picture of the screen as QEMU sees it: `screendump` into a private file."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from harness.qmp.session import QmpSession

_numbers = itertools.count()


async def screendump(
    session: QmpSession, directory: Path, *, device: str | None = None, head: int | None = None
) -> Path:
    """Write the screen to a new PPM file (P6, 8 bits a channel) in *directory*; the caller reads and removes it.

    3.3 ms at 1024×768. The picture may be torn while the guest draws; `stop` first where an exact instant is wanted.

    :param device: id of a display device, where there is more than the first.
    :param head: number of its head, from 0; needs *device*.
    :raises harness.qmp.session.QmpError: if there is no such device, or no screen at all.
    """
    path = directory / f"screen-{next(_numbers)}.ppm"
    selection: dict[str, Any] = {"device": device, "head": head}
    await session.execute("screendump", filename=str(path), **{k: v for k, v in selection.items() if v is not None})
    return path
