"""Where guest memory lies inside QEMU's process, and where the framebuffer lies in guest memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.errors import LabError, ProtocolError
from harness.qmp.session import QmpSession

_DISPLAY_CLASSES = (0x0300, 0x0380)  # PCI class codes: VGA-compatible controller, other display controller


@dataclass(frozen=True, slots=True)
class Region:
    """Guest-physical address and length in bytes."""

    address: int
    size: int


async def gpa2hva(session: QmpSession, address: int) -> int:
    """Address, in QEMU's own process, of a guest-physical one. Valid until the guest maps its memory anew.

    :raises LabError: if nothing, or no RAM, is mapped there.
    """
    answer = await session.hmp(f"gpa2hva {address:#x}")
    found = re.search(r"is (0x[0-9a-f]+)\s*$", answer)
    if found is None:
        raise LabError(f"guest address {address:#x} is not in RAM: {answer.strip()}")
    return int(found[1], 16)


async def framebuffer(session: QmpSession) -> Region | None:
    """The first display device's framebuffer: its prefetchable BAR 0. None while no firmware or guest has placed it.

    :raises ProtocolError: if QEMU's answer has another shape than its schema says.
    """
    try:
        for device in _devices(await session.execute("query-pci")):
            if device["class_info"]["class"] not in _DISPLAY_CLASSES:
                continue
            for region in device["regions"]:
                # An unassigned BAR is reported as all ones, shortened to the width of the register.
                placed = region["address"] not in (-1, 0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
                if region["bar"] == 0 and region["type"] == "memory" and region.get("prefetch") and placed:
                    return Region(region["address"], region["size"])
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"query-pci answered something unreadable: {error!r}") from error
    return None


def _devices(buses: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All PCI devices, also those behind bridges."""
    for bus in buses:
        for device in bus["devices"]:
            yield device
            bridge = device.get("pci_bridge")
            if bridge:
                yield from _devices([{"devices": bridge.get("devices", [])}])
