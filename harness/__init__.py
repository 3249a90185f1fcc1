"""rayos-harness: boots a kernel, watches its markers, checks its screen, gives a verdict."""

__version__ = "0.1.0"
