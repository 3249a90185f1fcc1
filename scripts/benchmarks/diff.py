"""CPU time of `harness diff` on two logs of so many thousand markers, reading included, beside `diff -q` of the same.

One thread that never waits: on a host with nothing else to do it is the time that passes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.metric import Metric

ROOT = Path(__file__).parents[2]
_CHILD = """
import gc, resource, sys, time
gc.set_threshold(50_000, 20, 20)  # as the command line does
from pathlib import Path
from harness.diff import compare
from harness.diff.streams import of_log
began = time.process_time()
a, b = (of_log(Path(path)) for path in sys.argv[1:3])
read = time.process_time()
found = compare(a, b)
print(read - began, time.process_time() - read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, found.matched)
"""


def measure(thousands: int) -> Iterator[Metric]:
    """A soak in which one marker in a thousand is missing, and what is hard to align."""
    count = thousands * 1000
    with tempfile.TemporaryDirectory() as folder:
        a, b = Path(folder) / "a.log", Path(folder) / "b.log"
        for name, ours, theirs in _pairs(count):
            a.write_text("".join(ours))
            b.write_text("".join(theirs))
            began = time.perf_counter()
            subprocess.run(["diff", "-q", str(a), str(b)], stdout=subprocess.DEVNULL, check=False)
            plain = time.perf_counter() - began
            read, compared, rss = _timed(a, b)
            yield Metric(f"diff, {name}", read + compared, "CPU s", plain, "diff -q")
            yield Metric(f"diff, {name}, aligned in", compared, "CPU s", read, "reading both")
            yield Metric(
                f"diff, {name}, peak memory", rss / 1024, "MB", (a.stat().st_size + b.stat().st_size) / 1e6, "logs"
            )


def _pairs(count: int) -> Iterator[tuple[str, list[str], list[str]]]:
    draw = random.Random(1)
    soak = [
        f"RAYOS_INPUT:KEY:{n}:down:{n % 90:02x}:3\n" if n % 2 else f"RAYOS_SOAK:METRICS_SNAPSHOT:{n % 100}:{n}:80:60\n"
        for n in range(count)
    ]
    yield "one in 1,000 missing", soak, [line for n, line in enumerate(soak) if n % 1000 != 7]
    yield "one in front", soak, ["RAYOS_X:FIRST\n", *soak]
    yield "all different", [f"RAYOS_X:A:{n}\n" for n in range(count)], [f"RAYOS_Y:B:{n}\n" for n in range(count)]
    beat = [f"RAYOS_X:BEAT:{n % 7}\n" for n in range(count)]
    yield "heartbeats, three late", beat, [*beat[3:], *beat[:3]]
    words = [[f"RAYOS_X:{'AB'[draw.randrange(2)]}\n" for _ in range(count)] for _ in range(2)]
    yield "two words at random", words[0], words[1]


def _timed(a: Path, b: Path) -> tuple[float, float, int]:
    """The better of two, in a process of its own because of its peak memory (KiB)."""
    best = (float("inf"), 0.0, 0)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(a), str(b)],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        read, compared, rss, _ = done.stdout.split()
        if float(read) + float(compared) < best[0] + best[1]:
            best = float(read), float(compared), int(rss)
    return best
