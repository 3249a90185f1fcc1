"""The reference guest's devices: a log that survives what it says, heartbeats, and figures that are measured."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.clients.codec import Reply
from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.targets.profile import Disk
from harness.timeouts import TIMEOUTS
from harness.verdicts import Verdict

from .conftest import Play
from .reference_session import IMAGES, reference

pytestmark = pytest.mark.system
SECTOR = 512
DISK_IMAGE = str(IMAGES / "reference-disk.toml")


# ---- the log, as docs/reference-guest.md specifies it ----------------------------------------------------------------


def record(sequence: int, data: bytes) -> bytes:
    """One sector of the log."""
    head = b"RLG1" + struct.pack("<QI", sequence, len(data)) + data
    body = head.ljust(SECTOR - 4, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))


def log_of(*sectors: bytes, count: int = 128) -> bytes:
    return b"".join(sectors).ljust(count * SECTOR, b"\0")


class Told:
    """What one life of the guest said: its console, and its answers in order."""

    def __init__(self, console: str, replies: Sequence[Reply]) -> None:
        self.markers = [line for line in console.splitlines() if line.startswith("RAYOS_")]
        self.replies = [reply.payload for reply in replies]
        self.words = [reply.words for reply in replies]


Step = str | Callable[[Any], Awaitable[None]]


def live(folder: Path, *steps: Step, **machine: Any) -> Told:
    """One life of the guest that is given these commands; a step that is no text is awaited with the session."""

    async def go() -> Told:
        replies = []
        async with reference(folder, **machine) as session:
            for step in steps:
                if isinstance(step, str):
                    replies.append(await session.command(step))
                else:
                    await step(session)
        return Told((folder / "serial.bin").read_text("latin-1"), replies)

    return asyncio.run(go())


async def cut_the_power(session: Any) -> None:
    """QEMU ends at once: what it has not written is lost."""
    os.kill(session.target.pid, signal.SIGKILL)


class Log:
    """A disk image of the test's own, on which one life after the other works."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.folder, self.path, self._lives = folder, folder / "disk.img", 0
        self.path.write_bytes(content)

    def live(self, *steps: Step) -> Told:
        self._lives += 1
        folder = self.folder / f"life-{self._lives}"
        folder.mkdir()
        kind = "qcow2" if self.path.suffix == ".qcow2" else "raw"
        return live(folder, *steps, disks=[Disk(file=self.path, format=kind, persist=True)])

    def sector(self, index: int) -> bytes:
        return self.path.read_bytes()[index * SECTOR : (index + 1) * SECTOR]


def appended(*words: str) -> list[str]:
    return [f"disk do=append data={word}" for word in words]


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
    assert told.words[3] == {"records": "100", "flushed": "100", "lost": "0", "capacity": "127"}


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
    assert told.words[-1] == {"records": "3", "flushed": "3", "lost": "0", "capacity": "3"}
    assert "RAYOS_DISK:REPLAY:3:0" in log.live().markers


def test_more_records_than_may_wait_are_flushed_by_themselves(tmp_path: Path) -> None:
    log = Log(tmp_path, log_of())
    told = log.live(*appended(*(f"r{n}" for n in range(65))), "disk do=state")
    assert told.words[-1]["records"] == "65"
    assert told.words[-1]["flushed"] == "64"


def test_without_a_disk_and_without_a_card_their_verbs_are_refused(tmp_path: Path) -> None:
    told = live(tmp_path, "disk do=state", "disk do=append data=x", "net do=start node=1 peers=1", "net do=state")
    assert told.replies == ["state disk", "state disk", "state net", "state stopped"]
    assert not [line for line in told.markers if ":DISK:" in line or ":NET:" in line]


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("disk do=format", "do"), ("disk do=append", "data"), ("disk do=flush data=x", "data"), ("disk do=read", "seq"),
        ("disk do=read seq=0", "seq"), ("disk do=state seq=1", "seq"), ("net do=start node=1", "peers"),
        ("net do=start node=251 peers=1", "node"), ("net do=beat", "n"), ("net do=state n=1", "n"),
    ],
)  # fmt: skip
def test_a_command_with_other_words_than_its_own_is_refused(tmp_path: Path, command: str, key: str) -> None:
    assert live(tmp_path, command).replies == [f"argument {key}"]


# ---- a disk that fails -----------------------------------------------------------------------------------------------


def failing(image: Path, *errors: str) -> dict[str, Any]:
    """The machine's parts for a disk on *image* that fails once for each of *errors* (words of blkdebug)."""
    image.write_bytes(log_of(record(1, b"one")))
    injected = "".join(
        f",inject-error.{i}.event=none,inject-error.{i}.{error},inject-error.{i}.once=on"
        for i, error in enumerate(errors)
    )
    node = f"driver=raw,node-name=log,file.driver=blkdebug,file.image.driver=file,file.image.filename={image}"
    return {
        "extra": ["-blockdev", node + injected.replace(",inject", ",file.inject")],
        # With a geometry QEMU does not read the first sector itself to guess one.
        "devices": ["virtio-blk-pci,drive=log,werror=report,rerror=report,cyls=2,heads=16,secs=63"],
    }


def test_a_write_that_fails_is_told_and_not_counted(tmp_path: Path) -> None:
    machine = failing(tmp_path / "disk.img", "iotype=write")
    told = live(tmp_path, *appended("two", "two"), "disk do=state", "disk do=flush", **machine)
    assert told.replies[:2] == ["state io", "ok seq=2"]
    assert told.words[2]["records"] == "2"
    assert told.markers[3:6] == [
        "RAYOS_CONTROL:READY:0:" + told.markers[3].split(":")[3],
        "RAYOS_FAILURE:DETECTED:disk:0",
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
    assert "RAYOS_FAILURE:DETECTED:flush:0" in told.markers


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


# ---- two guests on one wire ------------------------------------------------------------------------------------------


def wired(folder: Path, own: str, other: str) -> dict[str, Any]:
    ends = f"local.type=unix,local.path={folder}/{own},remote.type=unix,remote.path={folder}/{other}"
    return {"extra": ["-netdev", f"dgram,id=wire,{ends}"], "devices": ["virtio-net-pci,netdev=wire,romfile="]}


def test_two_guests_hear_each_other_and_miss_one_that_fell_silent(tmp_path: Path) -> None:
    async def go(sockets: Path) -> tuple[list[Reply], str]:
        async with AsyncExitStack() as stack:
            for name in ("a", "b"):
                (tmp_path / name).mkdir()
            a = await stack.enter_async_context(reference(tmp_path / "a", **wired(sockets, "a", "b")))
            b = await stack.enter_async_context(reference(tmp_path / "b", **wired(sockets, "b", "a")))
            await a.command("net do=start node=1 peers=2")
            await b.command("net do=start node=2 peers=2")
            for _ in range(100):  # when a datagram gets there is the host's affair
                replies = [await session.command("net do=beat n=1") for session in (a, b)]
                if all(reply.words["peers"] == "1" and int(reply.words["heard"]) >= 3 for reply in replies):
                    break
            await a.command("net do=beat n=31")
            replies.append(await a.command("net do=beat n=31"))
        return replies, (tmp_path / "a" / "serial.bin").read_text("latin-1")

    with tempfile.TemporaryDirectory() as sockets:  # the path of a unix socket has at most 107 bytes
        replies, console = asyncio.run(go(Path(sockets)))
    assert [reply.words["peers"] for reply in replies] == ["1", "1", "0"]
    assert all(reply.words["lost"] == "0" for reply in replies)
    net = [line for line in console.splitlines() if ":NET:" in line or line.startswith("RAYOS_NET")]
    assert net == ["RAYOS_NET:PEER_UP:2", "RAYOS_NET:PEER_LOST:2"]


# ---- the same run every time -----------------------------------------------------------------------------------------

WORK = [
    "create id=1 x=60 y=80 w=400 h=240 color=3a6ea5 kind=checker", "animate id=1 on=1", "frames n=5",
    *appended("a", "b"), "disk do=flush", "frames n=5", "perf op=disk n=20",
    "disk do=read seq=2", "net do=start node=1 peers=1", "net do=beat n=5", "query",
]  # fmt: skip


@pytest.fixture
def burners() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that load the host; a test puts them in."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


def test_runs_that_use_disk_and_card_are_the_same_to_the_bit_also_on_a_loaded_host(
    play: Play, burners: list[subprocess.Popen[bytes]]
) -> None:
    scenario = (
        ScenarioBuilder("devices", image=DISK_IMAGE)
        .set(**{"machine.devices": ["VGA,romfile=", "virtio-net-pci,romfile="]})
        .rules("DISK", "PERF", "NET")
        .boot()
        .command(*WORK)
        .expect("RAYOS_PERF:REPORT:disk_max", since="boot")
    )
    found = []
    for number in range(5):
        if number == 2:
            burners += [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        outcome = play(scenario)
        assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
        found.append((outcome.verdict.fingerprint, markers(outcome)))
    assert found[0][0] is not None
    assert found == [found[0]] * 5


def markers(outcome: RunOutcome) -> list[str]:
    text = (outcome.bundle.path / "serial.bin").read_text("latin-1")
    return [line for line in text.splitlines() if line.startswith("RAYOS_")]


# ---- figures that are measured ---------------------------------------------------------------------------------------


def figures(told: Sequence[str], event: str) -> list[list[float]]:
    """The numbers of each marker of *event*, in order."""
    return [
        [float(field) for field in line.split(":")[2:] if re.fullmatch(r"[0-9.]+", field)]
        for line in told
        if line.startswith(f"RAYOS_{event}:")
    ]


def measured(play: Play, *commands: str) -> list[str]:
    outcome = play(
        ScenarioBuilder("figures", image=DISK_IMAGE)
        .rules("PERF", "STRESS")
        .boot()
        .command(*commands, timeout=3 * TIMEOUTS.control_reply)
    )
    assert outcome.verdict.verdict in {Verdict.PASS, Verdict.NOTHING_CHECKED}, outcome.verdict.first_cause
    assert not [e for e in read_events(outcome.bundle.journal) if e.kind == "rule"]
    return markers(outcome)


OPERATIONS = ("present", "commit", "input", "alloc", "disk", "wire")
WINDOW = ["create id=1 x=60 y=80 w=400 h=240 color=3a6ea5 kind=checker", "animate id=1 on=1"]


def test_more_of_a_cpu_load_costs_more_time_and_delays_more_frames(play: Play) -> None:
    loads = [f"stress kind=cpu level={level} seconds=1" for level in (10, 60)]
    told = measured(play, *WINDOW, *loads)
    applied, late, worse = (figures(told, f"STRESS:{e}") for e in ("LOAD_APPLIED", "LATENCY_SAMPLE", "DEGRADATION"))
    assert [level for level, _, _ in applied] == [10, 60]
    assert all(level <= cpu <= level + 15 for level, cpu, _ in applied)
    assert late == sorted(late)
    assert worse == sorted(worse)
    assert worse[0][1] > 100
    assert len({latency for (latency,) in late}) == 2


def test_a_memory_load_takes_what_it_says_and_gives_it_back(play: Play) -> None:
    told = measured(
        play, "stress kind=memory level=30 seconds=1", "stress kind=memory level=80 seconds=1", "perf op=alloc n=10"
    )
    (_, _, third), (_, _, most) = figures(told, "STRESS:LOAD_APPLIED")
    assert 28 <= third <= 40
    assert 78 <= most <= 90
    ((in_use, peak, _),) = figures(told, "PERF:MEMORY")
    assert peak > 10 * in_use


def test_percentiles_rise_and_bound_the_throughput(play: Play) -> None:
    told = measured(play, *WINDOW, *(f"perf op={name} n=100" for name in OPERATIONS))
    samples, rates = figures(told, "PERF:SAMPLE"), figures(told, "PERF:THROUGHPUT")
    highest = figures(told, "PERF:REPORT")
    for number, (rate,) in enumerate(rates):
        us = [value for value, _ in samples[3 * number : 3 * number + 3]]
        assert [p for _, p in samples[3 * number : 3 * number + 3]] == [50, 90, 99]
        assert us == sorted(us)
        assert us[2] <= highest[number][0]
        assert rate <= 1_000_000 / (us[0] / 2), "half of them take at least the median"
    assert len({rate for (rate,) in rates}) == len(rates) == len(OPERATIONS)


@pytest.mark.parametrize(
    "commands",
    [
        [f"perf op={operation} n=7" for operation in OPERATIONS],
        [f"stress kind={kind} level=9 seconds=1" for kind in ("cpu", "memory", "disk")],
        ["stress kind=clients level=9 seconds=1"],
    ],
    ids=["perf", "stress", "clients"],
)
def test_measuring_leaves_the_scene_as_it_was(play: Play, commands: list[str]) -> None:
    outcome = play(
        ScenarioBuilder("scene", image=DISK_IMAGE)
        .rules("PERF", "STRESS", "DISK")
        .boot()
        .command(*WINDOW, "create id=2 x=200 y=200 w=300 h=200 color=8a3ea5", "frames n=3")
        .command(*commands, timeout=3 * TIMEOUTS.control_reply)
        .command("frames n=2", "verify check=windows want=2", "verify check=focus want=2")
        .check_frame("afterwards")
    )
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    told = markers(outcome)
    assert not [line for line in told if line.endswith(":fail")]


def test_more_clients_cost_more_time_and_delay_more_frames(play: Play) -> None:
    told = measured(play, *WINDOW, *(f"stress kind=clients level={level} seconds=1" for level in (2, 12)))
    ((_, few, _), (_, many, _)), ((soon,), (late,)) = (
        figures(told, "STRESS:LOAD_APPLIED"),
        figures(told, "STRESS:LATENCY_SAMPLE"),
    )
    assert many > few
    assert late > soon
    assert len([line for line in told if ":CLIENT_DESTROYED:" in line]) == 14


def test_a_load_that_cannot_be_applied_is_refused_before_anything_happens(tmp_path: Path) -> None:
    told = live(
        tmp_path,
        *WINDOW,
        "stress kind=clients level=96 seconds=1",
        "stress kind=disk level=1 seconds=1",
        "perf op=disk n=1",
    )
    assert told.replies[2:] == ["limit clients", "state disk", "state disk"]
    assert not [line for line in told.markers if ":STRESS:" in line or "RAYOS_STRESS" in line or "RAYOS_PERF" in line]


def test_what_a_present_costs_depends_on_what_it_draws(play: Play) -> None:
    """39 windows over each other cost the compositor more than an empty desktop; the same guest, the same operation."""
    windows = [f"create id={n} x={n * 3} y={n * 2 + 30} w=600 h=500 color=3a6ea5 kind=checker" for n in range(1, 40)]
    told = measured(play, "perf op=present n=30", *windows, "frames n=1", "perf op=present n=30")
    (empty,), (crowded,) = figures(told, "PERF:THROUGHPUT")
    assert crowded != empty
