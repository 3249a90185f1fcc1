"""Which disks a plan needs to have served, and from which request on they are held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.chaos.sweep import at_block_requests
from harness.errors import UsageError
from harness.faults.disks import served_disks
from harness.faults.draw import menu
from harness.scenario.fault_kinds import ClientKill, DiskError, DiskSlow, Nmi, PowerCut
from harness.scenario.faulting import Fault, Plan, Recovery, When
from harness.scenario.plans import plan_problems
from harness.targets.nbd import ENOSPC, Request
from harness.targets.profile import Boot, Disk, Machine, Profile

DISKS = (Disk(file=Path("/a")), Disk(file=Path("/b"), id="log"))
PROFILE = Profile(name="p", boot=Boot(kernel=Path("/k")), machine=Machine(disks=DISKS))


def plan(do: Any, *, recover: Recovery | None = None, **when: Any) -> Plan:
    return Plan(seed=1, fault=(Fault(name="f", do=do, when=When(**when), recover=recover),))


@pytest.mark.parametrize(
    ("faults", "policy"),
    [
        (plan(ClientKill(id=1), guest_s=1.0), None),
        (plan(Nmi(), guest_s=1.0, recover=Recovery()), None),
        (plan(Nmi(), guest_s=1.0, recover=Recovery(disk=True)), "report"),
        (plan(DiskError(), guest_s=1.0), "report"),
        (plan(PowerCut(), guest_s=1.0), "report"),
        (plan(Nmi(), block="flush"), "enospc"),
    ],
)
def test_all_disks_are_served_where_the_plan_has_to_do_with_one_and_none_else(faults: Plan, policy: str | None) -> None:
    served = served_disks(faults, PROFILE, 1)
    assert [(disk.name, disk.policy) for disk in served] == ([("disk0", policy), ("log", policy)] if policy else [])


def test_the_request_waited_for_is_held_from_power_on_and_drawn_as_the_rest_of_the_plan(tmp_path: Path) -> None:
    def held_at(seed: int) -> int:
        faults = Plan(fault=plan(Nmi(), block="flush", disk="log", nth=(1, 1000)).fault)
        other, log = served_disks(faults, PROFILE, seed)
        for disk in (other, log):
            disk.plug(tmp_path / "disk.img", throw_away=True).close()
            disk.machine_runs()
        assert all(other._answer(Request("flush"))[0] == 0 for _ in range(1000))
        number = next(n for n in range(1, 1001) if log._answer(Request("flush"))[0] == ENOSPC)
        for disk in (other, log):
            disk.close()
        return number

    (tmp_path / "disk.img").write_bytes(bytes(4096))
    assert held_at(1) == held_at(1) != held_at(2)


def test_a_disk_that_is_not_there_is_named_before_anything_runs() -> None:
    with pytest.raises(UsageError, match=r"the disk disk1, and p has disk0, log"):
        served_disks(plan(Nmi(), block="any", disk="disk1"), PROFILE, 1)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        (DiskSlow(iops=0), "iops: should be 1 or more"),
        (DiskError(count=-1), "disk-error: count and sector should not be negative"),
        (DiskError(sector=-1), "disk-error: count and sector should not be negative"),
        (DiskError(sector=0, request="flush"), "sector: a flush has none"),
    ],
)
def test_what_no_disk_can_do_is_refused(what: Any, problem: str) -> None:
    found = plan_problems(plan(what, guest_s=1.0).fault, ("fault",))
    assert [p.message for p in found] == [problem]


def test_a_sweep_over_requests_injects_only_what_needs_no_command_of_the_guest() -> None:
    offered = menu(["client-kill", "power-cut", "disk-error"])
    plans = dict(at_block_requests(offered, "write", "disk0", 3, 1))
    assert list(plans) == ["power-cut at write 3", "disk-error at write 3"]
    assert {(p.fault[0].when.block, p.fault[0].when.nth) for p in plans.values()} == {("write", 3)}
