"""QMP, input, screen and the ways for people to join, on a real machine. Guests of 512 bytes."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness import timeouts
from harness.errors import LabError
from harness.qmp.input import Key, VmStoppedError, send_event, text_events
from harness.qmp.keys import QCODES
from harness.qmp.memory import framebuffer, gpa2hva
from harness.qmp.screendump import screendump
from harness.targets import accel
from harness.targets.accel import probe

from .machines import Start, run
from .sectors import (
    ECHO,
    IDLE,
    image,
    profile,
    sector,
)

pytestmark = pytest.mark.system


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
