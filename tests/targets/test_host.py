"""What the host says of a process, and what is read from QEMU's registers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ProtocolError
from harness.targets import host as module
from harness.targets.host import HostSample, ThreadTime, host_sample
from harness.targets.registers import parse_registers

BEGIN = HostSample(0, "S", {7: ThreadTime(0, 0)}, 100, 1000, 0, 0)


def test_ratios_are_shares_of_the_time_between() -> None:
    end = HostSample(10**9, "R", {7: ThreadTime(250_000_000, 500_000_000)}, 150, 1200, 100_000, 400_000)
    assert end.ratios(BEGIN) == {
        "vcpu_cpu_ratio": 0.25,
        "run_delay_ratio": 0.5,
        "throttled_ratio": 0.4,
        "steal_ratio": 0.25,
        "pressure_ratio": 0.1,
    }


def test_of_several_cpus_the_busiest_counts() -> None:
    threads = {7: ThreadTime(0, 0), 8: ThreadTime(900_000_000, 10_000_000)}
    ratios = replace(BEGIN, host_ns=10**9, threads=threads).ratios(BEGIN)
    assert (ratios["vcpu_cpu_ratio"], ratios["run_delay_ratio"]) == (0.9, 0.01)


def test_what_the_host_does_not_tell_stays_unknown() -> None:
    assert set(HostSample(10**9, "").ratios(HostSample(0, "")).values()) == {None}


@given(st.integers(-5, 10**12), st.integers(-5, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_ratio_is_a_share_whatever_the_counters_do(length: int, cpu: int, delay: int, ticks: int) -> None:
    end = HostSample(length, "R", {7: ThreadTime(cpu, delay)}, ticks, ticks, ticks, ticks)
    for ratio in end.ratios(BEGIN).values():
        assert ratio is None or 0 <= ratio <= 1


def test_this_process_can_be_looked_at() -> None:
    import os

    sample = host_sample(os.getpid(), [os.getpid(), 999_999_999])
    assert sample.process_state == "R"
    assert list(sample.threads) == [os.getpid()]
    assert sample.threads[os.getpid()].cpu_ns > 0
    assert sample.total_ticks
    assert sample.steal_ticks is not None


def test_a_process_that_is_gone_has_no_state() -> None:
    assert host_sample(999_999_999, [999_999_999]).process_state == ""


@pytest.mark.parametrize(
    ("membership", "files", "throttled_us"),
    [
        (
            "0::/a/b\n",
            {"two/a/b": "throttled_usec 7", "two/a": "nr_throttled 1\nthrottled_usec 9", "two": "usage 1"},
            9,
        ),
        ("4:cpu,cpuacct:/a\n3:memory:/x\n0::/\n", {"one/a": "nr_throttled 3\nthrottled_time 5000", "one": ""}, 5),
        ("0::/\n", {"two": "usage_usec 1"}, None),
        ("3:memory:/x\n", {}, None),
        ("", {}, None),
    ],
)
def test_the_throttled_time_is_that_of_the_cgroup_that_holds_it_up_most(
    monkeypatch: pytest.MonkeyPatch, membership: str, files: dict[str, str], throttled_us: int | None
) -> None:
    there = {
        "/proc/5/cgroup": membership,
        "/proc/self/mounts": "g /two cgroup2 rw 0 0\ng /one cgroup rw,cpu,cpuacct 0 0\ng /mem cgroup rw,memory 0 0\n",
        **{f"/{folder}/cpu.stat": text for folder, text in files.items()},
    }
    monkeypatch.setattr(module, "_read", lambda path: there.get(path, ""))
    module._cgroup_mounts.cache_clear()
    assert host_sample(5, []).throttled_us == throttled_us
    module._cgroup_mounts.cache_clear()


CORPUS = Path(__file__).parent / "registers"


def test_registers_of_a_pc_in_real_mode_and_of_two_cpus() -> None:
    first, second = parse_registers((CORPUS / "x86-two-cpus.txt").read_text())
    assert (first.cpu, first.pc, first.interrupts_enabled, first.halted) == (0, 0xB7B9, True, True)
    assert (second.cpu, second.pc, second.interrupts_enabled, second.halted) == (1, 0xFD09A, False, True)


def test_registers_of_a_64_bit_kernel() -> None:
    (cpu,) = parse_registers((CORPUS / "x86-long-mode.txt").read_text())
    assert (cpu.pc, cpu.interrupts_enabled, cpu.halted) == (0x100EDE, True, True)
    assert cpu.cr2 == 0
    assert cpu.cr3 is not None
    assert cpu.cr3 > 0


def test_registers_of_an_arm() -> None:
    (cpu,) = parse_registers((CORPUS / "aarch64.txt").read_text())
    assert (cpu.pc, cpu.interrupts_enabled, cpu.halted, cpu.cr2) == (0, False, None, None)


@pytest.mark.parametrize("text", ["", "CPU#0\r\nnothing\r\n", "unknown command\r\n"])
def test_what_are_no_registers_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_registers(text)
