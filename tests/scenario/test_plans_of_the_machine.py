"""What is refused of faults of machine, memory, line and processes before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.scenario.plans import load_plan


def plan(folder: Path, fault: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(f'version = 1\n[[fault]]\nname = "f"\n{fault}\n')
    return path


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ('when = { rendezvous = 1 }\ndo = { kind = "bit-flip" }', "give either symbol or address"),
        ('when = { rendezvous = 1 }\ndo = { kind = "bit-flip", symbol = "x", bit = 8 }', "bit within them"),
        ('when = { rendezvous = 1 }\ndo = { kind = "bit-flip", symbol = "x", length = 0 }', "bit within them"),
        ('when = { symbol = "x" }\ndo = { kind = "reset" }', "use kill-qemu"),
        ('when = { symbol = "x" }\ndo = { kind = "client-crash", id = 1 }', "takes none"),
        ('when = { rendezvous = 1 }\ndo = { kind = "serial-stall" }', "until = { host_s"),
        ('when = { rendezvous = 1 }\ndo = { kind = "serial-noise", every = 0 }', "at least 1"),
        ('when = { rendezvous = 1 }\ndo = { kind = "pause", host_s = 0.0 }', "more than 0"),
        ('when = { rendezvous = 1 }\ndo = { kind = "network-delay", delay_ms = 0 }', "at least 1"),
        ('when = { rendezvous = 1 }\ndo = { kind = "memory-pressure", mb = 0 }', "at least 1"),
        ('when = { rendezvous = 1 }\ndo = { kind = "clock-jump", seconds = -5 }', "goes forwards"),
        ('when = { rendezvous = 1 }\ndo = { kind = "cpu-starvation", percent = 0 }', "1 to 99"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, fault: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_plan(plan(tmp_path, fault))
    assert said in refused.value.what
    assert "plan.toml:" in refused.value.what


def test_only_a_plan_with_a_symbol_a_bit_or_a_clock_needs_the_gdbstub(tmp_path: Path) -> None:
    needs = {
        text: load_plan(plan(tmp_path, text)).by_gdbstub
        for text in (
            'when = { symbol = "x" }\ndo = { kind = "nmi" }',
            'when = { rendezvous = 1 }\ndo = { kind = "bit-flip", symbol = "x" }',
            'when = { rendezvous = 1 }\ndo = { kind = "clock-jump" }',
            'when = { rendezvous = 1 }\ndo = { kind = "nmi" }',
        )
    }
    assert list(needs.values()) == [True, True, True, False]


@pytest.mark.parametrize("back", [False, True])
def test_a_bit_that_does_not_turn_back_has_no_end(tmp_path: Path, back: bool) -> None:
    word = str(back).lower()
    flip = f'when = {{ rendezvous = 1 }}\ndo = {{ kind = "bit-flip", symbol = "x", back = {word} }}'
    (fault,) = load_plan(plan(tmp_path, flip)).fault
    assert fault.do.lasting is back
