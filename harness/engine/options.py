"""What runs are asked for, before there is a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clock import Today, utc_today
from harness.scenario.model import ClockMode, Scenario
from harness.targets.profile import Profile

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.engine.run import RunOutcome
    from harness.engine.warm import Starts
    from harness.judge.verdict import RunVerdict
    from harness.targets.birth import HeadStart


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """Command-line overrides; None leaves what the scenario or the profile says."""

    runs_dir: Path
    image: str | None = None
    target: Path | None = None
    seed: int | None = None
    clock: ClockMode | None = None
    accel: str = "tcg"
    update_goldens: bool = False
    add_goldens: bool = False
    vnc: bool = False
    gdb: bool = False
    share_console: bool = False
    coverage: bool = False  # write which lines of the kernel's source ran
    memory_dump: bool = False  # of guests that crashed or hang
    head_start: HeadStart | None = None  # the machine of the one run of this batch, on its way already
    warm: Starts | None = None  # the snapshots that runs start from
    today: Today = utc_today
    on_start: Callable[[Context], None] | None = None
    on_fail: Callable[[Context, RunVerdict], Any] | None = None
    on_done: Callable[[Planned, RunOutcome | None], None] | None = None  # called after each run, None for a skipped one


@dataclass(frozen=True, slots=True)
class Planned:
    """A scenario with the image, clock and overrides it will run with."""

    scenario: Scenario
    profile: Profile
    clock: ClockMode
