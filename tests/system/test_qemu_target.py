"""The QEMU target on a real QEMU, with guests of 512 bytes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import timeouts
from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Event, Journal
from harness.qmp.input import Key, VmStoppedError, send_event, text_events
from harness.qmp.keys import QCODES
from harness.qmp.memory import framebuffer, gpa2hva
from harness.qmp.screendump import screendump
from harness.targets import accel
from harness.targets import reset as reset_module
from harness.targets.accel import probe
from harness.targets.argv import Launch
from harness.targets.launcher import StartupError
from harness.targets.process import proc_state
from harness.targets.profile import Boot, Disk, Guest, Machine, Profile
from harness.targets.qemu import QemuTarget

from .sectors import (
    BUSY,
    CLI_HALT,
    CLI_LOOP,
    COUNT_BOOTS,
    ECHO,
    FLOOD,
    IDLE,
    KEYBOARD_RESET,
    LEAVE,
    TRIPLE_FAULT,
    image,
    profile,
    sector,
)

pytestmark = pytest.mark.system
ROOT = str(Path(__file__).parents[2])


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main

    asyncio.run(bounded())


class Started:
    """A started target and what its journal says."""

    def __init__(self, target: QemuTarget, events: list[Event]) -> None:
        self.target = target
        self.events = events

    @property
    def qmp(self) -> Any:
        assert self.target.qmp is not None
        return self.target.qmp

    async def until(self, text: bytes) -> bytes:
        """Read the console up to *text*."""
        seen = b""
        while not seen.endswith(text):
            data = await self.target.console.read()
            assert data, f"the console ended after {seen!r}"
            seen += data
        return seen

    async def rest(self) -> bytes:
        out = b""
        while data := await self.target.console.read():
            out += data
        return out

    def qmp_events(self, name: str) -> list[Any]:
        return [event.data["data"] for event in self.events if event.data.get("name") == name]


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """`async with start(profile or assembly, …launch options)`: a paused machine, ended and looked for traces after."""

    @asynccontextmanager
    async def context(what: Profile | str, **launch: Any) -> AsyncIterator[Started]:
        guest = what if isinstance(what, Profile) else profile(image(tmp_path, sector(what)))
        journal = Journal(tmp_path / f"journal-{os.urandom(4).hex()}.jsonl")
        events: list[Event] = []
        journal.listen(events.append)
        target = QemuTarget(guest, Launch(**launch))
        await target.start(journal)
        directory, pid = target._directory, target.pid
        assert directory is not None
        assert pid is not None
        try:
            yield Started(target, events)
        finally:
            await target.stop()
            journal.close()
        assert not directory.path.exists()
        assert target.pid is not None
        assert proc_state(pid) == proc_state(target.pid) == ""

    return context


# ---- starting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_every_byte_is_read_and_the_guests_own_exit_is_told(start: Start, clock: str) -> None:
    async def main() -> None:
        async with start(LEAVE, clock=clock) as machine:
            assert (await machine.qmp.execute("query-status"))["status"] == "prelaunch"
            await machine.target.go()
            assert await machine.rest() == b"hello\r\n"
            ended = await machine.target.wait_exit()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (99, False, None)
            assert await machine.target.stop() == ended
            begin = next(event for event in machine.events if event.kind == "target.start")
            assert begin.data["qemu"][0].isdigit()
            assert begin.data["argv"][0] == "qemu-system-x86_64"
            assert (begin.data["clock"], begin.data["accel"], begin.data["life"]) == (clock, "tcg", 1)

    run(main())


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_the_console_takes_input_on_both_clocks(start: Start, clock: str) -> None:
    async def main() -> None:
        async with start(ECHO, clock=clock) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            for byte in b"HAL":
                await machine.target.console.write(bytes([byte]))
                assert await machine.until(bytes([byte + 1]))
            await machine.target.console.write(b".")
            assert (await machine.target.wait_exit()).returncode == 99

    run(main())


def refused(what: Profile, tmp_path: Path, **launch: Any) -> UsageError | LabError:
    async def main() -> UsageError | LabError:
        journal = Journal(tmp_path / "refused.jsonl")
        target = QemuTarget(what, Launch(**launch))
        with pytest.raises((UsageError, LabError)) as caught:
            await target.start(journal)
        assert (await target.stop()).returncode in {None, 1}
        assert target._directory is None
        journal.close()
        return caught.value

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": ("-no-such-option",)}, "-no-such-option: invalid option"),
        ({"devices": ("no-such-device",)}, "'no-such-device' is not a valid device model name"),
        ({"type": "no-such-machine"}, "unsupported machine type"),
        ({"cpu": "no-such-cpu"}, "unable to find CPU model 'no-such-cpu'"),
        ({"bios": "no-such.rom"}, "could not load PC BIOS 'no-such.rom'"),
    ],
)
def test_an_option_that_qemu_refuses_is_the_users_error_in_qemus_words(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    guest = profile(image(tmp_path, sector(LEAVE)))
    error = refused(replace(guest, machine=replace(guest.machine, **change)), tmp_path)
    assert isinstance(error, StartupError)
    assert message in error.what
    assert message in error.stderr
    assert error.returncode == 1
    assert error.command[0] == "qemu-system-x86_64"
    assert "qemu-system-x86_64" in error.hint


def test_a_kernel_that_is_none_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"no kernel" * 1000)
    error = refused(Profile(name="k", boot=Boot(kernel=tmp_path / "kernel")), tmp_path)
    assert isinstance(error, StartupError)


def test_an_image_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    error = refused(profile(tmp_path / "missing.img"), tmp_path)
    assert isinstance(error, UsageError)
    assert "missing.img" in error.what


def test_what_the_host_cannot_do_is_the_labs_fault(tmp_path: Path) -> None:
    guest = profile(image(tmp_path, sector(LEAVE)), machine=Machine(memory_mb=1 << 28))
    error = refused(guest, tmp_path)
    assert isinstance(error, LabError)
    assert "Cannot allocate memory" in error.what


def test_a_disk_that_another_machine_writes_is_the_labs_fault(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(IDLE))

    async def main() -> None:
        async with start(profile(disk, persist=True)):
            target = QemuTarget(profile(disk, persist=True))
            with pytest.raises(LabError, match="lock"):
                await target.start(Journal(tmp_path / "second.jsonl"))

    run(main())


def test_commas_and_spaces_in_names_are_no_matter(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(LEAVE), "a, b=c.img")

    async def main() -> None:
        async with start(profile(disk)) as machine:
            await machine.target.go()
            assert await machine.rest() == b"hello\r\n"

    run(main())


def test_every_disk_interface_and_a_qcow2_disk_are_accepted(tmp_path: Path, start: Start) -> None:
    raw = image(tmp_path, sector(LEAVE))
    qcow2 = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(qcow2), "1M"], check=True)
    disks = tuple(Disk(file=raw, interface=interface) for interface in ("virtio", "ide", "scsi"))  # type: ignore[arg-type]
    machine = Machine(
        memory_mb=32,
        disks=(*disks, Disk(file=qcow2, format="qcow2"), Disk(file=raw, interface="none", id="own")),
        devices=("usb-ehci,id=usb", "usb-storage,drive=own"),
    )

    async def main() -> None:
        async with start(profile(raw, machine=machine)) as guest:
            await guest.target.go()
            assert await guest.rest() == b"hello\r\n"

    run(main())


def test_a_cd_is_in_its_drive(tmp_path: Path, start: Start) -> None:
    iso = image(tmp_path, b"")
    guest = Profile(name="cd", boot=Boot(shape="cdrom", cdrom=iso), guest=Guest(display=False))

    async def main() -> None:
        async with start(guest) as machine:
            blocks = await machine.qmp.execute("query-block")
            assert [block["device"] for block in blocks if block.get("inserted", {}).get("file") == str(iso)] == [
                "cdrom"
            ]

    run(main())


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_uefi_starts_with_private_variables_and_a_private_efi_directory(
    tmp_path: Path, start: Start, arch: Any
) -> None:
    (tmp_path / "esp/EFI/BOOT").mkdir(parents=True)
    (tmp_path / "esp/EFI/BOOT/BOOTX64.EFI").write_bytes(b"no program")
    guest = Profile(
        name="u",
        boot=Boot(shape="uefi", esp=tmp_path / "esp"),
        machine=Machine(arch=arch, type="q35" if arch == "x86_64" else "virt"),
    )

    async def main() -> None:
        async with start(guest) as machine:
            directory = machine.target._directory.path
            files = [
                block["inserted"]["file"] for block in await machine.qmp.execute("query-block") if "inserted" in block
            ]
            assert str(directory / "efi-vars.fd") in files
            assert not any(str(tmp_path / "esp") in file for file in files)

    run(main())


# ---- the end ---------------------------------------------------------------------------------------------------------


def test_stopping_asks_first_and_all_is_told(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            waiting = asyncio.create_task(machine.target.wait_exit())
            ended = await machine.target.stop()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (0, True, "host-qmp-quit")
            assert await waiting == ended == await machine.target.stop()
            assert machine.qmp_events("SHUTDOWN")[0]["reason"] == "host-qmp-quit"

    run(main())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGSEGV, -11)])
def test_a_qemu_that_is_killed_is_not_asked(start: Start, number: int, code: int) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            os.kill(machine.target.pid, number)
            ended = await machine.target.wait_exit()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (code, False, None)
            assert await machine.rest() == b""
            with pytest.raises(TargetLost):
                await machine.qmp.execute("cont")
            assert not (await machine.target.stop()).asked

    run(main())


def test_a_qemu_that_somebody_stopped_by_a_signal_is_ended_in_time(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            os.kill(machine.target.pid, signal.SIGSTOP)
            async with asyncio.timeout(10):
                assert (await machine.target.stop()).returncode == -9

    run(main())


def test_a_flood_that_nobody_reads_holds_up_neither_the_monitor_nor_the_end(start: Start) -> None:
    async def main() -> None:
        async with start(FLOOD) as machine:
            await machine.target.go()
            await machine.until(b"x")
            assert (await machine.qmp.execute("query-status"))["status"] == "running"
            assert (await machine.target.stop()).returncode == 0
            rest = await machine.rest()
            assert set(rest) <= {ord("x")}

    run(main())


HOLDER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
sys.path.insert(0, {tests!r})
from sectors import IDLE, image, profile, sector
from harness.evidence.journal import Journal
from harness.targets.qemu import QemuTarget
async def main():
    folder = Path({folder!r})
    target = QemuTarget(profile(image(folder, sector(IDLE))))
    await target.start(Journal(folder / "journal.jsonl"))
    await target.go()
    print(target.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_kill_9_of_the_harness_leaves_no_qemu(tmp_path: Path) -> None:
    code = HOLDER.format(root=ROOT, tests=str(Path(__file__).parent), folder=str(tmp_path))
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    qemu = os.pidfd_open(pid)
    assert "qemu-system" in Path(f"/proc/{pid}/cmdline").read_text()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert select.select([qemu], [], [], 10)[0], "QEMU outlived the harness"
    os.close(qemu)


# ---- reset and relaunch ----------------------------------------------------------------------------------------------


def test_an_expected_reset_starts_the_guest_again_and_is_no_shutdown(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            for _ in range(2):
                await machine.target.reset()
                await machine.until(b"hello\r\n")
            asked = [event for event in machine.qmp_events("RESET") if not event["guest"]]
            assert len(asked) == 2  # SeaBIOS does more of its own
            assert machine.qmp_events("SHUTDOWN") == []

    run(main())


@pytest.mark.parametrize(("body", "triple"), [(TRIPLE_FAULT, True), (KEYBOARD_RESET, False)])
def test_an_unexpected_reset_stops_the_machine_for_the_post_mortem(start: Start, body: str, triple: bool) -> None:
    async def main() -> None:
        async with start(body) as machine:
            seen = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await machine.until(b"hello\r\n")
            assert (await seen).data == {"guest": True, "reason": "guest-reset"}
            sample = await machine.target.postmortem()
            assert sample["triple_fault"] is triple
            assert sample["qmp_status"] == "shutdown"
            assert len(sample["rip_samples"]) == 5
            await machine.target.reset()  # and it can be started again
            await machine.until(b"hello\r\n")

    run(main())


def test_a_guest_that_resets_for_ever_after_a_bracketed_reset_is_stopped(start: Start) -> None:
    async def main() -> None:
        async with start(KEYBOARD_RESET) as machine:
            first = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await machine.until(b"hello\r\n")
            await first
            seen = machine.qmp.next_event("SHUTDOWN")
            pump = asyncio.create_task(machine.rest())
            await machine.target.reset()
            assert (await seen).data["reason"] == "guest-reset"
            await machine.target.stop()
            assert b"hello" in await pump

    run(main())


def test_a_guest_that_resets_for_ever_without_a_word_is_stopped(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reset_module, "_FIRMWARE_RESETS", 5)
    silent = profile(image(tmp_path, sector(KEYBOARD_RESET, banner="")))

    async def main() -> None:
        async with start(silent) as machine:
            first = machine.qmp.next_event("SHUTDOWN")
            await machine.target.go()
            await first
            second = machine.qmp.next_event("SHUTDOWN")
            await machine.target.reset()
            assert (await second).data["reason"] == "guest-reset"

    run(main())


def test_a_reset_after_bracketed_ones_is_unexpected_again(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            await machine.target.reset()
            await machine.until(b"hello\r\n")
            await machine.target._resetter.settle()
            seen = machine.qmp.next_event("SHUTDOWN")
            await machine.qmp.execute("system_reset")
            assert (await seen).data["reason"] == "host-qmp-system-reset"

    run(main())


@pytest.mark.parametrize(("persist", "counts"), [(True, b"ABC"), (False, b"AAA")])
def test_a_relaunch_keeps_what_persists_and_forgets_the_rest(
    tmp_path: Path, start: Start, persist: bool, counts: bytes
) -> None:
    disk = image(tmp_path, sector(COUNT_BOOTS, banner=""))
    before = disk.read_bytes()

    async def main() -> None:
        stay = replace(profile(disk, persist=persist), guest=Guest(display=False))  # without the exit device it stays
        async with start(stay) as machine:
            pump = asyncio.create_task(machine.rest())
            session, pids = machine.qmp, set()
            counter = {"bytes": 0}
            grown = asyncio.Event()

            def count(data: bytes) -> None:
                counter["bytes"] += len(data)
                grown.set()

            machine.target.console.tap(count)

            async def one_more() -> None:
                goal = len(pids) + 1
                pids.add(machine.target.pid)
                while counter["bytes"] < goal:
                    grown.clear()
                    await grown.wait()

            await machine.target.go()
            await one_more()
            for _ in range(2):
                await machine.target.relaunch()
                await one_more()
            assert len(pids) == 3
            assert machine.target.qmp is session
            waiting = asyncio.create_task(machine.target.wait_exit())
            await asyncio.sleep(0)
            assert not waiting.done()  # a relaunch is no end
            await machine.target.stop()
            assert await pump == counts
            assert [event.data["life"] for event in machine.events if event.kind == "target.start"] == [1, 2, 3]

    run(main())
    assert (disk.read_bytes() != before) is persist


def test_a_relaunch_that_cannot_start_ends_the_run_cleanly(tmp_path: Path, start: Start) -> None:
    disk = image(tmp_path, sector(IDLE))

    async def main() -> None:
        async with start(profile(disk)) as machine:
            pump = asyncio.create_task(machine.rest())
            await machine.target.go()
            disk.unlink()
            with pytest.raises(UsageError):
                await machine.target.relaunch()
            assert (await machine.target.wait_exit()).returncode == 0
            await pump

    run(main())


# ---- looking at it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "halted", "interrupts", "busy", "still"),
    [
        (CLI_LOOP, False, False, True, True),
        (CLI_HALT, True, False, False, True),
        (BUSY, False, True, True, False),
        (IDLE, True, True, False, True),
    ],
)
def test_what_the_machine_does_is_seen_from_outside(
    start: Start, body: str, halted: bool, interrupts: bool, busy: bool, still: bool
) -> None:
    async def main() -> None:
        async with start(body) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            machine.target.mark()
            await asyncio.sleep(0.3)  # the time that the ratios are about
            seen = await machine.target.postmortem()
            assert (seen["halted"], seen["interrupts_enabled"]) == (halted, interrupts)
            if still:
                assert seen["registers_identical"]
            elif not seen["rip_samples"] or busy:
                assert not seen["registers_identical"]
            assert seen["qmp_answered"]
            assert seen["qmp_status"] == "running"
            assert seen["process_state"] in {"R", "S"}
            assert not seen["was_stopped"]
            assert len(seen["rip_samples"]) == 5
            ran_or_wanted = seen["vcpu_cpu_ratio"] + seen["run_delay_ratio"]
            assert ran_or_wanted > 0.5 if busy else ran_or_wanted < 0.5

    run(main())


def test_a_machine_stopped_by_a_signal_is_made_to_go_on_and_looked_at(start: Start) -> None:
    async def main() -> None:
        async with start(CLI_LOOP) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            os.kill(machine.target.pid, signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, machine.target.pid, os.WSTOPPED)
            seen = await machine.target.postmortem()
            assert (seen["process_state"], seen["was_stopped"]) == ("T", True)
            assert (seen["qmp_answered"], seen["halted"], seen["interrupts_enabled"]) == (True, False, False)
            assert proc_state(machine.target.pid) in {"R", "S"}

    run(main())


def test_a_machine_that_is_gone_leaves_little_to_see(start: Start) -> None:
    async def main() -> None:
        async with start(LEAVE) as machine:
            await machine.target.go()
            await machine.rest()
            await machine.target.wait_exit()
            seen = await machine.target.postmortem()
            assert (seen["process_state"], seen["qmp_answered"], seen["rip_samples"]) == ("", False, [])
            assert seen["triple_fault"] is False

    run(main())


def test_of_two_cpus_the_one_that_works_is_sampled(tmp_path: Path, start: Start) -> None:
    guest = profile(image(tmp_path, sector(BUSY)), machine=Machine(memory_mb=32, cpus=2))

    async def main() -> None:
        async with start(guest) as machine:
            assert len(set(machine.target.vcpu_threads())) == 2
            await machine.target.go()
            await machine.until(b"hello\r\n")
            assert len(await machine.target.registers()) == 2
            assert (await machine.target.postmortem())["cpu"] == 0

    run(main())


def test_a_step_of_the_run_begins_a_new_window(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            first = machine.target._baseline
            machine.qmp.journal.append("step.end")
            assert machine.target._baseline is first
            machine.qmp.journal.append("step.begin", index=1)
            assert machine.target._baseline is not first

    run(main())


# ---- QMP on a real machine -------------------------------------------------------------------------------------------


def test_input_to_a_stopped_machine_says_so(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            with pytest.raises(VmStoppedError, match="the machine is stopped"):
                await send_event(machine.qmp, Key("a", True))
            await machine.target.go()
            for event in text_events("Ab1!\n"):
                await send_event(machine.qmp, event)
            await machine.target.stop_vm()
            with pytest.raises(VmStoppedError):
                await send_event(machine.qmp, Key("a", True))

    run(main())


def test_every_key_name_is_known_to_qemu(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            schema = await machine.qmp.execute("query-qmp-schema")
            enums = [set(entry["values"]) for entry in schema if entry["meta-type"] == "enum"]
            (keys,) = [values for values in enums if {"ret", "grave_accent"} <= values]
            assert keys >= QCODES

    run(main())


def test_the_screen_and_the_framebuffer_behind_it_are_found(tmp_path: Path, start: Start) -> None:
    async def main() -> None:
        async with start(profile(image(tmp_path, sector(IDLE)), display=True)) as machine:
            assert await framebuffer(machine.qmp) is None  # no firmware has placed it yet
            await machine.target.go()
            await machine.until(b"hello\r\n")
            region = await framebuffer(machine.qmp)
            assert region is not None
            assert region.size == 16 << 20
            address = await gpa2hva(machine.qmp, region.address)
            maps = (await asyncio.to_thread(Path(f"/proc/{machine.qmp.pid}/maps").read_text)).splitlines()
            spans = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
            assert any(low <= address and address + region.size <= high for low, high in spans)
            with pytest.raises(LabError, match="is not in RAM"):
                await gpa2hva(machine.qmp, 1 << 40)
            picture = await screendump(machine.qmp, tmp_path)
            assert picture.read_bytes().startswith(b"P6\n720 400\n255\n")
            assert await screendump(machine.qmp, tmp_path) != picture

    run(main())


def test_people_can_join_by_console_vnc_and_gdb(start: Start) -> None:
    async def main() -> None:
        async with start(ECHO, share_console=True, vnc=True, gdb=True) as machine:
            addresses = machine.target.addresses()
            await machine.target.go()
            await machine.until(b"hello\r\n")
            pump = asyncio.create_task(machine.rest())
            reader, writer = await asyncio.open_unix_connection(addresses["console"].partition("UNIX-CONNECT:")[2])
            writer.write(b"H")
            assert await reader.readexactly(1) == b"I"
            host, _, port = addresses["vnc"].rpartition(":")
            with await asyncio.to_thread(socket.create_connection, (host, int(port))) as vnc:
                assert (await asyncio.to_thread(vnc.recv, 4)) == b"RFB "
            gdb_reader, gdb_writer = await asyncio.open_unix_connection(
                addresses["gdbstub"].removeprefix("target remote ")
            )
            gdb_writer.write(b"$?#3f")
            assert (await gdb_reader.readuntil(b"$"))[-1:] == b"$"
            gdb_writer.close()
            writer.close()
            await machine.target.stop()
            await pump

    run(main())


def test_tcg_is_proved_by_a_real_boot_and_whatever_kvm_does_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(accel, "TIMEOUTS", replace(timeouts.TIMEOUTS, accel_probe=1.5))
    assert asyncio.run(probe("tcg")).usable
    kvm = asyncio.run(probe("kvm"))
    assert kvm.usable or kvm.reason
    assert asyncio.run(probe("kvm")) == kvm
