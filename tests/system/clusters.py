"""Clusters for tests: written as TOML, played on real machines, judged live and again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.evidence.journal import Event, read_events
from harness.fleet.judge import judge_cluster, stored_cluster
from harness.judge.rejudge import rejudge
from harness.scenario.cluster.loader import load_clusters
from harness.toml import load_toml

ROOT = Path(__file__).parents[2]
PAIR = 'node = [{ name = "a" }, { name = "b" }]'
THREE = 'node = [{ name = "a" }, { name = "b" }, { name = "c" }]'
START = '{ do = "command", send = "net do=start node=${peer} peers=2 always=1" }'
STATE = '{ do = "command", send = "net do=state" }'


def written(folder: Path, *steps: str, nodes: str = PAIR, head: str = "") -> Path:
    """A cluster file of *steps*, which are inline tables."""
    file = folder / "cluster.toml"
    body = ",\n  ".join(steps)
    file.write_text(f'version = 1\nname = "cluster"\nimage = "reference"\n{head}\n{nodes}\nstep = [\n  {body},\n]\n')
    return file


def play(file: Path, runs: Path, words: Mapping[str, Any] | None = None) -> RunOutcome:
    """One run of the cluster in *file*; live and again, and each node live and again, the verdicts are the same.

    One that the host starved says nothing of the guests, as its verdict tells: it is played again, twice at most.
    """
    for _ in range(2):
        outcome = _once(file, runs, words)
        first = outcome.verdict.first_cause
        if first is None or first.cause != "host-starved":
            return outcome
    return _once(file, runs, words)


def _once(file: Path, runs: Path, words: Mapping[str, Any] | None) -> RunOutcome:
    options = BatchOptions(runs_dir=runs)
    (cluster,) = load_clusters(file, load_toml(file), words=words)
    outcome = run_planned(plan([cluster], options), options).runs[0][1]
    assert outcome is not None
    again = judge_cluster(outcome.bundle, stored_cluster(outcome.bundle))
    assert again.to_json() == outcome.verdict.to_json(), "the bundle judged again says something else"
    for part in outcome.parts:
        assert rejudge(part.bundle, part.scenario).to_json() == part.verdict.to_json()
    assert outcome.verdict.fingerprint is None
    assert outcome.bundle.read_json("manifest.json")["reproducible"] is False
    return outcome


def events(outcome: RunOutcome, kind: str) -> list[Event]:
    """Of the cluster's own journal."""
    return [event for event in read_events(outcome.bundle.journal) if event.kind == kind]


def states(outcome: RunOutcome, folder: str) -> list[dict[str, int]]:
    """The counters of each reply to `net do=state`, in order."""
    replies = [e for e in read_events(outcome.bundle.path / folder / "journal.jsonl") if e.kind == "control.reply"]
    words = [dict(w.split("=") for w in str(e.data["payload"]).split()[1:]) for e in replies]
    return [{k: int(v) for k, v in found.items()} for found in words if "heard" in found]


def markers(outcome: RunOutcome, folder: str) -> list[str]:
    """What a node said of its network."""
    text = (outcome.bundle.path / folder / "serial.bin").read_text("latin-1")
    return [line.removeprefix("RAYOS_NET:") for line in text.splitlines() if line.startswith("RAYOS_NET:")]
