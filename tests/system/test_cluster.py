"""Clusters: guests on one link that die, are replaced and cut off; the limits that hold, and each of them broken."""

from __future__ import annotations

import json
import os
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.fleet.judge import judge_cluster, stored_cluster
from harness.scenario.loader import load_scenarios
from harness.verdicts import EXIT_INTERRUPTED, Verdict

from .clusters import ROOT, START, THREE, markers, play, written
from .live_harness import Harnesses

pytestmark = pytest.mark.system

BOOT = '{ do = "boot" }'
BOTH = '{ do = "expect", count = [{ pattern = "RAYOS_NET:PEER_UP", at_least = 2 }] }'
CUT = '{ do = "link", what = "partition", between = ["a", "b"] }'
LOST = '{ do = "expect", all = ["RAYOS_NET:PEER_LOST"] }'


def cause(outcome: RunOutcome) -> tuple[str, str]:
    """Verdict and cause of the first finding."""
    first = outcome.verdict.first_cause
    assert first is not None
    return str(outcome.verdict.verdict), first.cause


# ---- the scenarios that ship -----------------------------------------------------------------------------------------


def test_two_guests_that_were_cut_off_from_each_other_find_each_other_again(tmp_path: Path) -> None:
    outcome = play(ROOT / "scenarios/chaos/network-partition.toml", tmp_path / "runs", words={"seconds": 2})
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    for node, peer in (("a", 2), ("b", 1)):
        heard = [marker for marker in markers(outcome, f"nodes/{node}") if marker.endswith(f":{peer}")]
        assert heard == [f"PEER_UP:{peer}", f"PEER_LOST:{peer}", f"PEER_UP:{peer}"]


@pytest.mark.long
def test_they_find_each_other_again_after_half_a_minute(tmp_path: Path) -> None:
    outcome = play(ROOT / "scenarios/chaos/network-partition.toml", tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.host_s > 30


def test_when_one_of_three_dies_two_say_so_and_go_on_and_it_comes_back(tmp_path: Path) -> None:
    outcome = play(ROOT / "scenarios/cluster/one-dies.toml", tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert [m for m in markers(outcome, "nodes/a") if m.endswith(":2")] == ["PEER_UP:2", "PEER_LOST:2", "PEER_UP:2"]
    assert not [note for note in outcome.verdict.notes if "typing error" in note]  # its schema names these markers
    exits = [e for e in read_events(outcome.bundle.path / "nodes/b/journal.jsonl") if e.kind == "target.exit"]
    assert [(e.data["returncode"], e.data["asked"]) for e in exits] == [(-9, True)]


def test_three_guests_get_another_image_one_after_the_other(tmp_path: Path) -> None:
    outcome = play(ROOT / "scenarios/cluster/rolling-replacement.toml", tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    for node in "abc":
        old, new = (
            (outcome.bundle.path / f"nodes/{node}{life}/serial.bin").read_text("latin-1") for life in ("", ".2")
        )
        assert "(release)" in old
        assert "(zoo)" in new


def test_a_cluster_whose_journal_was_cut_anywhere_is_judged_and_never_passes(tmp_path: Path) -> None:
    steps = (BOOT, START, '{ do = "expect", all = ["RAYOS_NET:PEER_UP"] }', CUT, LOST, '{ do = "link", what = "heal" }')
    outcome = play(written(tmp_path, *steps, head="limits = { peers_at_least = 0, healed = true }"), tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    cluster, file = stored_cluster(outcome.bundle), outcome.bundle.journal
    lines = file.read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        file.write_bytes(b"".join(lines[:kept]) + lines[kept][:7])
        verdict = judge_cluster(outcome.bundle, cluster)
        assert verdict.verdict is Verdict.INCONCLUSIVE, (kept, verdict.first_cause)


# ---- each limit broken on purpose ------------------------------------------------------------------------------------


def test_two_replaced_at_once_where_one_may_be_down_is_seen(tmp_path: Path) -> None:
    steps = (BOOT, '{ do = "replace", on = ["a", "b"], image = "reference-zoo" }')
    file = written(tmp_path, *steps, nodes=THREE, head="limits = { nodes_down_at_most = 1 }")
    outcome = play(file, tmp_path / "runs")
    assert cause(outcome) == ("FAIL", "too-many-down")


def test_a_node_that_sees_too_few_peers_is_named(tmp_path: Path) -> None:
    steps = (BOOT, START, BOTH, '{ do = "kill", on = "c" }', LOST)
    outcome = play(written(tmp_path, *steps, nodes=THREE, head="limits = { peers_at_least = 2 }"), tmp_path / "runs")
    assert cause(outcome) == ("FAIL", "too-few-peers")
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.what.startswith(
        ("a saw 1 peer, after it lost c", "b saw 1 peer, after it lost c")
    )


def test_a_peer_that_does_not_come_back_in_time_is_seen_and_other_limits_judge_the_same_run_otherwise(
    tmp_path: Path,
) -> None:
    # b falls silent, its card whole: it beats only when it is told to.
    start = '{ do = "command", on = "a", send = "net do=start node=1 peers=1 always=1" }'
    silent = '{ do = "command", on = "b", send = ["net do=start node=2 peers=1", "net do=beat n=5"] }'
    watch = '{ do = "expect", on = "a", none = ["RAYOS_NET:PEER_UP"], during = 1 }'
    steps = (BOOT, start, silent, '{ do = "expect", on = "a", all = ["RAYOS_NET:PEER_LOST:2"] }')
    head = "limits = { peer_back_within = 0.2 }"
    file = written(tmp_path, *steps, '{ do = "mark", name = "b is silent" }', watch, head=head)
    outcome = play(file, tmp_path / "runs")
    assert cause(outcome) == ("FAIL", "peer-not-back")
    (patient,) = load_scenarios(written(tmp_path, *steps, '{ do = "mark", name = "b is silent" }', watch,
                                        head="limits = { peer_back_within = 60 }"))  # fmt: skip
    assert judge_cluster(outcome.bundle, patient).verdict is Verdict.PASS  # type: ignore[arg-type]


def test_a_partition_that_no_step_lifts_is_seen(tmp_path: Path) -> None:
    steps = (BOOT, START, '{ do = "expect", all = ["RAYOS_NET:PEER_UP"] }', CUT, LOST)
    file = written(tmp_path, *steps, head="limits = { healed = true }")
    outcome = play(file, tmp_path / "runs")
    assert cause(outcome) == ("FAIL", "not-healed")
    undone = [e for e in read_events(outcome.bundle.journal) if e.kind == "link.undone"]
    assert len(undone) == 1  # by the harness, at the end


# ---- whose fault it was ----------------------------------------------------------------------------------------------


def test_a_guest_that_crashes_ends_the_cluster_and_is_named(tmp_path: Path) -> None:
    steps = (
        BOOT,
        START,
        BOTH,
        '{ do = "command", on = "b", send = "crash kind=ud", timeout = 5 }',
        '{ do = "expect", on = "a", all = ["RAYOS_NEVER:COMES"], timeout = 300 }',
    )
    outcome = play(written(tmp_path, *steps, nodes=THREE), tmp_path / "runs")
    assert cause(outcome) == ("CRASH", "crash-text")
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.what.startswith("node b: ")
    assert outcome.verdict.first_cause.evidence["bundle"] == "nodes/b"


def test_a_qemu_that_somebody_else_kills_is_the_labs_fault(harnesses: Harnesses) -> None:
    file = written(harnesses.folder, BOOT, '{ do = "expect", all = ["RAYOS_NEVER:COMES"], timeout = 300 }')
    live = harnesses.start("run", file, "--json")
    live.until_event("step.begin", do="expect")
    (journal,) = live.bundle.glob("nodes/b/journal.jsonl")
    pid = next(int(e.data["pid"]) for e in read_events(journal) if e.kind == "target.start")
    assert pid in live.children()
    os.kill(pid, signal.SIGKILL)
    ended = live.finish()
    (run,) = ended.document["runs"]
    assert (run["verdict"], ended.code) == ("INCONCLUSIVE", 3)
    assert run["first_cause"].startswith("qemu-killed: node b: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_an_interrupted_cluster_undoes_its_faults_and_leaves_nobody(harnesses: Harnesses, number: int) -> None:
    steps = (BOOT, START, CUT, '{ do = "expect", all = ["RAYOS_NEVER:COMES"], timeout = 300 }')
    live = harnesses.start("run", written(harnesses.folder, *steps), "--json")
    live.until_event("step.begin", do="expect")
    live.signal(number)
    ended = live.finish()
    assert ended.code == EXIT_INTERRUPTED, ended.stderr
    assert "Traceback" not in ended.stderr
    assert live.children() == []
    assert live.run_directories() == []
    kinds = [event.kind for event in live.events()]
    assert kinds.index("link.undone") < kinds.index("link.end") < kinds.index("run.end")
    (run,) = ended.document["runs"]
    assert run["first_cause"].startswith("interrupted: ")


# ---- the command line ------------------------------------------------------------------------------------------------


def test_the_command_line_plays_judges_and_reports_a_cluster_like_any_scenario(harnesses: Harnesses) -> None:
    steps = (BOOT, START, '{ do = "expect", all = ["RAYOS_NET:PEER_UP"] }', '{ do = "shutdown" }')
    file = written(harnesses.folder, *steps)
    assert harnesses.run("scenario", "check", file).code == 0
    live = harnesses.start("run", file, "--json", "--junit", "all.xml")
    ended = live.finish()
    (run,) = ended.document["runs"]
    assert (ended.code, run["verdict"], run["clock"], run["fingerprint"]) == (0, "PASS", "wall", None)
    assert "not reproducible" in ended.stderr
    again = harnesses.run("judge", run["bundle"], "--json")
    assert {**again.document["runs"][0]} == run
    assert ET.parse(harnesses.folder / "all.xml").getroot().find(".//testcase") is not None
    assert "nodes/a/report.html" in (live.bundle / "report.html").read_text()
    assert (live.bundle / "nodes/a/report.html").is_file()
    listed = json.loads(harnesses.run("runs", "list", "--json").stdout)["runs"]
    assert [entry["verdict"] for entry in listed] == ["PASS"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--clock", "virtual"), "wall clock"),
        (("--pause-on-fail",), "paused"),
        (("--target", "x.toml"), "runs on QEMU"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_with_the_reason(
    harnesses: Harnesses, options: tuple[str, ...], words: str
) -> None:
    ended = harnesses.run("run", written(harnesses.folder, BOOT), *options)
    assert ended.code == 2
    assert words in ended.stderr
