"""A crowded host: processes that do nothing but use its processors, and that cannot outlive the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.targets.spawn import dying_with_us


@contextmanager
def crowded(number: int = 2 * (os.cpu_count() or 1)) -> Iterator[None]:
    """*number* of them while it lasts."""
    busy = [*dying_with_us(), sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(busy, start_new_session=True) for _ in range(number)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
