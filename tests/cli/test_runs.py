"""`harness runs list` and `prune`: keeping house without losing what failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Call

VERDICTS = ["PASS", "FAIL", "PASS", None, "PASS"]


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Five bundles, oldest first; the fourth is of a run that is still under way. And a folder that is none."""
    made = []
    for number, verdict in enumerate(VERDICTS, 1):
        bundle = tmp_path / "runs" / f"2026010{number}T000000Z-s{number}-0000000{number}"
        bundle.mkdir(parents=True)
        (bundle / "journal.jsonl").write_text("")
        (bundle / "manifest.json").write_text(json.dumps({"scenario": f"s{number}"}))
        if verdict:
            cause = {"what": "it broke"} if verdict == "FAIL" else None
            (bundle / "verdict.json").write_text(json.dumps({"verdict": verdict, "first_cause": cause}))
        made.append(bundle)
    (tmp_path / "runs/notes").mkdir()
    return made


def test_the_list_is_oldest_first_with_verdict_and_size(call: Call, bundles: list[Path]) -> None:
    said = call("runs", "list", "--json")
    runs = said.document["runs"]
    assert [run["bundle"] for run in runs] == [str(bundle) for bundle in bundles]
    assert [run["verdict"] for run in runs] == VERDICTS
    assert set(runs[0]) == {"bundle", "scenario", "verdict", "first_cause", "bytes"}
    assert (runs[1]["scenario"], runs[1]["first_cause"]) == ("s2", "it broke")
    assert call("runs", "list").stderr.splitlines()[3].startswith("unfinished ")


def test_pruning_keeps_the_newest_the_failed_and_the_unfinished(
    call: Call, bundles: list[Path], tmp_path: Path
) -> None:
    said = call("runs", "prune", "--keep", "1", "--json")
    assert said.document["removed"] == [str(bundles[0]), str(bundles[2])]
    assert [bundle.exists() for bundle in bundles] == [False, True, False, True, True]
    assert (tmp_path / "runs/notes").is_dir(), "what is no bundle stays"


def test_pruning_all_removes_what_failed_too(call: Call, bundles: list[Path]) -> None:
    call("runs", "prune", "--keep", "2", "--all")
    assert [bundle.exists() for bundle in bundles] == [False, False, False, True, True]


def test_a_dry_run_removes_nothing(call: Call, bundles: list[Path]) -> None:
    said = call("runs", "prune", "--keep", "0", "--all", "--dry-run", "--json")
    assert (len(said.document["removed"]), said.document["dry_run"]) == (5, True)
    assert all(bundle.exists() for bundle in bundles)
