"""Disks that the harness serves, on real machines: other interfaces, a host that fails, a start from a snapshot."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import DiskError
from harness.targets.profile import Disk
from harness.targets.served_disk import ServedDisk
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import cause, fault, reason
from .machines import Start, run
from .sectors import COUNT_BOOTS, image, profile, sector

pytestmark = pytest.mark.system


@pytest.mark.parametrize("interface", ["ide", "scsi", "virtio"])
def test_a_machine_that_stands_at_its_request_goes_on_with_it_unharmed(
    start: Start, tmp_path: Path, interface: str
) -> None:
    """A boot sector adds one to a byte of its own and writes itself back, by the firmware's disk service."""
    disk_image = image(tmp_path, sector(COUNT_BOOTS))
    disk, base = ServedDisk("disk0", holds=True), profile(disk_image)
    boot = replace(base.boot, disk=Disk(file=disk_image, interface=interface, persist=True))  # type: ignore[arg-type]
    disk.stop_at("write", 1)

    async def main() -> None:
        async with start(replace(base, boot=boot), served=(disk,)) as m:
            stopped = m.qmp.next_event("STOP")
            await m.target.go()
            await m.until(b"hello\r\n")
            await stopped
            (held,) = m.qmp_events("BLOCK_IO_ERROR")
            assert (held["operation"], held["action"]) == ("write", "stop")
            assert (await m.qmp.execute("query-status"))["status"] == "io-error"
            before = disk_image.read_bytes()
            await m.qmp.execute("cont")
            await m.until(b"A")
            assert disk.counts["write"] == 1
            assert [i for i, byte in enumerate(disk_image.read_bytes()) if byte != before[i]] != []

    run(main())


def test_a_host_that_cannot_write_is_the_labs_fault_and_not_the_guests(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object, offset: int) -> int:
        raise OSError(28, os.strerror(28))

    scenario = (
        ScenarioBuilder("disks", image="reference-disk")
        .faults(fault(DiskError(sector=2000), rendezvous=1))
        .boot()
        .command("query")
    )
    monkeypatch.setattr("harness.targets.disk_media.pwrite", full)
    outcome = play(scenario.command("disk do=append data=one"))
    assert cause(outcome)[0] is Verdict.INCONCLUSIVE
    assert "the disk disk0: the host cannot write it: No space left on device" in reason(outcome)
