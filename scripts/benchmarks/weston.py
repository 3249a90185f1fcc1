"""A real desktop: from nothing, and from a snapshot, to the first verified frame of a client, beside a bare QEMU."""

from __future__ import annotations

import os
import subprocess
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
from harness.scenario.model import Scenario
from harness.targets.loader import find_image, override
from harness.targets.needs import Readiness, build_command, status
from harness.targets.profile import Profile

IMAGE = os.environ.get("BENCH_WESTON", "weston")
SHOWN = "RAYOS_SOAK:CLIENT_CREATED:1"
_LIMIT = 120  # s: 20 were seen on a host with twenty busy processes for two cores


def measure(rounds: int) -> Iterator[Metric]:
    """Interleaved: bare, cold, warm, bare …, so that a change of the machine's speed hits all alike."""
    image = find_image(IMAGE)
    if status(image).readiness in {Readiness.MISSING, Readiness.NOT_BUILT}:
        print(f"{IMAGE} is not built: {build_command(image)}", file=sys.stderr)
        return
    words = f"{image.boot.cmdline} clients=1"
    profile = override(image, {"boot.cmdline": words})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # the user's own snapshots stay out of it
        options = BatchOptions(runs_dir=Path(folder))
        cold = plan([_scenario(words, SHOWN)], options)
        ready = plan([_scenario(words, "")], options)
        with warmed(ready, options, point="", say=lambda text: print(text, file=sys.stderr)) as warm:
            _verified(ready, warm)  # imports and caches are not what is measured
            times = [(_bare(profile), _verified(cold, options), _verified(ready, warm)) for _ in range(rounds)]
    bare, booted, restored = (median(column) for column in zip(*times, strict=True))
    yield Metric("weston: first verified frame, cold", booted, "s", bare, "bare QEMU, first frame shown")
    yield Metric("weston: first verified frame, warm", restored, "s", bare, "bare QEMU, first frame shown")
    best = [min(column) for column in zip(*times, strict=True)]
    yield Metric("weston: first verified frame, cold, best", best[1], "s", best[0], "bare QEMU, best")
    yield Metric("weston: first verified frame, warm, best", best[2], "s", best[0], "bare QEMU, best")


def _scenario(words: str, until: str) -> Scenario:
    scenario = ScenarioBuilder("bench", image=IMAGE).set(boot__cmdline=words).boot(until=until, timeout=_LIMIT)
    return scenario.check_frame("first", against="clients", timeout=_LIMIT).build()


def _verified(planned: list[Planned], options: BatchOptions) -> float:
    """Seconds from the beginning of the run until the picture of the client was judged right."""
    outcome = run_planned(planned, options).runs[0][1]
    if outcome is None or outcome.verdict.verdict != "PASS":
        raise RuntimeError(f"the benchmark's own run did not pass: {outcome and outcome.verdict.first_cause}")
    ends = [event.host_ns for event in read_events(outcome.bundle.journal) if event.kind == "step.end"]
    return ends[1] / 1e9


def _bare(profile: Profile) -> float:
    """Seconds from exec of QEMU to the client's word that its first frame was shown: the same files and devices."""
    boot, machine = profile.boot, profile.machine
    devices = [word for device in machine.devices for word in ("-device", device)]
    words = ["-machine", machine.type, "-accel", "tcg", "-cpu", machine.cpu or "qemu64", "-m", str(machine.memory_mb)]
    words += ["-bios", str(machine.bios), "-kernel", str(boot.kernel), "-initrd", str(boot.initrd)]
    words += ["-append", boot.cmdline]
    words += ["-display", "none", "-no-reboot", "-serial", "stdio", "-serial", "null", *devices]
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", *words]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if SHOWN.encode() in line:
                    return time.perf_counter() - began
        finally:
            process.kill()
    raise RuntimeError("the desktop never came up")
