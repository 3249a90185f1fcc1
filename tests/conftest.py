"""For all tests: property tests are the same each time, unless a seed is given (`scripts/test --full` rotates it).

A slow host fails none of them.
"""

import os
import signal

import pytest
from hypothesis import settings

# A shell starts what is to run in the background with Ctrl-C ignored, and so would all be that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("harness", deadline=None, derandomize="HARNESS_TEST_SEED" not in os.environ)
settings.load_profile("harness")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long test may take longer than the limit of pyproject.toml, which is there for those that hang."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))
