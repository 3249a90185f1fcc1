"""How many processors this process may use: what it is pinned to, and what its container is allowed of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def cores(root: Path = Path("/")) -> int:
    """At least 1. A container that may use 2 of 64 processors still sees 64, and is stopped when it has used its share:
    guests in real time would all stand still at once.

    :param root: where `proc` and `sys` are.
    """
    pinned = len(os.sched_getaffinity(0))
    return max(1, min([pinned, *(int(share) for share in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Processors that each control group of this process allows, version 2 and 1; see cgroups(7)."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            base = root / "sys/fs/cgroup" / controllers
            group = base / name.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError, ZeroDivisionError):
                    yield _quota(folder, version=1 if controllers else 2)
                if folder == base:
                    break


def _quota(folder: Path, version: int) -> float:
    """:raises ValueError: where it is unlimited (`max`, -1)."""
    if version == 2:
        quota, period = (folder / "cpu.max").read_text().split()
    else:
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    if int(quota) <= 0:
        raise ValueError(quota)
    return int(quota) / int(period)
