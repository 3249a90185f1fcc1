"""The Weston image is made of exactly the packages that its lock file names, to the same bytes each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy, so that the lock file of the checkout stays as it is."""
    shutil.copytree(IMAGES / "weston", tmp_path / "images/weston", ignore=shutil.ignore_patterns("build"))
    shutil.copytree(IMAGES / "reference/kit", tmp_path / "images/reference/kit")
    return tmp_path / "images/weston"


def make(sources: Path, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """:param home: of its own cache, without what a build before has unpacked; default: the user's."""
    command = [sys.executable, "make", *arguments]
    environment = os.environ | ({"XDG_CACHE_HOME": str(home)} if home is not None else {})
    return subprocess.run(command, cwd=sources, env=environment, check=False, capture_output=True, text=True)


def packages_alone(tmp_path: Path) -> Path:
    """A cache with the packages of the user's."""
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = tmp_path / "cache/rayos-harness/weston"
    own.mkdir(parents=True)
    for package in (users / "rayos-harness/weston").glob("*.deb"):
        (own / package.name).symlink_to(package)
    return tmp_path / "cache"


def test_what_was_built_of_current_packages_is_built_by_the_new_lock_file_to_the_same_bytes(
    sources: Path, tmp_path: Path
) -> None:
    (sources / "lock.json").unlink()
    made = []
    for name, how in (("one", "--lock"), ("two", "--locked")):
        done = make(sources, how, "--into", name, home=packages_alone(tmp_path) if name == "two" else None)
        assert done.returncode == 0, done.stderr
        files = {path.name: path.read_bytes() for path in (sources / name).iterdir()}
        made.append(files)
    assert made[0] == made[1]
    manifest = json.loads(made[0]["manifest.json"])
    assert {"vmlinux", "initrd.lz4"} <= manifest["results"].keys()
    assert manifest["toolchain"].keys() == {"gcc", "ld", "strip", "libc.a"}
    assert len(made[0]["vmlinux"]) + len(made[0]["initrd.lz4"]) < 50_000_000
    locked = json.loads((sources / "lock.json").read_text())
    assert [(p["name"], p["version"], p["sha256"]) for p in manifest["packages"]] == [
        (name, version, digest) for name, version, _, digest in locked
    ]


@pytest.mark.parametrize("change", ["version", "digest"])
def test_a_package_that_is_not_the_locked_one_is_refused(sources: Path, change: str) -> None:
    locked = json.loads((sources / "lock.json").read_text())
    name, version, file, digest = locked[1]
    locked[1] = (
        [name, version, file, "0" * 64] if change == "digest" else [name, "0.0", f"{name}_0.0_amd64.deb", digest]
    )
    (sources / "lock.json").write_text(json.dumps(locked))
    done = make(sources, "--locked", "--into", "out")
    assert done.returncode == 1
    assert f"1 locked packages are not to be had any more, the first is {locked[1][2]}" in done.stderr
    assert not list((sources / "out").iterdir())


def test_a_lock_file_of_another_list_of_packages_is_refused(sources: Path) -> None:
    text = (sources / "contents.toml").read_text()
    (sources / "contents.toml").write_text(text.replace('"libgbm1", ', ""))
    done = make(sources, "--locked", "--into", "out")
    assert done.returncode == 1
    assert "lock.json names other packages than contents.toml: renew it with --lock" in done.stderr
