"""Console texts that mean a kernel died, as patterns of `harness.markers.match`.

The first that matches names the crash. They stand with the rules that say what a crash was (`deaths` in
`harness/triage/rules.toml`). Profiles and scenarios add their own (`guest.crash_texts`, `guest.triage_rules`, `crash`).
"""

from __future__ import annotations

from pathlib import Path

from harness.triage.rules import built_in_deaths, deaths

BUILT_IN: tuple[str, ...] = tuple(f"re:{text}" for text in built_in_deaths())


def of_rules(file: Path) -> tuple[str, ...]:
    """What a user's rules add.

    :raises UsageError: if *file* cannot be read or is wrong.
    """
    return tuple(f"re:{text}" for text in deaths(file))
