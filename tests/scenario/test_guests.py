"""What of a scenario file is meant for which guest."""

from __future__ import annotations

from pathlib import Path

from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions
from harness.scenario.guests import on_guest
from harness.scenario.loader import load_scenarios
from harness.scenario.stored import from_json, to_json

TEXT = """
version = 1
name = "both"
image = "reference"
not_on = { weston = "it has no themes" }
proof = { against = "scene", not_on = ["weston", "memtest86plus"] }

[[step]]
do = "boot"
"""


def scenario(tmp_path: Path):
    (tmp_path / "both.toml").write_text(TEXT)
    (one,) = load_scenarios(tmp_path / "both.toml")
    return one


def test_a_scenario_that_is_not_for_a_guest_is_skipped_there_with_its_reason(tmp_path):
    one = scenario(tmp_path)
    assert on_guest(one, "weston").skip == "not on weston: it has no themes"
    assert on_guest(one, "reference") == one
    assert not on_guest(one, "memtest86plus").skip


def test_frames_are_not_proved_on_a_guest_that_the_proof_leaves_out(tmp_path):
    one = scenario(tmp_path)
    assert on_guest(one, "memtest86plus").proof is None
    assert on_guest(one, "reference").proof == one.proof


def test_the_guest_is_that_of_the_option_image(tmp_path):
    options = BatchOptions(runs_dir=tmp_path / "runs", image="weston")
    ((planned, outcome),) = run_planned(plan([scenario(tmp_path)], options), options).runs
    assert outcome is None
    assert planned.scenario.skip == "not on weston: it has no themes"
    (planned,) = plan([scenario(tmp_path)], BatchOptions(runs_dir=tmp_path / "runs"))
    assert not planned.scenario.skip


def test_a_bundle_keeps_what_is_meant_for_whom(tmp_path):
    one = scenario(tmp_path)
    assert from_json(to_json(one)) == one
