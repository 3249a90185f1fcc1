"""Which accelerator is taken: only one that ran a guest. QEMU is a script here; tests/system has the real one."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import timeouts
from harness.errors import UsageError
from harness.targets import accel
from harness.targets.accel import Probe, boot_sector, choose, probe

WORKS = "echo an accelerator that runs guests; exit 99"


class Host:
    """A host whose QEMU is a shell script, with a /dev/kvm that opens."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.runs = folder / "runs"
        self.cache = folder / "cache/rayos-harness/accelerators.json"

    def qemu(self, script: str) -> None:
        path = self.bin / "qemu-system-x86_64"
        path.write_text(f"#!/bin/sh\necho run >> {self.runs}\n{script}\n")
        path.chmod(0o755)

    def probes(self) -> int:
        return len(self.runs.read_text().splitlines()) if self.runs.exists() else 0


def device(monkeypatch: pytest.MonkeyPatch, granted: set[int], access: Callable[..., bool] = os.access) -> None:
    """Let /dev/kvm be there, or allow what is granted."""
    monkeypatch.setattr(
        accel.os, "access", lambda path, mode: mode in granted if path == "/dev/kvm" else access(path, mode)
    )


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    device(monkeypatch, {os.F_OK, os.R_OK | os.W_OK})
    monkeypatch.setattr(accel.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(accel, "TIMEOUTS", replace(timeouts.TIMEOUTS, accel_probe=0.1))
    return made


def test_one_that_ran_the_guest_is_usable_and_is_asked_once(host: Host) -> None:
    host.qemu(WORKS)
    assert asyncio.run(probe("kvm")) == Probe(True)
    assert asyncio.run(probe("kvm")) == Probe(True)
    assert host.probes() == 1
    assert asyncio.run(choose("auto", "x86_64")) == "kvm"


def test_one_that_hangs_is_not_usable_says_so_and_is_not_asked_again(host: Host) -> None:
    host.qemu("exec sleep 60")
    found = asyncio.run(probe("kvm"))
    assert found == Probe(False, "a guest of one boot sector printed nothing within 0.1 s")
    assert asyncio.run(probe("kvm")) == found
    assert host.probes() == 1
    assert asyncio.run(choose("auto", "x86_64")) == "tcg"
    with pytest.raises(UsageError, match="KVM cannot be used: a guest of one boot sector printed nothing"):
        asyncio.run(choose("kvm", "x86_64"))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo Could not access KVM kernel module: Permission denied >&2; exit 1", "status 1: Could not access KVM"),
        ("exit 99", "status 99: no output"),
        ("echo an accelerator that runs guests; exit 0", "status 0"),
        ("echo an accelerator that runs guests; exec sleep 60", "its line and then hung"),
        ("kill -11 $$", "status -11"),
    ],
)
def test_line_and_exit_both_count(host: Host, script: str, reason: str) -> None:
    host.qemu(script)
    found = asyncio.run(probe("tcg"))
    assert not found.usable
    assert reason in found.reason


def test_another_qemu_or_another_boot_is_asked_anew(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.qemu(WORKS)
    asyncio.run(probe("kvm"))
    host.qemu(WORKS + "\n# another build")
    asyncio.run(probe("kvm"))
    assert host.probes() == 2
    key = accel._key
    monkeypatch.setattr(accel, "_key", lambda binary: f"another-boot {key(binary).partition(' ')[2]}")
    asyncio.run(probe("kvm"))
    assert host.probes() == 3
    assert "another-boot" in host.cache.read_text()
    assert Path("/proc/sys/kernel/random/boot_id").read_text().strip() not in host.cache.read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"x": 1}', b'{"x": {"y": 1}}', b"\xff"])
def test_a_cache_that_cannot_be_understood_is_as_none(host: Host, content: bytes) -> None:
    host.qemu(WORKS)
    host.cache.parent.mkdir(parents=True)
    host.cache.write_bytes(content)
    assert asyncio.run(probe("kvm")).usable


def test_a_cache_that_cannot_be_written_costs_only_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.qemu(WORKS)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert asyncio.run(probe("kvm")).usable


def test_without_the_device_or_the_right_to_it_nothing_is_started(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.qemu(WORKS)
    device(monkeypatch, set())
    assert asyncio.run(probe("kvm")).reason == "/dev/kvm does not exist"
    device(monkeypatch, {os.F_OK})
    assert asyncio.run(probe("kvm")).reason == "no permission to open /dev/kvm"
    monkeypatch.setattr(accel.platform, "machine", lambda: "aarch64")
    assert "x86_64 code" in asyncio.run(probe("kvm")).reason
    assert host.probes() == 0


def test_a_guest_of_another_architecture_runs_on_tcg(host: Host) -> None:
    host.qemu(WORKS)
    assert asyncio.run(choose("auto", "aarch64")) == "tcg"
    with pytest.raises(UsageError, match="the guest aarch64"):
        asyncio.run(choose("kvm", "aarch64"))
    assert host.probes() == 0


def test_tcg_is_taken_without_a_probe(host: Host) -> None:
    host.qemu("exit 1")
    assert asyncio.run(choose("tcg", platform.machine())) == "tcg"
    assert host.probes() == 0


def test_no_qemu_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert asyncio.run(probe("tcg")).reason == "there is no qemu-system-x86_64"


def test_the_boot_sector_is_one() -> None:
    assert len(boot_sector()) == 512
    assert boot_sector().endswith(b"\x55\xaa")
