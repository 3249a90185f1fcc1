"""Each fault of a link: the guest really felt it, by its own counters and markers, and it is gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.verdicts import Verdict

from .clusters import PAIR, START, STATE, THREE, events, markers, play, states, written

pytestmark = pytest.mark.system

HEARS = '{ do = "expect", all = ["RAYOS_NET:PEER_UP"] }'
WHILE = '{ do = "expect", none = ["RAYOS_CONTROL:ERROR"], during = 0.5 }'  # thirty heartbeats
HEAL = '{ do = "link", what = "heal" }'


def fault(what: str, more: str = "", between: str = '["a", "b"]') -> str:
    return f'{{ do = "link", what = "{what}", between = {between}{more} }}'


def measured(tmp_path: Path, *, imposed: str) -> tuple[list[dict[str, int]], list[dict[str, int]], dict[str, int]]:
    """Counters of a and b before, during and after a fault, and half a second later; and what the link counted b>a."""
    steps = ('{ do = "boot" }', START, HEARS, STATE, imposed, WHILE, STATE, HEAL, WHILE, STATE, WHILE, STATE)
    outcome = play(written(tmp_path, *steps), tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    (end,) = events(outcome, "link.end")
    return states(outcome, "nodes/a"), states(outcome, "nodes/b"), end.data["ways"]["b>a"]


def test_loss_makes_gaps_in_what_the_guest_hears_and_then_no_more(tmp_path: Path) -> None:
    (before, during, after, later), _, way = measured(tmp_path, imposed=fault("loss", ", share = 0.5"))
    assert before["lost"] == 0
    assert during["lost"] > 0
    assert after["lost"] == later["lost"] == way["lost"]
    assert later["heard"] > after["heard"]
    assert later["peers"] == 1


def test_corruption_damages_frames_that_the_guest_then_throws_away(tmp_path: Path) -> None:
    (before, during, after, later), _, way = measured(tmp_path, imposed=fault("corrupt"))
    assert before["damaged"] == 0
    assert 0 < during["damaged"] <= way["corrupted"]
    assert after["damaged"] == later["damaged"]
    assert later["heard"] > after["heard"]


def test_duplication_makes_the_guest_hear_more_than_was_sent(tmp_path: Path) -> None:
    (before, during, after, later), sent, way = measured(tmp_path, imposed=fault("duplicate"))
    assert during["heard"] - before["heard"] > 1.4 * (sent[1]["sent"] - sent[0]["sent"])
    assert way["duplicated"] > 0
    assert later["lost"] == 0
    assert later["heard"] - after["heard"] < 1.4 * (sent[3]["sent"] - sent[2]["sent"])


def test_a_delay_is_a_silence_after_which_everything_comes_in_order(tmp_path: Path) -> None:
    outcome = play(
        written(
            tmp_path,
            '{ do = "boot" }', START, HEARS,
            fault("delay", ", ms = 1500"),
            '{ do = "expect", all = ["RAYOS_NET:PEER_LOST"] }',
            '{ do = "mark", name = "what was held back arrives" }',
            HEARS, STATE, HEAL, WHILE, STATE,
        ),
        tmp_path / "runs",
    )  # fmt: skip
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    for folder in ("nodes/a", "nodes/b"):
        delayed, healed = states(outcome, folder)
        assert delayed["lost"] == healed["lost"] == 0  # nothing was missing, and nothing overtook
        assert healed["heard"] > delayed["heard"]


def test_a_noisy_partition_is_seen_by_both_guests_as_a_lost_carrier_and_comes_to_an_end(tmp_path: Path) -> None:
    outcome = play(
        written(
            tmp_path,
            '{ do = "boot" }', START, HEARS,
            fault("noisy-partition"),
            '{ do = "expect", order = ["RAYOS_NET:CARRIER:down", "RAYOS_NET:PEER_LOST"] }',
            HEAL,
            '{ do = "expect", all = ["RAYOS_NET:CARRIER:up", "RAYOS_NET:PEER_UP"] }',
        ),
        tmp_path / "runs",
    )  # fmt: skip
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_a_silent_partition_one_way_is_felt_on_one_side_only_and_no_carrier_is_lost(tmp_path: Path) -> None:
    outcome = play(
        written(
            tmp_path,
            '{ do = "boot" }', START, HEARS,
            fault("partition", ", one_way = true"),
            '{ do = "expect", on = "b", all = ["RAYOS_NET:PEER_LOST:1"] }',
            '{ do = "expect", on = "a", none = ["RAYOS_NET:PEER_LOST"], during = 0.3 }',
            HEAL,
            '{ do = "expect", on = "b", all = ["RAYOS_NET:PEER_UP:1"] }',
        ),
        tmp_path / "runs",
    )  # fmt: skip
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert markers(outcome, "nodes/a") == ["PEER_UP:2"]
    assert markers(outcome, "nodes/b") == ["PEER_UP:1", "PEER_LOST:1", "PEER_UP:1"]


def test_an_unplugged_node_of_three_is_alone_and_the_others_are_not(tmp_path: Path) -> None:
    both = '{ do = "expect", count = [{ pattern = "RAYOS_NET:PEER_UP", at_least = 2 }] }'
    outcome = play(
        written(
            tmp_path,
            '{ do = "boot" }', START, both,
            fault("unplug", between='["a"]'),
            '{ do = "expect", on = "a", all = ["RAYOS_NET:CARRIER:down", "RAYOS_NET:PEER_LOST"] }',
            '{ do = "expect", on = ["b", "c"], all = ["RAYOS_NET:PEER_LOST:1"] }',
            HEAL,
            '{ do = "expect", on = "a", all = ["RAYOS_NET:CARRIER:up", "RAYOS_NET:PEER_UP:2", "RAYOS_NET:PEER_UP:3"] }',
            '{ do = "expect", on = ["b", "c"], all = ["RAYOS_NET:PEER_UP:1"] }',
            nodes=THREE,
            head="limits = { peers_at_least = 0, peer_back_within = 5, healed = true }",
        ),
        tmp_path / "runs",
    )  # fmt: skip
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert [m for node in "bc" for m in markers(outcome, f"nodes/{node}") if "CARRIER" in m] == []


def test_a_partition_that_no_frame_met_decides_nothing(tmp_path: Path) -> None:
    silent = ('{ do = "boot" }', fault("partition"), '{ do = "command", send = "query" }', HEAL)
    outcome = play(written(tmp_path, *silent, nodes=PAIR), tmp_path / "runs")
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "fault-idle"
