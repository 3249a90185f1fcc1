"""Figures that the reference guest measures: loads and operations cost what they should, and leave nothing behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.timeouts import TIMEOUTS
from harness.verdicts import Verdict

from .conftest import Play
from .disk_images import DISK_IMAGE
from .reference_session import live, markers

pytestmark = pytest.mark.system


def figures(told: Sequence[str], event: str) -> list[list[float]]:
    """The numbers of each marker of *event*, in order."""
    return [
        [float(field) for field in line.split(":")[2:] if re.fullmatch(r"[0-9.]+", field)]
        for line in told
        if line.startswith(f"RAYOS_{event}:")
    ]


def measured(play: Play, *commands: str) -> list[str]:
    outcome = play(
        ScenarioBuilder("figures", image=DISK_IMAGE)
        .rules("PERF", "STRESS")
        .boot()
        .command(*commands, timeout=3 * TIMEOUTS.control_reply)
    )
    assert outcome.verdict.verdict in {Verdict.PASS, Verdict.NOTHING_CHECKED}, outcome.verdict.first_cause
    assert not [e for e in read_events(outcome.bundle.journal) if e.kind == "rule"]
    return markers(outcome)


OPERATIONS = ("present", "commit", "input", "alloc", "disk", "wire")
WINDOW = ["create id=1 x=60 y=80 w=400 h=240 color=3a6ea5 kind=checker", "animate id=1 on=1"]


def test_more_of_a_cpu_load_costs_more_time_and_delays_more_frames(play: Play) -> None:
    loads = [f"stress kind=cpu level={level} seconds=1" for level in (10, 60)]
    told = measured(play, *WINDOW, *loads)
    applied, late, worse = (figures(told, f"STRESS:{e}") for e in ("LOAD_APPLIED", "LATENCY_SAMPLE", "DEGRADATION"))
    assert [level for level, _, _ in applied] == [10, 60]
    assert all(level <= cpu <= level + 15 for level, cpu, _ in applied)
    assert late == sorted(late)
    assert worse == sorted(worse)
    assert worse[0][1] > 100
    assert len({latency for (latency,) in late}) == 2


def test_a_memory_load_takes_what_it_says_and_gives_it_back(play: Play) -> None:
    told = measured(
        play, "stress kind=memory level=30 seconds=1", "stress kind=memory level=80 seconds=1", "perf op=alloc n=10"
    )
    (_, _, third), (_, _, most) = figures(told, "STRESS:LOAD_APPLIED")
    assert 28 <= third <= 40
    assert 78 <= most <= 90
    ((in_use, peak, _),) = figures(told, "PERF:MEMORY")
    assert peak > 10 * in_use


def test_percentiles_rise_and_bound_the_throughput(play: Play) -> None:
    told = measured(play, *WINDOW, *(f"perf op={name} n=100" for name in OPERATIONS))
    samples, rates = figures(told, "PERF:SAMPLE"), figures(told, "PERF:THROUGHPUT")
    highest = figures(told, "PERF:REPORT")
    for number, (rate,) in enumerate(rates):
        us = [value for value, _ in samples[3 * number : 3 * number + 3]]
        assert [p for _, p in samples[3 * number : 3 * number + 3]] == [50, 90, 99]
        assert us == sorted(us)
        assert us[2] <= highest[number][0]
        assert rate <= 1_000_000 / (us[0] / 2), "half of them take at least the median"
    assert len({rate for (rate,) in rates}) == len(rates) == len(OPERATIONS)


@pytest.mark.parametrize(
    "commands",
    [
        [f"perf op={operation} n=7" for operation in OPERATIONS],
        [f"stress kind={kind} level=9 seconds=1" for kind in ("cpu", "memory", "disk")],
        ["stress kind=clients level=9 seconds=1"],
    ],
    ids=["perf", "stress", "clients"],
)
def test_measuring_leaves_the_scene_as_it_was(play: Play, commands: list[str]) -> None:
    outcome = play(
        ScenarioBuilder("scene", image=DISK_IMAGE)
        .rules("PERF", "STRESS", "DISK")
        .boot()
        .command(*WINDOW, "create id=2 x=200 y=200 w=300 h=200 color=8a3ea5", "frames n=3")
        .command(*commands, timeout=3 * TIMEOUTS.control_reply)
        .command("frames n=2", "verify check=windows want=2", "verify check=focus want=2")
        .check_frame("afterwards")
    )
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    told = markers(outcome)
    assert not [line for line in told if line.endswith(":fail")]


def test_more_clients_cost_more_time_and_delay_more_frames(play: Play) -> None:
    told = measured(play, *WINDOW, *(f"stress kind=clients level={level} seconds=1" for level in (2, 12)))
    ((_, few, _), (_, many, _)), ((soon,), (late,)) = (
        figures(told, "STRESS:LOAD_APPLIED"),
        figures(told, "STRESS:LATENCY_SAMPLE"),
    )
    assert many > few
    assert late > soon
    assert len([line for line in told if ":CLIENT_DESTROYED:" in line]) == 14


def test_a_load_that_cannot_be_applied_is_refused_before_anything_happens(tmp_path: Path) -> None:
    told = live(
        tmp_path,
        *WINDOW,
        "stress kind=clients level=96 seconds=1",
        "stress kind=disk level=1 seconds=1",
        "perf op=disk n=1",
    )
    assert told.replies[2:] == ["limit clients", "state disk", "state disk"]
    assert not [line for line in told.markers if ":STRESS:" in line or "RAYOS_STRESS" in line or "RAYOS_PERF" in line]


def test_what_a_present_costs_depends_on_what_it_draws(play: Play) -> None:
    """39 windows over each other cost the compositor more than an empty desktop; the same guest, the same operation."""
    windows = [f"create id={n} x={n * 3} y={n * 2 + 30} w=600 h=500 color=3a6ea5 kind=checker" for n in range(1, 40)]
    told = measured(play, "perf op=present n=30", *windows, "frames n=1", "perf op=present n=30")
    (empty,), (crowded,) = figures(told, "PERF:THROUGHPUT")
    assert crowded != empty
