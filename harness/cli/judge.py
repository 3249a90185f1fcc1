"""`harness judge`: judge a finished run again, offline."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import emit, say_lines
from harness.cli.options import json_option
from harness.errors import UsageError


@click.command("judge")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Judge by the rules of this file instead of those the run had.",
)
@click.option("--checks", "every_check", is_flag=True, help="List every check, also of a run that passes.")
@json_option
def command(bundle: Path, scenario_file: Path | None, every_check: bool, as_json: bool) -> int:
    """Judge BUNDLE (a run's folder) again from its evidence. Nothing is run; the bundle is not changed.

    \b
    Example:
      harness judge runs/20260101T000000Z-first-light-1a2b3c4d --checks
    """
    from harness.engine.run import RunOutcome
    from harness.evidence.bundle import Bundle
    from harness.judge.rejudge import recorded, rejudge
    from harness.report.summary import batch_json, run_json, run_lines

    opened = Bundle.open(bundle.absolute())
    if (opened.path / "inputs/cluster.json").is_file():
        from harness.cli.judge_cluster import judge

        return judge(opened, scenario_file, every_check=every_check, as_json=as_json)
    stored, manifest = recorded(opened)
    scenario = stored
    if scenario_file is not None:
        from harness.scenario.loader import load_scenarios

        candidates = load_scenarios(scenario_file)
        named = [s for s in candidates if s.name == stored.name]
        if not named and len(candidates) != 1:
            raise UsageError(f"{scenario_file} holds {len(candidates)} scenarios, none called {stored.name}")
        scenario = (named or candidates)[0]
    verdict = rejudge(opened, scenario)
    run = run_json(RunOutcome(verdict, opened, scenario, str(manifest.get("clock", "wall"))))
    say_lines(run_lines(run, verdict, every_check=every_check))
    batch = batch_json([run], interrupted=verdict.interrupted)
    if as_json:
        emit(batch)
    return int(batch["exit_code"])
