"""Faults of the processes on the host: QEMU is killed or frozen, the harness itself is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LabError
from harness.evidence.campaign import FILE
from harness.faults.act import Act, Done, Momentary, World
from harness.faults.streams import Stream
from harness.targets.base import Capability

if TYPE_CHECKING:
    from harness.targets.qemu import QemuTarget


def qemu_of(world: World) -> QemuTarget:
    """:raises LabError: where the target is no QEMU of ours."""
    from harness.targets.qemu import QemuTarget

    if not isinstance(world.target, QemuTarget):
        raise LabError(f"{world.target.name} is no QEMU that the harness started", "this fault needs one")
    return world.target


async def _kill_qemu(world: World, what: Any, stream: Stream) -> Done:
    if Capability.RELAUNCH not in qemu_of(world).capabilities:
        raise LabError(f"{world.target.name} cannot be started again in this run")
    await world.cut_power()
    return {}


async def _freeze_qemu(world: World, what: Any, stream: Stream) -> Done:
    target = qemu_of(world)
    target.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(what.host_s)
    finally:  # also when the run ends meanwhile
        target.send_signal(signal.SIGCONT)
    return {"host_s": what.host_s}


async def _kill_harness(world: World, what: Any, stream: Stream) -> Done:
    if _was_killed(world.folder):
        return {"spared": "this run of the campaign was killed before"}
    world.journal.sync()
    os.kill(os.getpid(), signal.SIGKILL)
    raise LabError("SIGKILL did not end the harness")


def _was_killed(bundle: Path) -> bool:
    """Whether the campaign that *bundle* belongs to, if there is one, says that its run was torn before."""
    try:
        lines = (bundle.parent.parent / FILE).read_text().splitlines()
    except OSError:
        return False
    ours, torn = None, set()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            break
        unit = (event.get("item"), event.get("turn"))
        if event["kind"] == "run.torn":
            torn.add(unit)
        elif event["kind"] == "run.begin" and Path(event["bundle"]).name == bundle.name:
            ours = unit
    return ours in torn


ACTS: Mapping[str, Act] = {
    "kill-qemu": Momentary(_kill_qemu),
    "freeze-qemu": Momentary(_freeze_qemu),
    "kill-harness": Momentary(_kill_harness),
}
