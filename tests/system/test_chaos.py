"""Chaos: sweeps find defects of recovery and shrink them, plans from seeds are reproducible, repro files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli

from .fragile import FRAGILE

pytestmark = pytest.mark.system
DESK = Path(__file__).parents[2] / "scenarios/chaos/desk.toml"


class Chaos:
    """Calls the command line; repro files go to `out`."""

    def __init__(self, tmp_path: Path) -> None:
        self.out = tmp_path / "out"
        self._runs = tmp_path / "runs"

    def __call__(self, *words: str) -> dict[str, Any]:
        command, *rest = words
        place = ["--out", str(self.out)] if command == "chaos" else []
        done = CliRunner().invoke(
            cli, [command, *rest, *place, "--runs-dir", str(self._runs), "--json"], standalone_mode=False
        )
        assert done.exception is None, done.exception
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def repros(self) -> list[Path]:
        return sorted(self.out.glob("*.repro.json"))


@pytest.fixture
def chaos(tmp_path: Path) -> Chaos:
    return Chaos(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("defect", ["crash-cascade", "zombie", "double-free"])
def test_a_sweep_catches_a_defect_of_recovery_and_shrinks_it_to_one_fault(chaos: Chaos, defect: str) -> None:
    words = ["--image", "reference-zoo", "--words", f"lie={defect}", "--kind", "client-kill"]
    found = chaos("chaos", str(DESK), "--sweep", "--every", "16", *words)
    assert found["exit_code"] == 1
    (smallest,) = found["smallest"]
    assert smallest["faults"] == 1
    assert smallest["runs"] < 50


@pytest.mark.long
def test_a_clean_desk_survives_plans_from_seeds_the_same_way_twice(chaos: Chaos) -> None:
    found = chaos("chaos", str(DESK), "--seeds", "20..20", "--twice", "--jobs", "1")
    assert found["verdict"] == "PASS", found["runs"]
    assert found["equal_fingerprints"] == 1
    assert sum(sum(row.values()) for row in found["coverage"].values()) >= 1


@pytest.mark.long
def test_a_failure_is_shrunk_to_a_repro_file_that_reproduces_it(chaos: Chaos, tmp_path: Path) -> None:
    (tmp_path / "fragile.toml").write_text(FRAGILE)
    found = chaos("chaos", str(tmp_path / "fragile.toml"), "--seeds", "1..2", "--kind", "client-kill", "--jobs", "1")
    assert found["verdict"] == "FAIL"
    assert [s["faults"] for s in found["smallest"]] == [1]
    (file,) = chaos.repros()
    again = chaos("repro", str(file))
    assert again["reproduced"] is True
    assert again["run"]["fingerprint"] == again["expected"]["fingerprint"] is not None


def test_a_repro_file_of_a_defect_that_is_gone_is_not_reproduced(chaos: Chaos, tmp_path: Path) -> None:
    (tmp_path / "fragile.toml").write_text(FRAGILE)
    chaos("chaos", str(tmp_path / "fragile.toml"), "--seeds", "1..1", "--kind", "client-kill", "--jobs", "1")
    (file,) = chaos.repros()
    document = json.loads(file.read_text())
    commands = document["scenario"]["steps"][1]["send"]
    document["scenario"]["steps"][1]["send"] = ["supervise on=1", *commands]
    file.write_text(json.dumps(document))
    again = chaos("repro", str(file))
    assert (again["reproduced"], again["exit_code"]) == (False, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "3"], "should be two numbers"),
        (["--seeds", "9..3"], "the lower first"),
        (["--seeds", "1..2", "--sweep"], "exclude each other"),
        (["--kind", "client-kil"], "did you mean 'client-kill'?"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(tmp_path: Path, words: list[str], told: str) -> None:
    done = CliRunner().invoke(cli, ["chaos", str(DESK), *words, "--runs-dir", str(tmp_path)], standalone_mode=False)
    assert told in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_scenario_that_fails_by_itself_is_no_ground_for_faults(tmp_path: Path) -> None:
    text = FRAGILE.replace("CLIENT_CREATED:2", "CLIENT_CREATED:3")
    (tmp_path / "wrong.toml").write_text(text)
    words = ["chaos", str(tmp_path / "wrong.toml"), "--runs-dir", str(tmp_path / "runs")]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert "without any fault fragile is FAIL" in str(done.exception)


def test_a_file_that_is_no_repro_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"version": 1}')
    done = CliRunner().invoke(cli, ["repro", str(tmp_path / "x.json")], standalone_mode=False)
    assert "is no repro file" in str(done.exception)
