"""From the options of a batch to the target of one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from harness.errors import UsageError
from harness.targets.argv import Launch
from harness.targets.base import Target
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions
    from harness.engine.run import TargetFactory
    from harness.scenario.model import ClockMode, Scenario


def target_factory(options: BatchOptions) -> TargetFactory:
    """A function that makes the target of each run: QEMU, or what `--target FILE` describes."""

    def make(profile: Profile, scenario: Scenario, clock: ClockMode) -> Target:
        if options.target is not None:
            return _from_file(options.target, profile)
        if options.head_start is not None:
            return QemuTarget(profile, options.head_start.launch, options.head_start)
        snapshot = options.warm.snapshot(scenario) if options.warm is not None else None
        launch = launch_of(options, scenario, clock)
        if scenario.faults is not None and clock != "record":
            from harness.faults.disks import served_disks

            launch = replace(launch, served=served_disks(scenario.faults, profile, scenario.seed))
        target = QemuTarget(profile, launch, snapshot=snapshot)
        if scenario.faults is not None:
            from harness.engine.symbol_trigger import debugger_for

            target.debugger = debugger_for(scenario.faults, target)
        return target

    return make


def launch_of(options: BatchOptions, scenario: Scenario, clock: ClockMode) -> Launch:
    """What a run of *scenario* decides beside its profile."""
    return Launch(
        clock=clock,
        accel=cast(Literal["auto", "tcg", "kvm"], options.accel),
        seed=scenario.seed,
        vnc=options.vnc,
        gdb=options.gdb or (scenario.faults is not None and scenario.faults.by_gdbstub),
        share_console=options.share_console,
        prove=scenario.proof is not None,
    )


def _from_file(path: Path, profile: Profile) -> Target:
    """A board behind a serial port (a TOML file) or a recording (a bundle or a log)."""
    if path.suffix == ".toml" and path.is_file():
        from harness.boards.target import load_board

        return load_board(path, profile)
    if path.exists():
        from harness.targets.recording import RecordingTarget

        return RecordingTarget(path)
    raise UsageError(f"there is no target file {path}", "give a board's TOML file, a run's bundle or a serial log")
