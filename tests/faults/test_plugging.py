"""A device that goes back on its bus before QEMU has let go of its medium."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.faults.act import World
from harness.faults.disks import _plug_in
from harness.qmp.session import QmpError

BUSY = QmpError("device_add", "GenericError", "Permission conflict on node 'disk1-again': …")


class Qmp:
    """Refuses what it is told to, in turn."""

    def __init__(self, *answers: QmpError | None) -> None:
        self.answers = list(answers)

    async def execute(self, command: str, **arguments: Any) -> None:
        assert (command, arguments) == ("device_add", {"drive": "disk1-again", "driver": "virtio-blk-pci"})
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


def plug(qmp: Qmp) -> None:
    world = cast(World, SimpleNamespace(qmp=qmp))
    asyncio.run(_plug_in(world, "disk1-again", {"driver": "virtio-blk-pci"}))


def test_a_medium_that_qemu_has_not_freed_yet_is_asked_for_again() -> None:
    qmp = Qmp(BUSY, BUSY, None)
    plug(qmp)
    assert qmp.answers == []


def test_another_refusal_is_told_at_once() -> None:
    qmp = Qmp(QmpError("device_add", "GenericError", "Bus 'pci.0' not found"), None)
    with pytest.raises(QmpError, match="not found"):
        plug(qmp)
    assert qmp.answers == [None]
