"""`scripts/bench`: prints what the harness costs, each figure beside a reference measured in the same run."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

SECTIONS = {
    "boot": ("benchmarks.boot", 50, 8),
    "latency": ("benchmarks.latency", 1000, 100),
    "scan": ("benchmarks.scan", 100, 10),
    "diff": ("benchmarks.diff", 100, 5),
    "frames": ("benchmarks.frames", 100, 10),
    "proof": ("benchmarks.proof", 20, 2),
    "warm": ("benchmarks.warm", 8, 2),
    "weston": ("benchmarks.weston", 5, 1),
}
"""Name: module, size of a whole measurement, size with --quick (pairs, markers, megabytes, thousands of markers,
frames, guest seconds, rounds)."""


def main() -> int:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", choices=[*SECTIONS, []], help=f"what to measure (default: all of {', '.join(SECTIONS)})"
    )
    parser.add_argument("--quick", action="store_true", help="small samples: shows that it works, proves nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else there")
    options = parser.parse_args()
    metrics = []
    for name in options.sections or SECTIONS:
        module, size, quick = SECTIONS[name]
        print(f"measuring {name} …", file=sys.stderr)
        for metric in importlib.import_module(module).measure(quick if options.quick else size):
            metrics.append(metric)
            if not options.json:
                print(metric.line(), flush=True)
    if options.json:
        print(json.dumps({"metrics": [m.to_json() for m in metrics]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
