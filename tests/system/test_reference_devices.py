"""The reference guest's devices together: their verbs, heartbeats on a wire, and runs that are the same to the bit."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.clients.codec import Reply
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .burners import crowded
from .conftest import Play
from .disk_images import DISK_IMAGE, appended
from .reference_session import live, markers, reference

pytestmark = pytest.mark.system


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


WORK = [
    "create id=1 x=60 y=80 w=400 h=240 color=3a6ea5 kind=checker", "animate id=1 on=1", "frames n=5",
    *appended("a", "b"), "disk do=flush", "frames n=5", "perf op=disk n=20",
    "disk do=read seq=2", "net do=start node=1 peers=1", "net do=beat n=5", "query",
]  # fmt: skip


@pytest.mark.long
def test_runs_that_use_disk_and_card_are_the_same_to_the_bit_also_on_a_loaded_host(play: Play) -> None:
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
        with crowded(2 if number >= 2 else 0):
            outcome = play(scenario)
        assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
        found.append((outcome.verdict.fingerprint, markers(outcome)))
    assert found[0][0] is not None
    assert found == [found[0]] * 5
