"""`harness diff` on real runs: what is the same is said to be, and a defect is named where it first shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.diff import Kind, compare
from harness.diff.point import points
from harness.diff.streams import of_bundle
from harness.engine.run import RunOutcome
from harness.scenario.builder import ScenarioBuilder
from harness.triage.run import triage_bundle

from .conftest import Play

pytestmark = pytest.mark.system
LIMIT = 100  # seconds; two runs take 2
CREATE = ("create id=1 x=300 y=250 w=340 h=240 color=3a6ea5", "create id=2 x=20 y=60 w=200 h=140 color=8b5a2b")


def desk(defect: str = "") -> ScenarioBuilder:
    """Two windows on the zoo's desk, with a defect of tests/zoo/zoo.toml."""
    built = ScenarioBuilder("desk", image="reference-zoo")
    built = built.set(**{"boot.cmdline": f"control=com2 lie={defect}" if defect else "control=com2"})
    return built.boot().command(*CREATE).command("frames n=5").check_frame("desk", against="not-blank")


def signature(good: RunOutcome, bad: RunOutcome) -> str:
    return compare(of_bundle(good.bundle.path), of_bundle(bad.bundle.path)).signature


def test_two_runs_of_the_same_are_the_same_and_each_defect_is_named_where_it_shows(play: Play) -> None:
    good = play(desk())
    assert signature(good, play(desk())) == ""
    assert signature(good, play(desk("marker-missing"))) == "missing SOAK:CLIENT_CREATED, instead CONTROL:READY"
    assert signature(good, play(desk("marker-doubled"))) == "repeated SOAK:CLIENT_CREATED"
    pixel = compare(of_bundle(good.bundle.path), of_bundle(play(desk("pixel")).bundle.path))
    assert pixel.signature == "picture desk"
    assert pixel.first is not None
    assert pixel.first.kind is Kind.PICTURE
    here, there = (point.picture for point in points(pixel, pixel.first))
    assert here is not None
    assert there is not None
    assert here.file is not None
    assert there.file is not None
    assert here.file.read_bytes() != there.file.read_bytes()


def test_a_guest_that_dies_has_the_signature_of_its_death_wherever_it_dies(play: Play) -> None:
    good = play(desk())
    dead = [play(desk(name)) for name in ("no-such-defect", "no-such-defect")]
    triaged = [triage_bundle(run.bundle, run.verdict) for run in dead]
    names = {f"crash: {one.full_title} [{one.signature}]" for one in triaged}
    assert {signature(good, run) for run in dead} == names
    assert len(names) == 1


def harness(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "harness.cli.main", *words],
        env={**os.environ, "HARNESS_RUNS_DIR": str(folder / "runs")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_images_are_run_and_compared_and_the_exit_code_says_whether_they_differ(tmp_path: Path) -> None:
    step = '[[step]]\ndo = "boot"\n[[step]]\ndo = "command"\nsend = ["query"]\n'
    (tmp_path / "desk.toml").write_text(f'version = 1\nname = "desk"\nimage = "reference"\n{step}')
    same = harness(tmp_path, "diff", "reference", "reference", "--scenario", "desk.toml")
    assert same.returncode == 0, same.stdout + same.stderr
    words = ("diff", "reference", "reference-zoo", "--scenario", "desk.toml", "--json", "--html", "diff.html")
    other = harness(tmp_path, *words)
    assert other.returncode == 1, other.stdout + other.stderr
    assert json.loads(other.stdout)["signature"] == "changed KIT:BOOT build release -> zoo"
    assert "changed" in (tmp_path / "diff.html").read_text()
    (tmp_path / "rules.toml").write_text(
        'version = 1\n[[rule]]\nmatch = "RAYOS_KIT:BOOT"\ndo = "normalise"\nfields = ["build"]\n'
    )
    bundles = [str(path) for path in sorted((tmp_path / "runs").iterdir())]
    ruled = harness(tmp_path, "diff", bundles[0], bundles[-1], "--rules", "rules.toml")
    assert ruled.returncode == 0, ruled.stdout + ruled.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.log", "a.log"), "no bundle or log nowhere.log"),
        (("empty.log", "empty.log"), "nothing to compare"),
        (("a.log", "kernel"), "no log but an image"),
        (("a.log", "a.log", "--scenario", "s.toml"), "neither A nor B is one"),
        (("a.log", "a.log", "--slower", "0.5"), "must be over 1"),
        (("a.log", "."), "not a run bundle"),
    ],
)
def test_what_cannot_be_compared_is_a_matter_of_usage(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("RAYOS_X:A\n")
    (tmp_path / "empty.log").write_text("no markers\n")
    (tmp_path / "kernel").write_bytes(b"\x7fELF\2\1\1")
    (tmp_path / "s.toml").write_text("")
    done = harness(tmp_path, "diff", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stderr
