"""QEMU's record/replay: its options, and what it cannot record.

QEMU writes what reaches the guest from outside into a log, with the number of the instruction before which it came.
Bytes for a UART get there only when its vCPU thread goes round its loop. A guest that halts with no timer armed makes
it wait for ever (seen on 7.2.22), and with `sleep=off` they never do. So the machine gets a heartbeat: a network
filter on a wire that leads nowhere, which has a timer in the guest's time and no part that the guest could see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.targets.argv import Option
    from harness.targets.profile import Profile

HEARTBEAT_US = 1000  # guest time; each puts some 80 bytes into the log. 0.5 ms made typing no faster


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a run, to be written or to be followed."""

    mode: Literal["record", "replay"]
    file: Path


def refuse_recording(profile: Profile) -> None:
    """:raises UsageError: if *profile* has something that QEMU cannot record, or a bundle could not bring back."""
    boot, machine = profile.boot, profile.machine
    disks = [*([boot.disk] if boot.disk is not None else []), *machine.disks]
    words = [*machine.extra, *machine.devices]
    reasons = [
        (machine.cpus != 1, f"it has {machine.cpus} CPUs, and one can be recorded: machine.cpus = 1"),
        (machine.defaults, "QEMU's default devices hold a network card: machine.defaults = false"),
        (boot.shape == "uefi", "firmware with variables and an EFI directory is not recorded: boot it another way"),
        (any(disk.persist is True for disk in disks), 'a disk keeps its writes: persist = false or "run"'),
        (any("netdev" in word or word == "-nic" for word in words), "the packets of its network card are not recorded"),
    ]
    if found := [reason for there, reason in reasons if there]:
        raise UsageError(f"the image {profile.name} cannot be recorded: {'; '.join(found)}")


def with_blkreplay(options: Iterable[Option]) -> Iterator[Option]:
    """*options* of disks, each drive behind the filter that makes its answers come at recorded instants."""
    for option in options:
        values = dict(option.values)
        if option.name != "drive" or values.get("if") != "none":
            yield option
            continue
        name, medium = values["id"], f"{values['id']}-medium"
        is_cd = values.pop("media", None) == "cdrom"
        yield replace(option, values=tuple({**values, "id": medium}.items()))
        outer = {"if": "none", "id": name, "driver": "blkreplay", "image": medium}
        yield replace(option, values=tuple((outer | ({"media": "cdrom"} if is_cd else {})).items()))
