"""Kernels and firmware that nobody here wrote, by the scenarios that ship with the harness and by its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "scenarios/smoke"


def harness(*arguments: str | Path, runs: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of `harness ARGUMENTS --json`."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *map(str, arguments), "--json"],
        cwd=runs,
        env={**os.environ, "HARNESS_RUNS_DIR": str(runs / "runs"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def run_and_judge_again(scenario: Path, tmp_path: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and the one run of *scenario*; the same verdict must come out of its bundle alone."""
    code, batch = harness("run", scenario, runs=tmp_path)
    (run,) = batch["runs"]
    code_again, batch_again = harness("judge", run["bundle"], runs=tmp_path)
    (again,) = batch_again["runs"]
    assert (code_again, again["verdict"], again["first_cause"]) == (code, run["verdict"], run["first_cause"])
    return code, run


def changed(scenario: str, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a scenario beside its goldens, with other text in some places."""
    text = (SMOKE / f"{scenario}.toml").read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} should be in {scenario} once"
        text = text.replace(old, new)
    shutil.copytree(SMOKE / "goldens", tmp_path / "goldens")
    copy = tmp_path / f"{scenario}.toml"
    copy.write_text(text)
    return copy


@pytest.fixture(scope="module")
def debian_linux(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Debian's kernel, downloaded by apt unless it is there already."""
    if status(find_image("debian-linux")).readiness is not Readiness.READY:
        code, document = harness("image", "build", "debian-linux", runs=tmp_path_factory.mktemp("build"))
        assert code == 0, document


@pytest.mark.usefixtures("debian_linux")
@pytest.mark.parametrize(
    ("scenario", "frames"),
    [
        ("debian-linux", 0),
        ("memtest86plus", 2),
        pytest.param("memtest86plus-uefi", 1, marks=pytest.mark.long),
        ("aarch64-u-boot", 0),
        pytest.param("aarch64-uefi", 0, marks=pytest.mark.long),
    ],
)
def test_a_kernel_nobody_here_wrote_passes(scenario: str, frames: int, tmp_path: Path) -> None:
    code, run = run_and_judge_again(SMOKE / f"{scenario}.toml", tmp_path)
    assert (code, run["verdict"], run["first_cause"]) == (0, "PASS", None)
    assert run["frames_checked"] == frames
    assert (run["clock"], run["fingerprint"]) == ("wall", None), "the wall clock claims nothing reproducible"


@pytest.mark.long
@pytest.mark.usefixtures("debian_linux")
def test_a_kernel_without_its_first_program_is_a_crash_named_by_its_panic(tmp_path: Path) -> None:
    image = 'image = "debian-linux"\n'
    no_init = f'{image}set."boot.cmdline" = "console=ttyS0 rdinit=/nowhere"\n'
    code, run = run_and_judge_again(changed("debian-linux", tmp_path, (image, no_init)), tmp_path)
    assert (code, run["verdict"]) == (1, "CRASH")
    assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in run["first_cause"]


@pytest.mark.long
def test_a_screen_with_one_other_digit_outside_the_mask_fails_with_a_difference_picture(tmp_path: Path) -> None:
    image = 'image = "memtest86plus"\n'
    more_memory = f'{image}set."machine.memory_mb" = 65\n'
    settled = 'do = "boot", until = "Using: All Cores"'  # until then that line differs too
    changes = ((image, more_memory), ('do = "boot"', settled), ("timeout = 20", "timeout = 1"))
    scenario = changed("memtest86plus", tmp_path, *changes)
    code, run = run_and_judge_again(scenario, tmp_path)
    assert (code, run["verdict"], run["frames_checked"]) == (1, "FAIL", 1)
    assert "36 pixels differ, in 7×10 at (117, 82)" in run["first_cause"], "63 MB became 64 MB"
    assert list(Path(run["bundle"]).glob("frames/*.diff.png"))


def test_firmware_that_resets_where_it_should_power_off_is_a_crash(tmp_path: Path) -> None:
    code, run = run_and_judge_again(changed("aarch64-u-boot", tmp_path, ('"poweroff"', '"reset"')), tmp_path)
    assert (code, run["verdict"]) == (1, "CRASH")
    assert run["first_cause"].startswith("guest-reset: ")


def test_an_answer_that_never_comes_ends_the_dialogue_at_its_deadline_and_is_no_pass(tmp_path: Path) -> None:
    never = (("'U-Boot 20\\d\\d\\.\\d\\d'", '"Linux version"'), ('do = "dialogue"', 'do = "dialogue"\ntimeout = 1'))
    code, run = run_and_judge_again(changed("aarch64-u-boot", tmp_path, *never), tmp_path)
    # U-Boot's prompt polls its serial port with interrupts off: seen from outside, a spin.
    # On a host that gives it no time it is nobody's fault, which is no pass either.
    assert (code, run["verdict"]) in {(1, "FAIL"), (1, "HANG"), (3, "INCONCLUSIVE")}
    assert "the host limit of 1 s passed" in run["first_cause"]


def test_an_image_whose_package_is_not_installed_names_the_package_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "absent.toml").write_text(
        'version = 1\nname = "absent"\n[boot]\nkernel = "/boot/nowhere.bin"\n[build]\npackages = ["nowhere-kernel"]\n'
    )
    code, document = harness("image", "build", tmp_path / "absent.toml", runs=tmp_path)
    assert (code, document["verdict"]) == (2, None)
    assert "/boot/nowhere.bin" in document["error"]
    assert "apt-get install nowhere-kernel" in document["hint"]


@pytest.mark.long
def test_debians_kernel_and_its_initramfs_are_built_to_the_same_bytes_twice(tmp_path: Path) -> None:
    builds = [harness("image", "build", "debian-linux", runs=tmp_path) for _ in range(2)]
    digests = [[file["sha256"] for file in document["built"][0]["files"]] for _, document in builds]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2
