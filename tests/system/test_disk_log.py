"""The reference guest's log on a disk: what it acknowledged survives a power cut, and a disk that fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play
from .disk_images import DISK_IMAGE, SECTOR, Log, appended, failing, log_of, record
from .reference_session import cut_the_power, live

pytestmark = pytest.mark.system


def test_the_records_on_the_disk_are_in_the_documented_format(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of())
    longest = "x" * 480
    told = log.live(*appended("one", longest), "disk do=flush", "disk do=append data=" + "x" * 481)
    assert told.replies == ["ok seq=1", "ok seq=2", "ok", "argument data"]
    assert log.path.read_bytes() == log_of(record(1, b"one"), record(2, longest.encode()))


def test_records_that_somebody_else_wrote_in_that_format_are_replayed_and_read(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of(*(record(n, f"word-{n}".encode()) for n in range(1, 101))))
    told = log.live("disk do=read seq=1", "disk do=read seq=100", "disk do=read seq=101", "disk do=state")
    assert "RAYOS_DISK:REPLAY:100:0" in told.markers
    assert told.replies[:3] == ["ok data=word-1", "ok data=word-100", "id seq"]
    assert told.words[3] == {
        "records": "100", "flushed": "100", "pending": "0", "trimmed": "0", "lost": "0", "capacity": "127",
    }  # fmt: skip


def test_after_a_power_cut_the_log_holds_exactly_what_was_flushed(tmp_path: Path) -> None:
    """QEMU keeps a qcow2 image's tables in memory until a flush; with clusters of one sector each record needs them."""
    log = Log(tmp_path, b"")
    log.path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", log.path, "64K"], check=True)
    told = log.live(*appended("a", "b", "c"), "disk do=flush", *appended("d", "e"), "disk do=state", cut_the_power)
    assert told.words[-1]["records"] == "5"
    assert told.words[-1]["flushed"] == "3"
    told = log.live("disk do=read seq=3", "disk do=read seq=4", "disk do=append data=new", "disk do=read seq=4")
    assert "RAYOS_DISK:REPLAY:3:0" in told.markers
    assert told.replies == ["ok data=c", "id seq", "ok seq=4", "ok data=new"]


def test_a_disk_of_the_run_survives_a_relaunch_and_is_empty_in_the_next_run(play: Play) -> None:
    scenario = (
        ScenarioBuilder("log", image=DISK_IMAGE)
        .rules("DISK")
        .boot()
        .expect("RAYOS_DISK:REPLAY:0:0", since="boot")
        .command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1", *appended("a", "b"), "disk do=flush")
        .check_frame("with a window")
        .relaunch()
        .expect("RAYOS_DISK:REPLAY:2:0", since="boot")
        .command("disk do=read seq=2")
    )
    for _ in range(2):
        outcome = play(scenario)
        assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause


def test_a_torn_record_is_reported_and_cut_and_its_number_used_again(tmp_path: Path) -> None:
    torn = record(3, b"three" * 60)[:100].ljust(SECTOR, b"\0")
    log = Log(tmp_path, log_of(record(1, b"one"), record(2, b"two"), torn))
    told = log.live("disk do=state")
    assert "RAYOS_DISK:REPLAY:2:1" in told.markers
    assert told.words[0]["records"] == "2"
    assert told.words[0]["lost"] == "1"
    assert log.sector(2) == bytes(SECTOR)
    told = log.live("disk do=append data=again", "disk do=flush")
    assert "RAYOS_DISK:REPLAY:2:0" in told.markers
    assert "RAYOS_DISK:REPLAY:3:0" in log.live().markers


def test_a_record_behind_a_gap_is_lost_and_never_follows_on_a_new_one(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of(record(1, b"one"), bytes(SECTOR), record(3, b"stale")))
    told = log.live("disk do=append data=two", "disk do=flush", "disk do=state")
    assert "RAYOS_DISK:REPLAY:1:0" in told.markers
    assert told.words[-1]["lost"] == "1"
    assert "RAYOS_DISK:REPLAY:2:0" in log.live().markers


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(record(7, b"three"), id="another sequence number"),
        pytest.param(record(3, b"three")[:-1] + b"\xff", id="a wrong checksum"),
        pytest.param(b"RLG2" + record(3, b"three")[4:], id="another magic"),
    ],
)
def test_the_log_ends_before_a_sector_with(tmp_path: Path, wrong: bytes) -> None:
    log = Log(tmp_path, log_of(record(1, b"one"), record(2, b"two"), wrong))
    assert "RAYOS_DISK:REPLAY:2:1" in log.live().markers


def test_a_disk_that_holds_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    content = os.urandom(64 * SECTOR)
    log = Log(tmp_path, content)
    told = log.live("disk do=append data=x", "disk do=flush", "disk do=read seq=1", "disk do=state", "perf op=disk n=1")
    assert "RAYOS_DISK:REPLAY:0:1" in told.markers
    assert told.replies == ["state foreign"] * 4 + ["state disk"]
    assert log.path.read_bytes() == content


def test_a_full_log_refuses_and_loses_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of(count=4))
    told = log.live(*appended("a", "b", "c", "d"), "disk do=flush", "perf op=disk n=3", "disk do=state")
    assert told.replies[:4] == ["ok seq=1", "ok seq=2", "ok seq=3", "limit full"]
    assert told.words[-1] == {
        "records": "3",
        "flushed": "3",
        "pending": "0",
        "trimmed": "0",
        "lost": "0",
        "capacity": "3",
    }
    assert "RAYOS_DISK:REPLAY:3:0" in log.live().markers


def test_more_records_than_may_wait_are_flushed_by_themselves(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of())
    told = log.live(*appended(*(f"r{n}" for n in range(65))), "disk do=state")
    assert told.words[-1]["records"] == "65"
    assert told.words[-1]["flushed"] == "64"


# ---- a disk that fails -----------------------------------------------------------------------------------------------


def test_a_write_that_fails_is_told_and_not_counted(tmp_path: Path) -> None:
    machine = failing(tmp_path / "disk.img", "iotype=write")
    told = live(tmp_path, *appended("two", "two"), "disk do=state", "disk do=flush", **machine)
    assert told.replies[:2] == ["state io", "ok seq=2"]
    assert told.words[2]["records"] == "2"
    assert told.markers[3:6] == [
        "RAYOS_CONTROL:READY:0:" + told.markers[3].split(":")[3],
        "RAYOS_FAILURE:DETECTED:disk_write:0",
        "RAYOS_CONTROL:ERROR:1:state",
    ]
    assert (tmp_path / "disk.img").read_bytes() == log_of(record(1, b"one"), record(2, b"two"))


def test_a_flush_that_fails_is_told_and_what_it_should_have_kept_is_written_again(tmp_path: Path) -> None:
    machine = failing(tmp_path / "disk.img", "iotype=flush")
    writes = []

    async def count_writes(session: Any) -> None:
        (disk,) = await session.target.qmp.execute("query-blockstats")
        writes.append(disk["stats"]["wr_operations"])

    steps = [
        *appended("two"),
        "disk do=flush",
        "disk do=state",
        count_writes,
        "disk do=flush",
        "disk do=state",
        count_writes,
    ]
    told = live(tmp_path, *steps, **machine)
    assert writes == [1, 2]
    assert told.replies[:2] == ["ok seq=2", "state flush"]
    assert [words["flushed"] for words in (told.words[2], told.words[4])] == ["1", "2"]
    assert "RAYOS_FAILURE:DETECTED:disk_flush:0" in told.markers


def test_what_is_stored_while_the_disk_fails_is_kept_and_acknowledged_when_it_works_again(tmp_path: Path) -> None:
    """Two attempts fail, half a second apart: the outage is told once, and its end."""
    machine = failing(tmp_path / "disk.img", "iotype=write", "iotype=write")
    stored = ["disk do=store data=two", "disk do=store data=three"]
    told = live(
        tmp_path,
        *stored,
        "frames n=1",
        "disk do=state",
        "disk do=read seq=3",
        "frames n=60",
        "disk do=state",
        **machine,
    )
    assert told.replies[:2] == ["ok seq=2", "ok seq=3"]
    assert [told.words[i]["flushed"] for i in (3, 6)] == ["1", "3"]
    assert [told.words[i]["pending"] for i in (3, 6)] == ["2", "0"]
    assert told.replies[4] == "ok data=three"
    assert [line.split(":", 1)[1] for line in told.markers if line.startswith("RAYOS_FAILURE:")] == [
        "DETECTED:disk_write:0",
        "RECOVERY_START:0",
        "RECOVERY_COMPLETE:0:success",
    ]
    assert (tmp_path / "disk.img").read_bytes() == log_of(record(1, b"one"), record(2, b"two"), record(3, b"three"))


def test_no_more_than_the_buffer_holds_is_taken_while_the_disk_fails(tmp_path: Path) -> None:
    stores = [f"disk do=store data=r{n}" for n in range(65)]
    told = live(tmp_path, *stores, **failing(tmp_path / "disk.img"))
    assert told.replies[63] == "ok seq=65"
    assert told.replies[64] == "limit buffer"


def test_a_full_log_is_told_and_after_a_trim_it_goes_on_with_the_next_number(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of())
    told = log.live(
        "disk do=limit n=2",
        *appended("a", "b", "c"),
        "disk do=trim",
        "disk do=flush",
        "disk do=trim",
        *appended("d"),
        "disk do=flush",
    )
    assert told.replies[3:6] == ["limit full", "state pending", "ok"]
    assert told.replies[7] == "ok seq=3"
    assert [line for line in told.markers if "FAILURE" in line] == [
        "RAYOS_FAILURE:DETECTED:disk_full:0",
        "RAYOS_FAILURE:RECOVERY_START:0",
        "RAYOS_FAILURE:RECOVERY_COMPLETE:0:success",
    ]
    assert log.path.read_bytes() == log_of(record(3, b"d"))
    told = log.live("disk do=read seq=3", *appended("e"))
    assert "RAYOS_DISK:REPLAY:1:0" in told.markers
    assert told.replies == ["ok data=d", "ok seq=4"]


def test_a_log_that_could_not_be_read_at_boot_is_not_written_to(tmp_path: Path) -> None:
    machine = failing(tmp_path / "disk.img", "iotype=read")
    told = live(tmp_path, *appended("x"), "disk do=state", **machine)
    assert told.replies == ["state io", "state io"]
    assert not [line for line in told.markers if "REPLAY" in line]
    assert (tmp_path / "disk.img").read_bytes() == log_of(record(1, b"one"))


def test_a_read_only_disk_is_read_and_not_written_to(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(log_of(record(1, b"one")))
    extra = ["-drive", f"if=none,id=log,format=raw,readonly=on,file={image}"]
    told = live(tmp_path, "disk do=read seq=1", *appended("x"), extra=extra, devices=["virtio-blk-pci,drive=log"])
    assert told.replies == ["ok data=one", "state readonly"]


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize("bios", ["qboot.rom", "bios-256k.bin"])
def test_the_disk_is_found_on_any_pc_and_after_any_firmware(play: Play, machine: str, bios: str) -> None:
    outcome = play(
        ScenarioBuilder("firmware", image=DISK_IMAGE)
        .set(**{"machine.type": machine, "machine.bios": bios})
        .boot()
        .command(*appended("x"), "disk do=flush", "disk do=read seq=1")
        .expect("RAYOS_DISK:REPLAY:0:0", since="boot")
    )
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
