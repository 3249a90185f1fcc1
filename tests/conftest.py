"""For all tests: property tests are the same each time, unless a seed is given (`scripts/test --full` rotates it).

A slow host fails none of them.
"""

import os

from hypothesis import settings

settings.register_profile("harness", deadline=None, derandomize="HARNESS_TEST_SEED" not in os.environ)
settings.load_profile("harness")
