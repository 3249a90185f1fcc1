"""`harness runs`: keep house among the bundles of finished runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option, runs_dir_option


@click.group("runs")
def command() -> None:
    """List and prune the bundles of finished runs."""


def _entries(runs_dir: Path) -> list[dict[str, Any]]:
    from harness.errors import UsageError
    from harness.evidence.bundle import list_bundles

    out = []
    for bundle in list_bundles(runs_dir):
        entry: dict[str, Any] = {"bundle": str(bundle.path), "scenario": None, "verdict": None, "first_cause": None}
        try:
            entry["scenario"] = bundle.read_json("manifest.json").get("scenario")
            verdict = bundle.read_json("verdict.json")
            entry["verdict"] = verdict.get("verdict")
            cause = verdict.get("first_cause")
            entry["first_cause"] = cause.get("what") if isinstance(cause, dict) else None
        except UsageError:
            pass  # an unfinished or damaged bundle is listed without a verdict
        entry["bytes"] = sum(p.stat().st_size for p in bundle.path.rglob("*") if p.is_file())
        out.append(entry)
    return out


@command.command("list")
@runs_dir_option
@json_option
def list_runs(runs_dir: Path, as_json: bool) -> int:
    """List bundles, oldest first, with verdict and size.

    \b
    Example:
      harness runs list
    """
    entries = _entries(runs_dir)
    if as_json:
        emit({"runs": entries})
        return 0
    for entry in entries:
        size = f"{entry['bytes'] / 1e6:.1f} MB"
        say(f"{entry['verdict'] or 'unfinished':<16}{size:>9}  {entry['bundle']}")
    if not entries:
        say(f"no runs in {runs_dir}")
    return 0


@command.command("prune")
@runs_dir_option
@click.option("--keep", type=click.IntRange(0), default=20, show_default=True, help="Keep this many of the newest.")
@click.option("--keep-failed/--all", default=True, show_default=True, help="Keep every run that did not pass.")
@click.option("--dry-run", is_flag=True, help="Say what would go, remove nothing.")
@json_option
def prune(runs_dir: Path, keep: int, keep_failed: bool, dry_run: bool, as_json: bool) -> int:
    """Remove old bundles. A run that is still under way (no verdict yet) stays with --keep-failed.

    \b
    Example:
      harness runs prune --keep 5 --dry-run
    """
    entries = _entries(runs_dir)
    old = entries[: max(0, len(entries) - keep)]
    gone = [e for e in old if not keep_failed or e["verdict"] == "PASS"]
    for entry in gone:
        if not dry_run:
            shutil.rmtree(entry["bundle"])
        say(f"{'would remove' if dry_run else 'removed'} {entry['bundle']}")
    size = sum(e["bytes"] for e in gone) / 1e6
    say(f"{len(gone)} of {len(entries)} bundles {'would go' if dry_run else 'removed'}, {size:.1f} MB")
    if as_json:
        emit({"removed": [e["bundle"] for e in gone], "kept": len(entries) - len(gone), "dry_run": dry_run})
    return 0
