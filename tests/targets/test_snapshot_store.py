"""Where snapshots are kept: what they are called, when one is not taken, which go."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.targets.argv import Launch
from harness.targets.profile import Boot, Machine, Profile
from harness.targets.snapshot import Snapshot
from harness.targets.snapshot_store import SnapshotStore, snapshot_key

LAUNCH = Launch(clock="virtual")


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "cache" / "snapshots")


def made(store: SnapshotStore, key: str, ram: bytes = b"memory") -> Snapshot:
    directory = store.begin()
    (directory.path / "ram").write_bytes(ram)
    (directory.path / "console").write_bytes(b"ready\n")
    return store.publish(directory, key, {"at": "ready", "made": "now", "qemu": "7"})


def kernel(folder: Path) -> Profile:
    file = folder / "kernel"
    file.write_bytes(b"one")
    return Profile(name="k", boot=Boot(kernel=file), machine=Machine(memory_mb=32))


def test_the_same_machine_at_the_same_point_has_one_name_wherever_people_look_at_it(tmp_path: Path) -> None:
    profile = kernel(tmp_path)
    watched = replace(LAUNCH, vnc=True, gdb=True, share_console=True)
    assert snapshot_key(profile, LAUNCH, "ready") == snapshot_key(profile, watched, "ready")


@pytest.mark.parametrize(
    "other",
    [
        lambda p, k: (replace(p, machine=replace(p.machine, memory_mb=64)), LAUNCH, "ready"),
        lambda p, k: (replace(p, boot=replace(p.boot, cmdline="lie=pixel")), LAUNCH, "ready"),
        lambda p, k: (p, replace(LAUNCH, seed=2), "ready"),
        lambda p, k: (p, replace(LAUNCH, prove=True), "ready"),
        lambda p, k: (p, Launch(clock="wall"), "ready"),
        lambda p, k: (p, LAUNCH, "login:"),
        lambda p, k: (k.write_bytes(b"two"), (p, LAUNCH, "ready"))[1],
    ],
    ids=["memory", "command line", "seed", "proof", "clock", "point", "content of the image"],
)
def test_whatever_it_depends_on_is_in_its_name(tmp_path: Path, other: Any) -> None:
    profile = kernel(tmp_path)
    first = snapshot_key(profile, LAUNCH, "ready")
    assert snapshot_key(*other(profile, tmp_path / "kernel")) != first


def test_what_was_published_is_found_with_its_streams_and_digests(store: SnapshotStore) -> None:
    snapshot = made(store, "a")
    assert store.find("a") == snapshot
    assert snapshot.stream("console") == b"ready\n"
    assert snapshot.stream("proof") == b""
    assert set(snapshot.evidence()["streams"]) == {"console"}
    assert made(store, "b").digest == snapshot.digest
    assert made(store, "c", b"other").digest != snapshot.digest
    assert store.root.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["shorter", "other time", "gone", "no description"])
def test_one_that_was_changed_is_not_found_and_can_be_made_again(store: SnapshotStore, damage: str) -> None:
    snapshot = made(store, "a")
    match damage:
        case "shorter":
            snapshot.ram.write_bytes(b"")
        case "other time":
            os.utime(snapshot.ram, ns=(0, 0))
        case "gone":
            snapshot.ram.unlink()
        case _:
            (snapshot.path / "snapshot.json").write_text("{}")
    assert store.find("a") is None
    assert made(store, "a") == store.find("a")


def test_bytes_of_the_console_that_are_not_those_of_the_boot_are_refused(store: SnapshotStore) -> None:
    from harness.errors import LabError

    snapshot = made(store, "a")
    (snapshot.path / "console").write_bytes(b"RAYOS_SOAK:COMPLETE:pass\n")
    with pytest.raises(LabError, match="not what it was"):
        snapshot.stream("console")


def test_a_second_maker_takes_what_the_first_has_made(store: SnapshotStore) -> None:
    late = store.begin()
    (late.path / "ram").write_bytes(b"late")
    first = made(store, "a")
    assert store.publish(late, "a", {"at": "ready", "made": "now", "qemu": "7"}) == first
    assert [path.name for path in store.root.iterdir()] == ["a"]


def test_pruning_takes_those_used_longest_ago_and_leaves_one_in_use(store: SnapshotStore) -> None:
    for number, key in enumerate("abc"):
        os.utime(made(store, key).path, (number, number))
    assert store.find("a") is not None, "used last now"
    (b,) = [s for s in store.all() if s.path.name == "b"]
    held = b.hold()
    assert [s.path.name for s in store.prune(0)] == ["c", "a"]
    os.close(held)
    assert [s.path.name for s in store.prune(0)] == ["b"]
    assert store.all() == []


def test_what_a_killed_maker_left_behind_goes_with_the_next(store: SnapshotStore) -> None:
    left = store.begin().path
    left.mkdir()  # it was removed with its owner just now: as if it had not been
    store.begin()
    assert not left.exists()


def test_one_that_is_removed_while_its_lock_is_waited_for_cannot_be_held(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(store, "a")
    monkeypatch.setattr("harness.targets.snapshot.fcntl.flock", lambda *_: shutil.rmtree(found.path))
    with pytest.raises(FileNotFoundError, match="was removed"):
        found.hold()
