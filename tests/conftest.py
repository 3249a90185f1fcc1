"""For all tests: property tests are the same each time, and a slow host fails none of them."""

from hypothesis import settings

settings.register_profile("harness", deadline=None, derandomize=True)
settings.load_profile("harness")
