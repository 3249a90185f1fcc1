"""Faults of the network card of a single guest: the test is the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.engine.context import Context
from harness.evidence.journal import Event
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import NetworkDelay, NetworkDown
from harness.scenario.faulting import Fault, Until
from harness.verdicts import Verdict

from .conftest import Play
from .faulted import cause, events, fault, passed

pytestmark = pytest.mark.system
START = "net do=start node=1 peers=1"


class Wire:
    """The far end of the guest's card; heartbeats that came, by their counter (docs/reference-guest.md)."""

    def __init__(self, folder: Path) -> None:
        self.guest, self.ours = folder / "guest", folder / "ours"
        self.heard: list[int] = []
        self.heard_at: dict[str, int] = {}  # how many had come at a command's answer, by the command's number
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.ours))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while frame := self._socket.recv(65536):
            if frame[12:18] == b"\x88\xb5RHB1"[:6]:
                self.heard.append(int.from_bytes(frame[22:30], "little"))

    def note(self, ctx: Context) -> None:
        """Called as the run starts."""

        def on(event: Event) -> None:
            if event.kind == "control.reply":
                self.heard_at[str(event.data["cseq"])] = len(self.heard)

        ctx.journal.listen(on)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.ours))
        self._thread.join()
        self._socket.close()


@contextmanager
def wire(folder: Path) -> Iterator[Wire]:
    made = Wire(folder)
    try:
        yield made
    finally:
        made.close()


def guest(name: str, far: Wire, *faults: Fault) -> ScenarioBuilder:
    places = f"local.type=unix,local.path={far.guest},remote.type=unix,remote.path={far.ours}"
    return (
        ScenarioBuilder(name, image="reference")
        .set(
            machine__devices=["VGA,romfile=", "virtio-net-pci,netdev=wire,id=net0,romfile="],
            machine__extra=["-netdev", f"dgram,id=wire,{places}"],
        )
        .faults(*faults)
    )


@pytest.fixture
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(tmp_path_factory.mktemp("w")) as made:
        yield made


def test_a_card_without_carrier_tells_its_guest_and_has_it_back_afterwards(play: Play, far: Wire) -> None:
    down = fault(NetworkDown(), rendezvous=2, until=Until(marker="RAYOS_NET:CARRIER:down"))
    scenario = guest("down", far, down).boot().command(f"{START} always=1")
    scenario.expect(order=["RAYOS_NET:CARRIER:down", "RAYOS_NET:CARRIER:up"])
    passed(play(scenario, clock="wall"))


def test_a_silent_partition_lets_nothing_through_until_it_is_over(play: Play, far: Wire) -> None:
    silent = fault(NetworkDown(silent=True), rendezvous=3, until=Until(rendezvous=1))
    scenario = guest("silent", far, silent).boot().command(START, *["net do=beat n=10"] * 3)
    outcome = passed(play(scenario.check_frame("right")))
    assert far.heard == [*range(1, 11), *range(21, 31)]
    told = [event.data["payload"] for event in events(outcome, "control.reply")]
    assert "sent=20 " in told[2]  # the guest was told nothing: it has sent them


def test_a_delay_holds_frames_back_and_loses_none(play: Play, far: Wire) -> None:
    late = fault(NetworkDelay(delay_ms=60_000), rendezvous=3, until=Until(rendezvous=1))
    scenario = guest("late", far, late).boot().command(START, *["net do=beat n=10"] * 3)
    passed(play(scenario.check_frame("right"), on_start=far.note, clock="wall"))
    assert far.heard == list(range(1, 31))
    assert far.heard_at["3"] <= 10


@pytest.mark.long
def test_a_delay_in_the_virtual_clock_makes_the_run_inconclusive(play: Play, far: Wire) -> None:
    outcome = play(guest("late", far, fault(NetworkDelay(), rendezvous=1)).boot().command("query"))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")


def test_a_card_that_is_not_there_makes_the_run_inconclusive(play: Play) -> None:
    scenario = ScenarioBuilder("none", image="reference").boot().command("query")
    outcome = play(scenario.faults(fault(NetworkDown(), rendezvous=1)))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "fault-impossible")
