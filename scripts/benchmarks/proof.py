"""Every presented frame proved: frames a second and guest seconds a second, beside the same soak with markers only.

Soaks of some seconds of guest time; the hour is reckoned from them, since the cost of a frame does not grow.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.metric import Metric
from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder

CLIENTS = (4, 16, 64)
IMAGE = os.environ.get("BENCH_IMAGE", "reference")
_FRAMES_AN_HOUR = 216_000


def measure(seconds: int) -> Iterator[Metric]:
    """Soaks of *seconds* of guest time with 4 clients, a quarter of that with 16, a sixteenth with 64."""
    for clients, share in zip(CLIENTS, (1, 4, 16), strict=True):
        length = max(1, seconds // share)
        bare, _ = _soak(clients, length, prove=False)
        proved, frames = _soak(clients, length, prove=True)
        name = f"{clients} clients, each frame proved"
        yield Metric(f"{name}: frames", frames / proved, "frames/s", frames / bare, "markers only")
        yield Metric(f"{name}: guest time", length / proved, "s/s", length / bare, "markers only")
        hour = _FRAMES_AN_HOUR / frames / 60
        yield Metric(f"{name}: an hour, reckoned", proved * hour, "min", bare * hour, "markers only")


def _soak(clients: int, seconds: int, *, prove: bool) -> tuple[float, int]:
    """Host seconds that the soak took, and its frames."""
    scenario = ScenarioBuilder("bench", image=IMAGE).boot()
    scenario.command(f"soak clients={clients} seconds={seconds}", timeout=600)
    if prove:
        scenario.prove()
    with tempfile.TemporaryDirectory() as folder:
        options = BatchOptions(runs_dir=Path(folder))
        outcome = run_planned(plan([scenario.build()], options), options).runs[0][1]
        if outcome is None or outcome.verdict.verdict != "PASS":
            raise RuntimeError(f"the benchmark's own run did not pass: {outcome and outcome.verdict.first_cause}")
        times = {e.kind: e.host_ns for e in read_events(outcome.bundle.journal) if e.data.get("index", 1) == 1}
    return (times["step.end"] - times["step.begin"]) / 1e9, seconds * 60
