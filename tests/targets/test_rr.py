"""Recording: what is refused, what the command line says, and the pace of typing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import TargetLost, UsageError
from harness.qmp.session import QmpSession
from harness.targets import pace
from harness.targets.argv import Launch, Wires, qemu_argv
from harness.targets.pace import Pacer
from harness.targets.profile import Boot, Disk, Machine, Profile
from harness.targets.rr import Log, refuse_recording
from harness.timeouts import Timeouts

PROFILE = Profile(name="mine", boot=Boot(kernel=Path("k")), machine=Machine(disks=(Disk(file=Path("d.img")),)))


def argv(profile: Profile, log: Log | None) -> list[str]:
    launch = Launch(clock="record", log=log)
    return qemu_argv(profile, launch, Wires(qmp=3, console=Path("/run/c")))


def options(words: Sequence[str], name: str) -> list[str]:
    return [value for option, value in pairwise(words) if option == name]


def test_every_disk_stands_behind_the_filter_that_records_its_answers() -> None:
    with_cd = replace(PROFILE, boot=Boot(shape="cdrom", cdrom=Path("cd.iso")))
    drives = options(argv(with_cd, Log("record", Path("log"))), "-drive")
    assert [drive.split(",")[1] for drive in drives] == ["id=cdrom-medium", "id=cdrom", "id=disk0-medium", "id=disk0"]
    assert drives[1] == "if=none,id=cdrom,driver=blkreplay,image=cdrom-medium,media=cdrom"
    assert drives[3] == "if=none,id=disk0,driver=blkreplay,image=disk0-medium"


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_replay_differs_from_its_recording_in_one_word(mode: Any) -> None:
    words = argv(PROFILE, Log(mode, Path("log")))
    assert options(words, "-icount") == [f"shift=1,rr={mode},rrfile=log"]
    assert [word.replace(f"rr={mode}", "rr=record") for word in words] == argv(PROFILE, Log("record", Path("log")))


def test_the_clock_without_a_log_is_refused() -> None:
    with pytest.raises(UsageError, match="place for its log"):
        argv(PROFILE, None)


@pytest.mark.parametrize(
    ("profile", "what"),
    [
        (replace(PROFILE, machine=Machine(cpus=2)), "2 CPUs"),
        (replace(PROFILE, machine=Machine(defaults=True)), "default devices"),
        (replace(PROFILE, machine=Machine(devices=("e1000,netdev=n",))), "network card"),
        (replace(PROFILE, machine=Machine(disks=(Disk(file=Path("d"), persist=True),))), "keeps its writes"),
        (replace(PROFILE, boot=Boot(shape="uefi")), "firmware with variables"),
    ],
)
def test_what_cannot_be_brought_back_is_refused(profile: Profile, what: str) -> None:
    refuse_recording(PROFILE)
    with pytest.raises(UsageError, match=what):
        refuse_recording(profile)


class Guest:
    """A monitor that tells numbers of instructions, and a port that says how many were told before each byte."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = iter(counts)
        self.told = 0
        self.sent: list[tuple[int, bytes]] = []

    async def execute(self, command: str) -> dict[str, int]:
        assert command == "query-replay"
        self.told += 1
        count = next(self._counts, None)
        if count is None:
            raise TargetLost("gone")
        return {"icount": count}

    async def write(self, data: bytes) -> None:
        self.sent.append((self.told, data))


def sent(counts: Sequence[int], data: bytes) -> list[tuple[int, bytes]]:
    guest = Guest(counts)
    asyncio.run(Pacer(lambda: cast(QmpSession, guest), 1).write(cast(Any, guest), data))
    return guest.sent


def test_a_byte_waits_until_the_guest_has_moved_and_stands_again() -> None:
    assert sent([5, 5, 5, 9, 12, 12, 12, 20, 20], b"ab") == [(1, b"a"), (7, b"b")]


def test_a_guest_that_never_stands_has_had_a_byte_after_two_heartbeats() -> None:
    assert sent([0, 600_000, 1_000_000, 1_000_000, 2_000_000], b"ab") == [(1, b"a"), (4, b"b")]


def test_the_byte_that_ends_the_machine_is_no_error() -> None:
    assert sent([5, 5], b"a") == [(1, b"a")]


def test_a_guest_that_takes_no_byte_is_sent_the_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TIMEOUTS", Timeouts(control_repeat=0.0))

    class Dead(Guest):
        async def execute(self, command: str) -> dict[str, int]:
            self.told += 1
            await asyncio.sleep(0)
            return {"icount": 5}

    guest = Dead([])
    asyncio.run(Pacer(lambda: cast(QmpSession, guest), 1).write(cast(Any, guest), b"abc"))
    assert [data for _, data in guest.sent] == [b"a", b"b", b"c"]
    assert guest.sent[1][0] == guest.sent[2][0]
