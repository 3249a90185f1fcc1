"""Boot to verdict: what the harness adds to a bare QEMU, inside one process and as a whole command line."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.metric import Metric, median

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "images/reference/build/reference.elf"
PATTERN = "RAYOS_CONTROL:READY:0"


def measure(pairs: int) -> Iterator[Metric]:
    """Interleaved: raw, inside, raw, command line …, so that a change of the machine's speed hits all alike."""
    raw: list[float] = []
    inside: list[float] = []
    whole: list[float] = []
    processor: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_inside(Path(folder)))  # imports and caches are not what is measured
        _command(Path(folder))
        for _ in range(pairs):
            raw.append(_raw())
            before = _processor_s()
            inside.append(asyncio.run(_inside(Path(folder))))
            processor.append(_processor_s() - before)
            raw.append(_raw())
            whole.append(_command(Path(folder)))
    bare = median(raw) * 1000
    yield Metric("boot to verdict, inside one process", median(inside) * 1000, "ms", bare, "bare QEMU")
    yield Metric("boot to verdict, inside one process, added", (median(inside) - median(raw)) * 1000, "ms")
    yield Metric("boot to verdict, inside one process, CPU time", median(processor) * 1000, "ms")
    yield Metric("boot to verdict, whole command line", median(whole) * 1000, "ms", bare, "bare QEMU")
    yield Metric("boot to verdict, whole command line, added", (median(whole) - median(raw)) * 1000, "ms")


def _processor_s() -> float:
    """CPU time of this process without its children: what a crowded machine changes little."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _argv() -> list[str]:
    """The same machine as the harness makes of `--kernel`, without what it adds to watch it."""
    return [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "tcg", "-cpu", "qemu64"),
        *("-m", "256", "-device", "VGA", "-display", "none", "-no-reboot", "-kernel", str(KERNEL), "-serial", "stdio"),
    ]


def _raw() -> float:
    """exec of QEMU to the ready line to the process gone: the least that any runner has to do."""
    began = time.perf_counter()
    process = subprocess.Popen(_argv(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    for line in process.stdout:
        if PATTERN.encode() in line:
            break
    else:
        raise RuntimeError("the reference guest never got ready")
    process.kill()
    process.wait()
    process.stdout.close()
    return time.perf_counter() - began


async def _inside(folder: Path) -> float:
    from harness.campaign.batch import run_batch
    from harness.engine.options import BatchOptions, Planned
    from harness.scenario.model import Scenario
    from harness.scenario.steps import Boot, Expect
    from harness.targets.implied import implied_profile

    profile = implied_profile(kernel=KERNEL)
    scenario = Scenario(name="bench", steps=(Boot(), Expect(all=(PATTERN,), since="start", timeout=30)))
    began = time.perf_counter()
    result = await run_batch([Planned(scenario, profile, "wall")], BatchOptions(runs_dir=folder))
    took = time.perf_counter() - began
    outcome = result.runs[0][1]
    if outcome is None or outcome.verdict.verdict != "PASS":
        raise RuntimeError(f"the benchmark's own run did not pass: {outcome and outcome.verdict.first_cause}")
    return took


def _environment() -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}, "PYTHONPATH": str(ROOT)}


def _command(folder: Path) -> float:
    argv = [sys.executable, "-P", "-m", "harness.cli.main", "boot", "--kernel", str(KERNEL), "--expect", PATTERN]
    began = time.perf_counter()
    done = subprocess.run(
        [*argv, "--runs-dir", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=_environment(),
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"harness boot failed: {done.stderr.decode(errors='replace')}")
    return took
