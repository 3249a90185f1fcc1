"""To come."""

from __future__ import annotations

from collections.abc import Mapping

from harness.faults.act import Act

ACTS: Mapping[str, Act] = {}
