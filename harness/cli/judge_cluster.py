"""`harness judge` for the bundle of a cluster."""

from __future__ import annotations

from pathlib import Path

from harness.cli.common import emit, say_lines
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.fleet.judge import judge_cluster, stored_cluster
from harness.report.summary import batch_json, run_json, run_lines
from harness.scenario.cluster.model import Cluster
from harness.scenario.loader import load_scenarios


def judge(bundle: Bundle, scenario_file: Path | None, *, every_check: bool, as_json: bool) -> int:
    """Judge the cluster again, by its own rules or those of *scenario_file*; returns the exit code.

    :raises UsageError: if the bundle is damaged, or the file holds no such cluster.
    """
    cluster = stored_cluster(bundle)
    if scenario_file is not None:
        found = [s for s in load_scenarios(scenario_file) if isinstance(s, Cluster)]
        named = [s for s in found if s.name == cluster.name]
        if not named and len(found) != 1:
            raise UsageError(f"{scenario_file} holds {len(found)} clusters, none called {cluster.name}")
        cluster = (named or found)[0]
    verdict = judge_cluster(bundle, cluster)
    run = run_json(RunOutcome(verdict, bundle, cluster, "wall"))
    say_lines(run_lines(run, verdict, every_check=every_check))
    batch = batch_json([run], interrupted=verdict.interrupted)
    if as_json:
        emit(batch)
    return int(batch["exit_code"])
