"""Cluster files: what they mean, and how a wrong one is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.scenario.cluster.lives import moves, scenario_of
from harness.scenario.cluster.loader import load_clusters
from harness.scenario.cluster.model import Cluster
from harness.scenario.cluster.stored import from_json, to_json
from harness.scenario.loader import load_scenarios
from harness.scenario.steps import Boot, Command, Expect, Mark, Shutdown
from harness.toml import load_toml

ROOT = Path(__file__).parents[2]
HEAD = """
version = 1
name = "pair"
image = "reference"
node = [{ name = "a" }, { name = "b" }]
"""


def load(tmp_path: Path, steps: str, head: str = HEAD) -> Cluster:
    file = tmp_path / "cluster.toml"
    file.write_text(f"{head}step = [\n{steps}\n]\n")
    (cluster,) = load_scenarios(file)
    assert isinstance(cluster, Cluster)
    return cluster


def test_a_step_without_on_is_for_every_node_that_is_up(tmp_path: Path) -> None:
    cluster = load(
        tmp_path,
        '{ do = "boot" }, { do = "kill", on = "b" }, { do = "command", send = "query" }, { do = "boot" },'
        ' { do = "shutdown" }',
    )
    assert [item.on for item in cluster.plan] == [("a", "b"), ("b",), ("a",), ("b",), ("a", "b")]


def test_each_life_of_a_node_gets_its_own_steps_and_a_mark_for_what_happens_around_it(tmp_path: Path) -> None:
    cluster = load(
        tmp_path,
        """{ do = "boot" },
        { do = "command", send = "net do=start node=${peer} peers=1" },
        { do = "link", what = "partition", between = ["a", "b"] },
        { do = "expect", on = "a", all = ["RAYOS_NET:PEER_LOST"] },
        { do = "replace", on = "b", image = "reference-zoo" },
        { do = "link", what = "heal" }""",
    )
    _, lives = moves(cluster)
    assert [(life.folder, life.image) for life in lives] == [
        ("nodes/a", "reference"),
        ("nodes/b", "reference"),
        ("nodes/b.2", "reference-zoo"),
    ]
    a, b, b2 = (scenario_of(cluster, life).steps for life in lives)
    cut, healed, end = Mark(name="link partition a - b"), Mark(name="link heal"), Mark(name="the end of the run")
    assert a[:3] == (Boot(), Command(send="net do=start node=1 peers=1"), cut)
    assert isinstance(a[3], Expect)
    assert a[4:] == (healed, end)
    assert b == (Boot(), Command(send="net do=start node=2 peers=1"), cut, Shutdown())
    assert b2 == (Boot(), healed, end)


def test_nodes_that_are_alike_have_different_seeds(tmp_path: Path) -> None:
    _, lives = moves(load(tmp_path, '{ do = "boot" }'))
    assert len({life.seed for life in lives}) == 2


@pytest.mark.parametrize(
    ("steps", "line", "words"),
    [
        ('{ do = "boot" }, { do = "kill" }', 7, "kill which node"),
        ('{ do = "boot", on = "c" }', 7, "there is no node 'c'"),
        ('{ do = "boot" },\n{ do = "boot", on = "a" }', 8, "a cannot be booted: it is up"),
        ('{ do = "boot" }, { do = "kill", on = "a" },\n{ do = "command", on = "a", send = "query" }', 8, "a is down"),
        ('{ do = "boot" }, { do = "kill", on = "a" },\n{ do = "kill", on = "a" }', 8, "it is down"),
        ('{ do = "boot" }, { do = "link", what = "partition", between = ["a"] }', 7, "two different nodes"),
        ('{ do = "boot" }, { do = "link", what = "unplug", between = ["a", "b"] }', 7, "one node"),
        ('{ do = "boot" }, { do = "link", what = "delay", between = ["a", "b"] }', 7, "a delay should be more than 0"),
        ('{ do = "boot" }, { do = "link", what = "los", between = ["a", "b"] }', 7, "did you mean 'loss'"),
        ('{ do = "boot" }, { do = "link", what = "heal", between = ["z"] }', 7, "there is no node 'z'"),
        ('{ do = "boot" }, { do = "link", what = "heal", on = "a" }', 7, "on no node"),
        ('{ do = "boot" }, { do = "expect" }', 7, "nothing to expect"),
        ('{ do = "command", send = "x" }', 7, "the first step"),
        ('{ do = "boot" }, { do = "partition" }', 7, "unknown value 'partition'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, steps: str, line: int, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, steps)
    assert words in refused.value.what
    assert f"cluster.toml:{line}:" in refused.value.what


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HEAD.replace(', { name = "b" }', ""), "two nodes or more"),
        (HEAD.replace('"b"', '"a"'), "two nodes are called 'a'"),
        (HEAD.replace('"b"', '"../b"'), "letters, digits"),
        (HEAD.replace('image = "reference"\n', ""), "no image for a"),
        (HEAD + 'clock = "virtual"\n', "clock"),
        (HEAD + "limits = { peers_at_least = -1 }\n", "not be negative"),
        (HEAD + "limits = { peers_at_last = 1 }\n", "did you mean 'peers_at_least'"),
        (HEAD + 'peers = { up = "text:hello" }\n', "should be a marker"),
    ],
)
def test_a_wrong_head_is_told(tmp_path: Path, head: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(tmp_path, '{ do = "boot" }', head)


def test_a_noisy_partition_is_for_two(tmp_path: Path) -> None:
    head = HEAD.replace('{ name = "b" }', '{ name = "b" }, { name = "c" }')
    with pytest.raises(UsageError, match="unplug"):
        load(tmp_path, '{ do = "boot" }, { do = "link", what = "noisy-partition", between = ["a", "b"] }', head)


def test_words_of_the_file_can_be_given_another_value() -> None:
    file = ROOT / "scenarios/chaos/network-partition.toml"
    document = load_toml(file)

    def during(cluster: Cluster) -> list[float | None]:
        return [item.step.during for item in cluster.plan if isinstance(item.step, Expect)]

    assert 30 in during(load_clusters(file, document)[0])
    assert 2 in during(load_clusters(file, document, words={"seconds": 2})[0])
    with pytest.raises(UsageError, match="second"):
        load_clusters(file, document, words={"second": 2})


@pytest.mark.parametrize(
    "file", [*sorted(ROOT.glob("scenarios/cluster/*.toml")), ROOT / "scenarios/chaos/network-partition.toml"]
)
def test_what_is_stored_in_a_bundle_is_the_cluster(file: Path) -> None:
    (cluster,) = load_scenarios(file)
    assert isinstance(cluster, Cluster)
    assert from_json(json.loads(json.dumps(to_json(cluster)))) == cluster
