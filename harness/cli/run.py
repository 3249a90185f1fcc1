"""`harness run`: play scenarios and judge them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import default_runs_dir, emit, json_option, say

if TYPE_CHECKING:
    from harness.engine.batch import BatchResult
    from harness.engine.context import Context
    from harness.engine.run import RunOutcome
    from harness.judge.verdict import RunVerdict


@click.command("run")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--image", help="Image to run on instead of the scenario's: a name, a profile or an image file.")
@click.option("--target", type=click.Path(path_type=Path), help="Target file (TOML) of a board or a recording, instead of QEMU.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@click.option("--clock", type=click.Choice(["virtual", "wall"]), help="Clock instead of the image's default.")
@click.option("--accel", type=click.Choice(["tcg", "auto", "kvm"]), default="tcg", show_default=True, help="QEMU accelerator; auto takes one that was proved to boot a guest.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit XML file.")
@click.option("--runs-dir", type=click.Path(path_type=Path, file_okay=False), help="Where bundles go (default: runs/, or HARNESS_RUNS_DIR).")
@click.option("--update-goldens", is_flag=True, help="Store what the golden checks see as approved pictures, and say which scenarios use them.")
@click.option("--pause-on-fail", is_flag=True, help="Leave a failed guest stopped, with console, VNC and gdbstub addresses printed, until Ctrl-C.")
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
    runs_dir: Path | None,
    update_goldens: bool,
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
    from harness.engine.batch import BatchOptions, plan, run_planned
    from harness.report.progress import Progress
    from harness.scenario.files import collect

    progress = Progress(enabled=not as_json)
    options = BatchOptions(
        runs_dir=runs_dir.absolute() if runs_dir else default_runs_dir(),
        image=image,
        target=target,
        seed=seed,
        clock=clock,
        accel=accel,
        update_goldens=update_goldens,
        vnc=pause_on_fail,
        gdb=pause_on_fail,
        share_console=pause_on_fail,
        on_start=progress.attach,
        on_fail=_pauser(progress) if pause_on_fail else None,
    )
    try:
        result = run_planned(plan(collect(scenarios), options), options)
    finally:
        progress.close()
    return report(result, junit=junit, every_check=every_check, as_json=as_json)


def report(result: BatchResult, *, junit: Path | None, every_check: bool, as_json: bool, pages_of_passes: bool = True) -> int:
    """Print the batch (terminal or JSON), write JUnit files and HTML pages, and give the exit code.

    :param pages_of_passes: whether a run that passed gets its `junit.xml` and `report.html` too; they cost 0.2 s.
    """
    from harness.report.summary import batch_json, check_lines, run_json, run_lines, skipped_json

    runs: list[dict[str, Any]] = []
    checks: list[list[str]] = []
    for planned, outcome in result.runs:
        if outcome is None:
            run = skipped_json(planned.scenario.name, planned.scenario.skip, planned.scenario.seed, planned.clock)
            lines = run_lines(run, None, every_check=every_check)
            checks.append([])
        else:
            run = run_json(outcome)
            lines = run_lines(run, outcome.verdict, every_check=every_check)
            checks.append(check_lines(outcome.verdict))
            if pages_of_passes or run["verdict"] != "PASS":
                _write_pages(outcome, run, checks[-1])
            lines += [f"  golden       {line}" for line in outcome.updated_goldens]
        runs.append(run)
        for line in lines:
            say(line)
    batch = batch_json(runs, interrupted=result.interrupted)
    if junit is not None:
        from harness.report.junit import write_junit

        write_junit(junit, runs, checks)
    if len(runs) > 1:
        counts: dict[str, int] = {}
        for run in runs:
            counts[run["verdict"]] = counts.get(run["verdict"], 0) + 1
        say(", ".join(f"{n} {v}" for v, n in sorted(counts.items())))
    if as_json:
        emit(batch)
    return int(batch["exit_code"])


def _write_pages(outcome: RunOutcome, run: dict[str, Any], lines: list[str]) -> None:
    from harness.report.html import write_report
    from harness.report.junit import write_junit

    write_junit(outcome.bundle.path / "junit.xml", [run], [lines])
    write_report(outcome.bundle, outcome.verdict)


def _pauser(progress: Any) -> Any:
    async def pause(ctx: Context, verdict: RunVerdict) -> None:
        from harness.engine.pause import hold

        progress.close()
        await hold(ctx, verdict)

    return pause
