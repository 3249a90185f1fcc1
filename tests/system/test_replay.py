"""`--clock record` and `harness replay`: a recorded run plays again from its bundle, and stops where it is told to."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions
from harness.engine.recording import Recording
from harness.engine.replaying import NotReachedError, Standing, play_to
from harness.engine.run import RunOutcome
from harness.engine.until import parse_until
from harness.errors import LabError, UsageError
from harness.evidence.bundle import Bundle, sha256_file
from harness.evidence.journal import read_events
from harness.frames.identity import decode_strip
from harness.judge.rejudge import rejudge
from harness.markers.schema import PLAN
from harness.scenario.builder import ScenarioBuilder
from harness.targets.gdbstub import GdbStub
from harness.targets.loader import find_image
from harness.targets.symbols import Symbols

from .live_harness import Harnesses

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def record(folder: Path, scenario: ScenarioBuilder) -> RunOutcome:
    options = BatchOptions(runs_dir=folder / "runs", clock="record")
    outcome = run_planned(plan([scenario.build()], options), options).runs[0][1]
    assert outcome is not None
    assert outcome.verdict.to_json() == rejudge(outcome.bundle, outcome.scenario).to_json()
    return outcome


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """A run with commands and typing: what the host sent is in the log."""
    scenario = (
        ScenarioBuilder("talk", image="reference")
        .boot()
        .command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1")
        .type("Hi")
        .command("frames n=1", "verify check=text.1 want=2")
        .expect("RAYOS_INTEGRATION:VERIFY:text.1:pass")
        .check_frame("typed")
    )
    return record(tmp_path_factory.mktemp("recorded"), scenario)


def stand(bundle: Bundle, until: str | None, then: Callable[[Standing], None] = lambda _: None) -> Standing:
    """Where a replay of *bundle* stands at *until*."""

    async def main() -> Standing:
        recording = Recording.open(bundle)
        symbols = Symbols.of_profile(recording.profile)
        place = parse_until(until, bundle.serial, PLAN) if until is not None else None
        async with asyncio.timeout(300), play_to(recording, place, symbols) as play:
            return await play.standing(symbols)

    return asyncio.run(main())


def copied(outcome: RunOutcome, folder: Path) -> Bundle:
    shutil.copytree(outcome.bundle.path, folder / "bundle")
    return Bundle.open(folder / "bundle")


def test_a_recorded_run_is_judged_like_any_other_and_claims_no_fingerprint(outcome: RunOutcome) -> None:
    assert outcome.verdict.verdict == "PASS", outcome.verdict.to_json()
    assert outcome.verdict.fingerprint is None
    assert outcome.bundle.read_json("manifest.json")["clock"] == "record"


def test_played_to_its_end_it_says_every_byte_again(outcome: RunOutcome) -> None:
    end = stand(outcome.bundle, None)
    assert end.ended
    assert end.console == outcome.bundle.serial.read_bytes()


def test_a_marker_is_stopped_at_to_the_instruction(outcome: RunOutcome) -> None:
    there = stand(outcome.bundle, "RAYOS_SOAK:CLIENT_CREATED:1")
    assert there.console.endswith(b"\nRAYOS_SOAK:CLIENT_CREATED:1\n")
    assert there.place is not None
    before = stand(outcome.bundle, f"icount:{there.icount - 1}")
    assert before.console == there.console[:-1]


@pytest.mark.long
def test_a_frame_is_stopped_at_when_its_last_band_is_drawn(outcome: RunOutcome) -> None:
    there = stand(outcome.bundle, "frame:2")
    assert there.frame is not None
    identity = decode_strip(there.frame.pixels)
    assert (identity.whole, identity.number) == (True, 2)
    before = stand(outcome.bundle, f"icount:{there.icount - 1}")
    assert before.frame is not None
    assert not decode_strip(before.frame.pixels).whole


def test_a_symbol_is_stopped_at_for_the_nth_time_and_always_at_the_same_instruction(outcome: RunOutcome) -> None:
    first, second, again = (stand(outcome.bundle, f"symbol:present:{n}") for n in (1, 2, 2))
    assert (first.place, second.place) == ("present", "present")
    assert first.icount < second.icount == again.icount
    assert second.registers == again.registers
    assert second.frame is not None
    assert again.frame is not None
    assert second.frame.digest == again.frame.digest


def test_a_place_that_the_run_never_came_to_is_told_so(outcome: RunOutcome) -> None:
    with pytest.raises(NotReachedError, match="was over"):
        stand(outcome.bundle, "icount:99999999999")
    with pytest.raises(UsageError, match="never said RAYOS_SOAK:CLIENT_CREATED:7"):
        stand(outcome.bundle, "RAYOS_SOAK:CLIENT_CREATED:7")


def test_the_command_takes_the_picture_and_says_where_it_stands(
    outcome: RunOutcome, harnesses: Harnesses, tmp_path: Path
) -> None:
    ended = harnesses.run(
        "replay", outcome.bundle.path, "--until", "symbol:present:2", "--picture", tmp_path / "at.png", "--json"
    )
    assert ended.code == 0, ended
    assert ended.document["symbol"] == "present"
    assert ended.document["console"]["first_difference"] is None
    assert (tmp_path / "at.png").read_bytes().startswith(b"\x89PNG")


def test_other_bytes_than_were_recorded_are_nondeterminism(
    outcome: RunOutcome, harnesses: Harnesses, tmp_path: Path
) -> None:
    bundle = copied(outcome, tmp_path)
    said = bundle.serial.read_bytes()
    bundle.serial.write_bytes(said.replace(b"RAYOS_KIT:BOOT", b"RAYOS_KIT:BOOK"))
    ended = harnesses.run("replay", bundle.path, "--until", "symbol:present:2", "--json")
    assert (ended.code, ended.document["verdict"]) == (1, "NONDETERMINISM")
    assert ended.document["console"]["first_difference"] == said.index(b"RAYOS_KIT:BOOT") + 13


def test_a_debugger_finds_the_machine_where_the_replay_stopped(outcome: RunOutcome, harnesses: Harnesses) -> None:
    live = harnesses.start("replay", outcome.bundle.path, "--until", "symbol:present:2", "--gdb", "--json")
    assert live.process.stderr is not None
    socket = next(line.split("target remote ")[1].rstrip("'\n") for line in live.process.stderr if "gdbstub" in line)

    async def main() -> None:
        gdb = await GdbStub.connect(Path(socket))
        present = Symbols.of_profile(find_image("reference")).address("present")
        assert (await gdb.registers()).pc == present
        assert (await gdb.step()).address > present
        await gdb.close()

    asyncio.run(main())
    live.signal(signal.SIGINT)
    ended = live.finish()
    assert (ended.code, ended.document["symbol"]) == (0, "present")
    assert live.children() == []
    assert live.run_directories() == []


def test_an_image_that_is_not_what_was_booted_is_refused(outcome: RunOutcome, tmp_path: Path) -> None:
    bundle = copied(outcome, tmp_path)
    place = bundle.path / "replay/recording.json"
    recorded = json.loads(place.read_text())
    kernel = tmp_path / "kernel.elf"
    recorded["files"][0]["path"] = str(kernel)
    place.write_text(json.dumps(recorded))
    with pytest.raises(UsageError, match=r"kernel\.elf is gone"):
        Recording.open(bundle)
    kernel.write_bytes(b"another")
    with pytest.raises(UsageError, match=r"kernel\.elf has changed"):
        Recording.open(bundle)


def test_a_log_that_cannot_be_followed_is_refused(outcome: RunOutcome, tmp_path: Path) -> None:
    bundle = copied(outcome, tmp_path)
    log = bundle.path / "replay/log.bin"
    log.write_bytes(log.read_bytes()[:-100])
    with pytest.raises(UsageError, match="not the log that was recorded"):
        Recording.open(bundle)
    place = bundle.path / "replay/recording.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"log_sha256": sha256_file(log)}))
    with pytest.raises(LabError, match=r"gave the replay up: .*error reading the replay data"):
        stand(bundle, None)
    place.unlink()
    with pytest.raises(UsageError, match="was not finished"):
        Recording.open(bundle)
    shutil.rmtree(bundle.path / "replay")
    with pytest.raises(UsageError, match="was not recorded"):
        Recording.open(bundle)


@pytest.mark.long
def test_a_guest_that_ends_qemu_is_stopped_at_its_last_instruction(tmp_path: Path) -> None:
    scenario = ScenarioBuilder("exit", image="reference").boot().command("exit code=33").expect_exit(code=33)
    recorded = record(tmp_path, scenario)
    assert recorded.verdict.verdict == "PASS", recorded.verdict.to_json()
    end = stand(recorded.bundle, None)
    assert end.ended
    assert end.console == recorded.bundle.serial.read_bytes()
    with pytest.raises(NotReachedError, match="was over"):
        stand(recorded.bundle, f"icount:{end.icount + 1}")
    ready = stand(recorded.bundle, "RAYOS_CONTROL:READY:0")
    assert ready.console.splitlines()[-1].startswith(b"RAYOS_CONTROL:READY:0:")


def test_what_a_disk_answered_comes_again(tmp_path: Path) -> None:
    scenario = (
        ScenarioBuilder("disk", image="reference-disk")
        .boot()
        .command("disk do=append data=one", "disk do=flush", "disk do=read seq=1")
    )
    recorded = record(tmp_path, scenario)
    assert recorded.verdict.verdict == "PASS", recorded.verdict.to_json()
    assert any("data=one" in str(event.data) for event in read_events(recorded.bundle.journal))
    end = stand(recorded.bundle, None)
    assert end.console == recorded.bundle.serial.read_bytes()


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"machine__defaults": True}, "default devices"),
        ({"machine__extra": ["-nic", "user"]}, "network card"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_runs(
    settings: dict[str, Any], what: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=what):
        record(tmp_path, ScenarioBuilder("no", image="reference").set(**settings).boot())
    assert not list((tmp_path / "runs").iterdir())


def test_a_recorded_machine_is_not_reset_or_started_again(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs relaunch"):
        record(tmp_path, ScenarioBuilder("again", image="reference").boot().relaunch())
