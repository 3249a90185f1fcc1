"""Scan rate of `harness markers` on a generated log, beside `grep -c` over the same file."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.metric import Metric

ROOT = Path(__file__).parents[2]
_CHILD = """
import resource, sys
from pathlib import Path
from harness.markers.scan import scan_file
count = sum(1 for _ in scan_file(Path(sys.argv[1])))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure(megabytes: int) -> Iterator[Metric]:
    """Two logs: a kernel's (one line in a hundred is a marker) and a soak's (every line is one)."""
    with tempfile.TemporaryDirectory() as folder:
        # Of the log that is all markers a quarter is enough: it takes twenty times as long a byte.
        for name, line_of, share in (("kernel log", _kernel_line, 1), ("markers only", _marker_line, 4)):
            log = Path(folder) / "log"
            size, markers = _generate(log, max(1, megabytes // share) << 20, line_of)
            grep = _best(lambda log=log: _grep(log))
            ours, (count, rss) = _timed_scan(log)
            if count != markers:
                raise RuntimeError(f"the scan found {count} of {markers} markers")
            yield Metric(f"scan, {name}", size / ours / 1e6, "MB/s", size / grep / 1e6, "grep -c")
            yield Metric(f"scan, {name}, markers", markers / ours, "markers/s", markers / grep, "grep -c")
            small = Path(folder) / "small"
            _generate(small, max(1, megabytes // share // 10) << 20, line_of)
            _, (_, small_rss) = _timed_scan(small)
            yield Metric(f"scan, {name}, peak memory", rss / 1024, "MB", small_rss / 1024, "a tenth of the log")


def _generate(path: Path, size: int, line_of: Callable[[random.Random, int], str]) -> tuple[int, int]:
    draw = random.Random(1)
    block = [line_of(draw, index) for index in range(20_000)]
    text = "".join(block).encode()
    markers = sum("RAYOS_" in line for line in block)
    copies = max(1, size // len(text))
    with path.open("wb") as stream:
        for _ in range(copies):
            stream.write(text)
    return copies * len(text), copies * markers


def _kernel_line(draw: random.Random, index: int) -> str:
    if index % 100 == 0:
        return _marker_line(draw, index)
    port = f"{draw.randrange(9)}-{draw.randrange(9)}"
    return f"[{index / 100:12.6f}] usb {port}: device descriptor read/64, error -{draw.randrange(120)}\n"


def _marker_line(draw: random.Random, index: int) -> str:
    return f"RAYOS_SOAK:METRICS_SNAPSHOT:{draw.randrange(100)}:{draw.randrange(65536)}:{draw.randrange(20000)}:60\n"


def _grep(log: Path) -> None:
    # Through a pipe: into /dev/null grep would stop at the first match.
    subprocess.run(
        ["grep", "-c", "RAYOS_", str(log)], stdout=subprocess.PIPE, check=True, env={**os.environ, "LC_ALL": "C"}
    )


def _best(work: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def _timed_scan(log: Path) -> tuple[float, tuple[int, int]]:
    """Best of three, in a process of its own because of its peak memory (KiB)."""
    best, answer = float("inf"), (0, 0)
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(log)],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        took = time.perf_counter() - began
        if took < best:
            count, rss = done.stdout.split()
            best, answer = took, (int(count), int(rss))
    return best, answer
