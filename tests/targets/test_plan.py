"""A plan: what the guest is told before it starts, as a file in front of its initrd."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.judge.facts import GuestFacts, by_host
from harness.scenario.builder import ScenarioBuilder
from harness.targets.argv import Launch, Wires, qemu_argv
from harness.targets.birth import copy_files
from harness.targets.loader import load_profile, override
from harness.targets.plan import plan_archive, write_with_plan
from harness.targets.profile import Boot, Clock, Profile
from harness.targets.snapshot_store import snapshot_key

PLAN = ("create id=1 x=0 y=0 w=64 h=20", "key code=30 on=1")
TOML = 'version = 1\nname = "p"\n[boot]\nkernel = "k"\ninitrd = "i"\n[clock]\nplan = true\n'


def profile(folder: Path, text: str = TOML) -> Profile:
    (folder / "k").write_bytes(b"kernel")
    (folder / "i").write_bytes(b"initrd of 17 byte")
    (folder / "p.toml").write_text(text)
    return load_profile(folder / "p.toml")


def test_the_archive_is_one_that_cpio_unpacks(tmp_path: Path) -> None:
    cpio = shutil.which("cpio")
    if cpio is None:
        pytest.skip("there is no cpio on this host")
    subprocess.run([cpio, "-i", "--quiet"], input=plan_archive(PLAN), cwd=tmp_path, check=True)
    assert (tmp_path / "plan").read_text() == "create id=1 x=0 y=0 w=64 h=20\nkey code=30 on=1\n"


def test_the_initrd_lies_behind_it_where_the_kernel_looks_for_a_second_archive(tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(b"initrd of 17 byte")
    write_with_plan(tmp_path / "i", PLAN, tmp_path / "o")
    made = (tmp_path / "o").read_bytes()
    assert made == plan_archive(PLAN) + b"initrd of 17 byte"
    assert made.index(b"initrd") % 4 == 0
    assert b"\nkey code=30 on=1\n" in made


def test_qemu_gets_a_copy_with_the_plan_and_the_image_stays_as_it_is(tmp_path: Path) -> None:
    image = override(profile(tmp_path), {"boot.plan": PLAN})
    (tmp_path / "run").mkdir()
    files = copy_files(image, tmp_path / "run")
    assert files.initrd is not None
    assert files.initrd.read_bytes() == plan_archive(PLAN) + b"initrd of 17 byte"
    assert (tmp_path / "i").read_bytes() == b"initrd of 17 byte"
    argv = qemu_argv(image, Launch(clock="virtual"), Wires(qmp=3, console=4, initrd=files.initrd))
    assert argv[argv.index("-initrd") + 1] == str(files.initrd)


def test_without_a_plan_nothing_is_copied(tmp_path: Path) -> None:
    assert copy_files(profile(tmp_path), tmp_path).initrd is None


def test_an_image_that_takes_none_refuses_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the image takes none \(clock.plan = true and an initrd say so\)"):
        override(profile(tmp_path, TOML.replace("plan = true", "plan = false")), {"boot.plan": PLAN})


def test_what_is_no_command_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'two\\nlines' is no control command"):
        override(profile(tmp_path), {"boot.plan": ["two\nlines"]})


def test_another_plan_is_another_snapshot(tmp_path: Path) -> None:
    image = profile(tmp_path)
    keys = {snapshot_key(override(image, {"boot.plan": plan}), Launch(), "READY") for plan in ((), PLAN, PLAN[:1])}
    assert len(keys) == 3


def test_with_a_plan_the_virtual_clock_is_the_default(tmp_path: Path) -> None:
    image = profile(tmp_path)
    assert image.default_clock == "wall"
    assert override(image, {"boot.plan": PLAN}).default_clock == "virtual"


def test_a_run_by_plan_is_reproducible_as_long_as_the_host_only_looks() -> None:
    given = Profile(name="p", boot=Boot(plan=PLAN), clock=Clock(plan=True))
    looks = ScenarioBuilder("looks", image="p").boot().check_frame("a", against="clients").expect("RAYOS_KIT:BOOT")
    acts = ScenarioBuilder("acts", image="p").boot().command("query")

    def reproducible(image: Profile, scenario: ScenarioBuilder) -> bool:
        told = by_host(scenario.build(), image)
        return GuestFacts.of(image, "virtual", None, by_host=told).reproducible

    assert reproducible(given, looks)
    assert not reproducible(given, acts)
    assert not reproducible(replace(given, boot=Boot()), looks)
    assert reproducible(replace(given, clock=Clock(rendezvous=True)), acts)
