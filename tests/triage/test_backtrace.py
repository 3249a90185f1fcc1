"""Backtraces from kept registers and memory: on made-up stacks, and whatever a damaged bundle holds."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from harness.judge.crash_rules import Rules
from harness.targets.machine_state import named
from harness.targets.registers import parse_registers
from harness.triage.backtrace import Frame, of_machine, of_text
from harness.triage.classify import cpu_state, culprit
from harness.triage.text import TextFrame
from harness.triage.unwind import MOST

REGISTERS = Path(__file__).parents[1] / "targets/registers"
RULES = Rules.load()


def machine(arch: str, registers: dict[str, int], words: dict[int, int]) -> dict[str, Any]:
    memory = [
        {"address": hex(at), "data": base64.b64encode(word.to_bytes(8, "little")).decode()}
        for at, word in words.items()
    ]
    return {"arch": arch, "registers": {name: hex(value) for name, value in registers.items()}, "memory": memory}


def addresses(event: dict[str, Any]) -> list[int | None]:
    return [frame.address for frame in of_machine(event, None)]


@pytest.mark.parametrize(("arch", "pc", "sp", "fp"), [("x86_64", "rip", "rsp", "rbp"), ("aarch64", "pc", "sp", "x29")])
def test_frame_pointers_lead_to_the_callers(arch: str, pc: str, sp: str, fp: str) -> None:
    stack = {0x1010: 0x1030, 0x1018: 0xA0, 0x1030: 0, 0x1038: 0xB0}
    assert addresses(machine(arch, {pc: 0x90, sp: 0x1000, fp: 0x1010}, stack)) == [0x90, 0xA0, 0xB0]


def test_a_chain_that_loops_or_leads_down_the_stack_ends() -> None:
    start = {"rip": 1, "rsp": 0x1000, "rbp": 0x1010}
    assert addresses(machine("x86_64", start, {0x1010: 0x1010, 0x1018: 2})) == [1, 2]
    assert addresses(machine("x86_64", start, {0x1010: 0x1008, 0x1018: 2, 0x1008: 0x1010})) == [1, 2]


def test_an_endless_chain_is_cut() -> None:
    words: dict[int, int] = {}
    for number in range(500):
        words |= {0x1000 + 16 * number: 0x1010 + 16 * number, 0x1008 + 16 * number: 7}
    assert len(addresses(machine("x86_64", {"rip": 7, "rsp": 0xFF0, "rbp": 0x1000}, words))) == MOST


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"arch": "z80"},
        {"arch": "x86_64", "registers": {"rip": "not a number"}},
        {"arch": "x86_64", "registers": {"rip": "0x1"}, "memory": [{"address": "0x0"}]},
        {"arch": "x86_64", "registers": {"rip": "0x1"}, "memory": [{"address": "0x0", "data": "%%%"}], "cpus": 7},
        {"arch": "x86_64", "registers": [1, 2], "memory": 3},
    ],
)
def test_a_damaged_event_gives_a_short_backtrace_and_no_error(event: dict[str, Any]) -> None:
    assert len(of_machine(event, None)) <= 1


def test_registers_are_named_as_their_architecture_names_them() -> None:
    (long_mode, *_) = parse_registers((REGISTERS / "x86-long-mode.txt").read_text())
    arch, values = named(long_mode)
    assert arch == "x86_64"
    assert values["rip"] == long_mode.pc
    assert {"rsp", "rbp", "rax", "r8", "r15", "cr2"} <= set(values)
    (arm, *_) = parse_registers((REGISTERS / "aarch64.txt").read_text())
    arch, values = named(arm)
    assert arch == "aarch64"
    assert values["pc"] == arm.pc
    assert {"x0", "x9", "x29", "x30", "sp"} <= set(values)


def frame(function: str, *, interrupted: bool = False, guess: bool = False) -> Frame:
    return Frame(1, function, interrupted=interrupted, guess=guess)


def test_the_culprit_is_who_was_interrupted_or_who_called_for_the_panic() -> None:
    trap = [frame("halt_cpu"), frame("trap"), frame("bad", interrupted=True), frame("main")]
    assert culprit("exception", trap, RULES) == trap[2]
    panic = [frame("panic"), frame("heap_check", guess=True), frame("free_page"), frame("main")]
    assert culprit("panic", panic, RULES) == panic[2]
    timer = [frame("timer_handler"), frame("wait_for_ever", interrupted=True)]
    assert culprit("livelock", timer, RULES) == timer[1]
    assert culprit("spin-interrupts-off", timer, RULES) == timer[0]
    assert culprit("panic", [frame("panic")], RULES) == frame("panic")
    assert culprit("panic", [], RULES) is None


def test_a_printed_trace_stays_as_it_was_without_symbols() -> None:
    (one,) = of_text([TextFrame("f.isra.0", 16, None, "mod", "a.c", 3)], None)
    assert str(one) == "f+0x10 at a.c:3"


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({}, ""),
        (
            {"halted": False, "interrupts_enabled": True, "rip_samples": ["0x10", "0x14", "0x10"]},
            "the CPU spins in a small loop, interrupts are on",
        ),
        (
            {"halted": False, "interrupts_enabled": False, "rip_samples": ["0x10", "0x1400", "0x10"]},
            "the CPU is busy, interrupts are off",
        ),
        ({"halted": True, "interrupts_enabled": True}, "the CPU is halted, interrupts are on"),
    ],
)
def test_what_the_cpu_did_is_told(sample: dict[str, Any], said: str) -> None:
    assert cpu_state(sample) == said
