"""Warm starts: from the beginning of a run to the end of its boot step, from a snapshot beside a boot."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.metric import Metric, median
from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions, Planned
from harness.engine.warm import warmed
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, build_command, status

IMAGES = ("reference", "debian-linux")


def measure(pairs: int) -> Iterator[Metric]:
    """Interleaved: cold, warm, cold …, so that a change of the machine's speed hits both alike."""
    for image in IMAGES:
        found = find_image(image)
        if status(found).readiness in {Readiness.MISSING, Readiness.NOT_BUILT}:
            print(f"{image} is not built: {build_command(found)}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder  # the user's own snapshots stay out of it
            cold = BatchOptions(runs_dir=Path(folder))
            planned = plan([ScenarioBuilder("bench", image=image).boot(timeout=60).build()], cold)
            _first_step(planned, cold)  # imports and caches are not what is measured
            began = time.perf_counter()
            with warmed(planned, cold, point="", say=lambda text: print(text, file=sys.stderr)) as warm:
                made = time.perf_counter() - began
                times = [(_first_step(planned, cold), _first_step(planned, warm)) for _ in range(pairs)]
        cold_ms, warm_ms = (median(column) * 1000 for column in zip(*times, strict=True))
        yield Metric(f"{image}: time to the first step, warm", warm_ms, "ms", cold_ms, "cold")
        yield Metric(f"{image}: speed-up", cold_ms / warm_ms, "times")
        yield Metric(f"{image}: snapshot made, boot included", made * 1000, "ms", cold_ms, "cold")


def _first_step(planned: list[Planned], options: BatchOptions) -> float:
    """Seconds from the beginning of the run until the step after boot can begin."""
    outcome = run_planned(planned, options).runs[0][1]
    if outcome is None or outcome.verdict.verdict != "PASS":
        raise RuntimeError(f"the benchmark's own run did not pass: {outcome and outcome.verdict.first_cause}")
    return next(e.host_ns for e in read_events(outcome.bundle.journal) if e.kind == "step.end") / 1e9
