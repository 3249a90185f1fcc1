"""Warm starts: a scenario that starts from a snapshot gets the verdict that it gets when it boots."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.campaign.batch import plan
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.engine.warm import warmed
from harness.evidence.bundle import sha256_file
from harness.evidence.journal import Event, read_events
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.snapshot import Snapshot
from harness.targets.snapshot_store import SnapshotStore
from harness.verdicts import Verdict

from .conftest import Play
from .sectors import TRIPLE_FAULT, image, sector

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
SCENARIOS = {s.name: s for s in collect([ROOT / "scenarios/smoke/first-light.toml", ROOT / "scenarios/integration"])}
SAMPLE = ("first-light", "emergency-shutdown")  # no proof; frames proved, a private disk, a relaunch


class Pair(NamedTuple):
    """The same scenario twice, and what was said while its snapshot was sought."""

    cold: RunOutcome
    warm: RunOutcome
    said: list[str]


Both = Callable[..., Pair]


@pytest.fixture(scope="module", autouse=True)
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnapshotStore]:
    """The snapshots of these tests, and not the user's: one of an image serves several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield SnapshotStore()


@pytest.fixture
def both(play: Play, tmp_path: Path) -> Both:
    """`both(scenario)` plays it cold and warm."""

    def run(what: Scenario | ScenarioBuilder, point: str = "") -> Pair:
        scenario = what.build() if isinstance(what, ScenarioBuilder) else what
        options, said = BatchOptions(runs_dir=tmp_path / "runs"), list[str]()
        cold = play(scenario)
        with warmed(plan([scenario], options), options, point=point, say=said.append) as warm:
            return Pair(cold, play(scenario, warm=warm.warm), said)

    return run


def told(outcome: RunOutcome) -> dict[str, Any]:
    """What a verdict says of the guest: all but host times, files, and the notes on how it was run."""
    document = outcome.verdict.to_json()
    kept = ("verdict", "fingerprint", "frames_checked", "markers", "markers_lost", "epochs", "guest_s", "first_cause")
    cause = document["first_cause"]
    return {
        **{key: document[key] for key in kept},
        "first_cause": cause and (cause["cause"], cause["what"], cause["step"]),
        "checks": [(check["what"], check["status"], check["reason"]) for check in document["checks"]],
    }


def lives(outcome: RunOutcome) -> list[Event]:
    return [event for event in read_events(outcome.bundle.journal) if event.kind == "target.start"]


def is_warm(outcome: RunOutcome) -> bool:
    return "snapshot" in lives(outcome)[0].data


def serial(outcome: RunOutcome) -> bytes:
    return outcome.bundle.serial.read_bytes()


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.long) for n in SCENARIOS])
def test_a_warm_run_is_judged_as_a_cold_one_to_the_fingerprint(both: Both, name: str) -> None:
    pair = both(SCENARIOS[name])
    assert (is_warm(pair.cold), is_warm(pair.warm)) == (False, True), pair.said
    assert pair.warm.verdict.verdict is Verdict.PASS
    assert pair.warm.verdict.fingerprint is not None
    assert told(pair.warm) == told(pair.cold)
    assert serial(pair.warm) == serial(pair.cold)
    for life in lives(pair.warm)[1:]:  # a relaunch boots
        assert "snapshot" not in life.data
        assert "-incoming" not in life.data["argv"]


@pytest.mark.parametrize(
    ("command", "verdict", "cause"),
    [("crash kind=pf", Verdict.CRASH, "crash-text"), ("create id=1 x=9 y=60 w=1 h=1 color=0", Verdict.FAIL, "refused")],
)
def test_what_fails_cold_fails_warm_for_the_same_cause(both: Both, command: str, verdict: Verdict, cause: str) -> None:
    pair = both(ScenarioBuilder("bad", image="reference").boot().command(command).frames())
    assert pair.warm.verdict.first_cause is not None
    assert (is_warm(pair.warm), pair.warm.verdict.verdict, pair.warm.verdict.first_cause.cause) == (
        True,
        verdict,
        cause,
    )
    assert told(pair.warm) == told(pair.cold)


def test_the_evidence_says_which_bytes_are_from_the_snapshot_and_no_run_changes_it(
    both: Both, snapshots: SnapshotStore
) -> None:
    warm = both(ScenarioBuilder("evidence", image="reference").boot().frames(2)).warm
    evidence = lives(warm)[0].data["snapshot"]
    assert json.loads((warm.bundle.path / "manifest.json").read_text())["target"]["snapshot"] == evidence
    (snapshot,) = [s for s in snapshots.all() if s.digest == evidence["digest"]]
    assert any(snapshot.digest[:16] in note for note in warm.verdict.notes)

    inherited = serial(warm)[: evidence["streams"]["console"]["bytes"]]
    assert hashlib.sha256(inherited).hexdigest() == evidence["streams"]["console"]["sha256"]
    assert b"RAYOS_CONTROL:READY:0:" in inherited
    assert b"RAYOS_CONTROL:READY:1:" not in inherited
    for name, file in snapshot.about["files"].items():
        assert sha256_file(snapshot.path / name) == file["sha256"], name


# ---- any disk image: a boot sector that writes to its disk before the point, and reads it again after ----------------

COUNTS = """
        incb boots
        movw $0x0301, %ax
        call disk
        movb boots, %al
        call putc
        call getc
        movw $0x0201, %ax
        call disk
        movb boots, %al
        call putc
        jmp leave
disk:   movw $1, %cx
        xorb %dh, %dh
        movb drive, %dl
        movw $0x7c00, %bx
        int $0x13
        ret
boots:  .byte 'A' - 1
"""


def machine(folder: Path, body: str, *, disk: str = "", more: str = "") -> Path:
    """A profile whose disk has the boot sector *body*."""
    file = image(folder, sector(body, banner="boot "))
    profile = folder / "machine.toml"
    profile.write_text(
        f"version = 1\nname = 'machine'\n[boot]\nshape = 'disk'\n"
        f"disk = {{ file = '{file}', interface = 'ide'{disk} }}\n"
        f"[machine]\nmemory_mb = 32\n{more}\n[guest]\ndisplay = false\nexit_device = true\n"
    )
    return profile


@pytest.mark.parametrize("disk", ["", ", persist = 'run'"])
def test_a_disk_is_as_it_was_at_the_point_and_the_users_file_stays_as_it_is(
    both: Both, tmp_path: Path, disk: str
) -> None:
    profile = machine(tmp_path, COUNTS, disk=disk)
    before = (tmp_path / "disk.img").read_bytes()
    scenario = ScenarioBuilder("counts", image=str(profile)).boot("boot A").send("x").expect_exit(code=0x31)
    pair = both(scenario)
    assert is_warm(pair.warm), pair.said
    assert (serial(pair.cold), serial(pair.warm)) == (b"boot AA", b"boot AA")
    assert (pair.cold.verdict.verdict, pair.warm.verdict.verdict) == (Verdict.PASS, Verdict.PASS)
    assert (tmp_path / "disk.img").read_bytes() == before


def test_a_reset_within_a_warm_run_finds_what_was_written_before_the_point(both: Both, tmp_path: Path) -> None:
    scenario = ScenarioBuilder("reset", image=str(machine(tmp_path, COUNTS))).boot("boot A").reset("boot B")
    pair = both(scenario.send("x").expect_exit(code=0x31))
    assert is_warm(pair.warm), pair.said
    assert told(pair.warm) == told(pair.cold)
    assert pair.warm.verdict.verdict is Verdict.PASS


def test_another_image_is_another_snapshot(both: Both, tmp_path: Path) -> None:
    profile = machine(tmp_path, COUNTS)
    scenario = ScenarioBuilder("counts", image=str(profile)).boot("re:boot [AB]").send("x").expect_exit(code=0x31)
    assert serial(both(scenario).warm) == b"boot AA"
    (tmp_path / "disk.img").write_bytes((tmp_path / "disk.img").read_bytes().replace(b"@", b"A"))
    assert serial(both(scenario).warm) == b"boot BB"


# ---- what cannot start warm is played cold, and says so --------------------------------------------------------------


def test_a_scenario_that_waits_for_something_else_is_played_cold_with_a_note(both: Both) -> None:
    pair = both(ScenarioBuilder("other", image="reference").boot("RAYOS_KIT:DESKTOP"), point="RAYOS_CONTROL:READY:0")
    reason = "its boot step waits for RAYOS_KIT:DESKTOP, and the snapshot is made at RAYOS_CONTROL:READY:0"
    assert (is_warm(pair.warm), pair.warm.verdict.notes) == (False, [f"played cold: {reason}"])
    assert pair.warm.verdict.verdict is pair.cold.verdict.verdict is Verdict.PASS


def test_a_machine_that_qemu_cannot_save_is_played_cold_with_qemus_reason(both: Both, tmp_path: Path) -> None:
    profile = machine(tmp_path, COUNTS, more="devices = ['nvme,serial=1']")
    pair = both(ScenarioBuilder("nvme", image=str(profile)).boot("boot A").send("x").expect_exit(code=0x31))
    (note,) = pair.warm.verdict.notes
    assert note.startswith("played cold: no snapshot of machine could be made: QEMU refused migrate: ")
    assert "nvme" in note
    assert (is_warm(pair.warm), pair.warm.verdict.verdict) == (False, Verdict.PASS)


def test_a_guest_that_dies_before_the_point_leaves_no_snapshot_and_its_verdict_is_that_of_a_cold_run(
    both: Both, tmp_path: Path, snapshots: SnapshotStore
) -> None:
    before = len(snapshots.all())
    pair = both(ScenarioBuilder("dies", image=str(machine(tmp_path, TRIPLE_FAULT))).boot("ready"))
    assert (is_warm(pair.warm), pair.warm.verdict.verdict) == (False, Verdict.CRASH)
    assert pair.warm.verdict.notes[0].startswith("played cold: no snapshot of machine could be made: ")
    assert told(pair.warm) == told(pair.cold)
    assert len(snapshots.all()) == before
    assert not list(snapshots.root.glob("run-*"))


def test_a_snapshot_that_was_tampered_with_is_made_again(both: Both, snapshots: SnapshotStore) -> None:
    scenario = ScenarioBuilder("tampered", image="reference").boot().frames()
    pair = both(scenario)
    digest = lives(pair.warm)[0].data["snapshot"]["digest"]
    (snapshot,) = [s for s in snapshots.all() if s.digest == digest]
    with snapshot.ram.open("r+b") as ram:
        ram.write(b"not what it was")
    assert Snapshot.read(snapshot.path) is None
    again = both(scenario)
    assert any(line.startswith("warm: booting reference once") for line in again.said)
    assert (is_warm(again.warm), told(again.warm)) == (True, told(again.cold))


# ---- a kernel nobody here wrote --------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", ["debian-linux", "memtest86plus", "aarch64-uefi"])
def test_a_kernel_nobody_here_wrote_starts_warm_on_the_wall_clock(both: Both, name: str) -> None:
    (scenario,) = collect([ROOT / f"scenarios/smoke/{name}.toml"])
    if find_image(name).build.command:
        build(find_image(name), force=False)
    pair = both(scenario)
    assert is_warm(pair.warm), pair.said
    assert told(pair.warm) == told(pair.cold)
    assert pair.warm.verdict.verdict is Verdict.PASS
