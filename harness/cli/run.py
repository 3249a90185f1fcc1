"""`harness run`: play scenarios and judge them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import refuse_unwritable
from harness.cli.options import accel_option, clock_option, json_option, junit_option, runs_dir_option

if TYPE_CHECKING:
    from harness.engine.batch import Planned
    from harness.engine.context import Context
    from harness.engine.run import RunOutcome
    from harness.judge.verdict import RunVerdict


@click.command("run")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--image", help="Image to run on instead of the scenario's: a name, a profile or an image file.")
@click.option(
    "--target", type=click.Path(path_type=Path), help="Target file (TOML) of a board or a recording, instead of QEMU."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@clock_option
@accel_option
@junit_option
@runs_dir_option
@click.option(
    "--update-goldens",
    is_flag=True,
    help="Store what the golden checks see as approved pictures, and say which scenarios use them.",
)
@click.option(
    "--add-goldens",
    is_flag=True,
    help="As --update-goldens, but keep the approved pictures and store each new one as a further variant.",
)
@click.option(
    "--pause-on-fail",
    is_flag=True,
    help="Leave a failed guest stopped, with console, VNC and gdbstub addresses printed, until Ctrl-C.",
)
@click.option("--checks", "every_check", is_flag=True, help="List every check, also of runs that pass.")
@json_option
def command(
    scenarios: tuple[Path, ...],
    image: str | None,
    target: Path | None,
    seed: int | None,
    clock: Any,
    accel: str,
    junit: Path | None,
    runs_dir: Path,
    update_goldens: bool,
    add_goldens: bool,
    pause_on_fail: bool,
    every_check: bool,
    as_json: bool,
) -> int:
    """Play SCENARIOS (files, or directories that are searched for *.toml) and judge each.

    \b
    Examples:
      harness run scenarios/smoke/first-light.toml
      harness run scenarios/smoke --junit report.xml
      harness run scenarios/smoke/first-light.toml --seed 7 --clock wall --checks
    """
    from harness.cli.report import Report
    from harness.engine.batch import BatchOptions, plan, run_planned
    from harness.report.progress import Progress
    from harness.scenario.files import collect

    refuse_unwritable(junit)
    progress = Progress(enabled=not as_json)
    report = Report(junit=junit, every_check=every_check, as_json=as_json)

    def done(planned: Planned, outcome: RunOutcome | None) -> None:
        progress.close()
        report.add(planned, outcome)

    options = BatchOptions(
        runs_dir=runs_dir,
        image=image,
        target=target,
        seed=seed,
        clock=clock,
        accel=accel,
        update_goldens=update_goldens,
        add_goldens=add_goldens,
        vnc=pause_on_fail,
        gdb=pause_on_fail,
        share_console=pause_on_fail,
        on_start=progress.attach,
        on_fail=_pauser(progress) if pause_on_fail else None,
        on_done=done,
    )
    try:
        result = run_planned(plan(collect(scenarios, seed), options), options)
    finally:
        progress.close()
    return report.finish(result)


def _pauser(progress: Any) -> Any:
    async def pause(ctx: Context, verdict: RunVerdict) -> None:
        from harness.engine.pause import hold

        progress.close()
        await hold(ctx, verdict)

    return pause
