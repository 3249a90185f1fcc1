"""The porting kit's example kernel, played like any image."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system
EXAMPLE = Path(__file__).parents[2] / "images" / "reference" / "kit" / "example"


@pytest.fixture
def image(tmp_path: Path) -> str:
    """The example's profile, beside a build of its own."""
    subprocess.run(["make", "-s", "-C", EXAMPLE, f"OUT={tmp_path}/build"], check=True)
    profile = (EXAMPLE / "example.toml").read_text().partition("[build]")[0]
    (tmp_path / "example.toml").write_text(profile)
    return str(tmp_path / "example.toml")


def test_a_kernel_with_the_kit_is_judged_and_does_the_same_every_time(play: Play, image: str) -> None:
    scenario = (
        ScenarioBuilder("ported", image=image)
        .boot()
        .command("hello", "count by=3", "count by=4")
        .command("count by=-1", refused="argument")
        .command("draw", refused="verb")
        .expect(order=["RAYOS_EXAMPLE:COUNT:3", "RAYOS_EXAMPLE:COUNT:7"], since="boot")
        .command("leave")
        .expect_exit(code=16)
    )
    outcomes = [play(scenario) for _ in range(3)]
    assert [outcome.verdict.verdict for outcome in outcomes] == [Verdict.PASS] * 3, outcomes[0].verdict.first_cause
    assert outcomes[0].verdict.fingerprint is not None
    assert len({outcome.verdict.fingerprint for outcome in outcomes}) == 1
    serial = (outcomes[0].bundle.path / "serial.bin").read_text()
    assert "RAYOS_KIT:BOOT:example:release*0000" in serial


def test_the_kit_is_two_files_that_need_nothing_else(tmp_path: Path) -> None:
    for name in ("rayos_kit.c", "rayos_kit.h"):
        shutil.copy(EXAMPLE.parent / name, tmp_path)
    options = ["-std=c99", "-ffreestanding", "-nostdinc", f"-I{gcc_headers()}"]
    subprocess.run(["gcc", *options, "-c", "rayos_kit.c"], cwd=tmp_path, check=True)


def gcc_headers() -> str:
    """The folder with the headers that a freestanding C99 compiler has to have."""
    found = subprocess.run(["gcc", "-print-file-name=include"], check=True, capture_output=True, text=True)
    return found.stdout.strip()
