"""`harness snapshots`: keep house among what `harness run --warm` starts from."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option


@click.group("snapshots")
def command() -> None:
    """List and prune the machines that `run --warm` has saved at a point of their boot."""


def _entry(snapshot: Any) -> dict[str, Any]:
    from harness.targets.snapshot_store import taken_by

    told = {key: snapshot.about[key] for key in ("key", "digest", "image", "point", "at", "clock", "seed", "made")}
    return {"path": str(snapshot.path), "bytes": taken_by(snapshot), **told}


def _line(entry: dict[str, Any]) -> str:
    return f"{entry['digest'][:16]}{entry['bytes'] / 1e6:>8.0f} MB  {entry['made']}  {entry['image']} at {entry['at']}"


@command.command("list")
@json_option
def list_snapshots(as_json: bool) -> int:
    """List snapshots, the one that was used last at the end.

    \b
    Example:
      harness snapshots list
    """
    from harness.targets.snapshot_store import SnapshotStore

    store = SnapshotStore()
    entries = [_entry(snapshot) for snapshot in store.all()]
    if as_json:
        emit({"snapshots": entries})
        return 0
    for entry in entries:
        say(_line(entry))
    if not entries:
        say(f"no snapshots in {store.root}")
    return 0


@command.command("prune")
@click.option("--all", "every", is_flag=True, help="Remove all of them.")
@click.option("--keep-mb", type=click.IntRange(0), help="Room that the rest may take, in MB (default: 8590).")
@json_option
def prune(every: bool, keep_mb: int | None, as_json: bool) -> int:
    """Remove the snapshots that were used longest ago, until the rest fits. One in use stays.

    `run --warm` does so by itself; a snapshot that is missed is made again.

    \b
    Examples:
      harness snapshots prune --keep-mb 500
      harness snapshots prune --all
    """
    from harness.targets.snapshot_store import CAP, SnapshotStore

    cap = 0 if every else CAP if keep_mb is None else keep_mb * 1_000_000
    store = SnapshotStore()
    before = [_entry(snapshot) for snapshot in store.all()]
    keys = {snapshot.path.name for snapshot in store.prune(cap)}
    gone = [entry for entry in before if entry["key"] in keys]
    for entry in gone:
        say(f"removed {_line(entry)}")
    say(f"{len(gone)} of {len(before)} snapshots removed, {sum(e['bytes'] for e in gone) / 1e6:.1f} MB")
    if as_json:
        emit({"removed": [e["path"] for e in gone], "kept": len(before) - len(gone)})
    return 0
