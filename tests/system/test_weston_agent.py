"""The Weston guest's agent: plans, ways to command it, loads, limits, files, commands in the guest (docs/weston.md)."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import socket
from contextlib import closing
from pathlib import Path

import pytest

from harness.clients.guest_files import Ran, fetch_file, run_command, send_file
from harness.engine.run import RunOutcome
from harness.errors import LabError
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.targets.argv import GuestPort
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status
from harness.timeouts import host
from harness.verdicts import Verdict

from .conftest import Play
from .weston_session import WestonSession, weston

ROOT = Path(__file__).parents[2]
BOOT = 300  # s: 5 with a core to itself, 100 were not enough with twenty-five busy processes for two cores
SEALED = re.compile(rb"^RAYOS_[^*\n]*\*[0-9A-F]{6}$", re.MULTILINE)
pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """The image, built of packages that apt downloads, unless it is there."""
    profile = find_image("weston")
    if status(profile).readiness is not Readiness.READY:
        build(profile, force=False)


def markers(outcome: RunOutcome, beginning: str) -> list[str]:
    text = (outcome.bundle.path / "serial.bin").read_text(errors="replace")
    return [line.split("*")[0] for line in text.splitlines() if line.startswith(beginning)]


# ---- plans ----------------------------------------------------------------------------------------------------------


def test_eight_clients_300_frames_and_input_by_a_plan_are_the_same_run_five_times(play: Play) -> None:
    (scenario,) = collect([ROOT / "scenarios/weston/desk-by-plan.toml"])
    outcomes = [play(scenario) for _ in range(5)]
    assert [o.verdict.verdict for o in outcomes] == [Verdict.PASS] * 5, [o.verdict.first_cause for o in outcomes]
    first = outcomes[0]
    assert first.verdict.fingerprint is not None
    assert {o.verdict.fingerprint for o in outcomes} == {first.verdict.fingerprint}
    assert len({(o.bundle.path / "serial.bin").read_bytes() for o in outcomes}) == 1
    pictures = [[e.data["digest"] for e in read_events(o.bundle.journal) if e.kind == "frame"] for o in outcomes]
    assert len(pictures[0]) == 1
    assert all(picture == pictures[0] for picture in pictures)
    assert len(markers(first, "RAYOS_SOAK:CLIENT_CREATED")) == 8


def test_a_plan_that_the_guest_refuses_ends_the_run_and_never_passes(play: Play) -> None:
    scenario = (
        ScenarioBuilder("refused", image="weston").set(boot__plan=["query", "create id=1 x=0"]).boot(timeout=BOOT)
    )
    outcome = play(scenario.check_frame("none", against="clients"))
    assert outcome.verdict.verdict not in {Verdict.PASS, Verdict.SKIPPED}
    assert markers(outcome, "RAYOS_KIT:PLAN") == ["RAYOS_KIT:PLAN:2:refused"]
    assert outcome.verdict.host_s < BOOT


# ---- ways to command it ---------------------------------------------------------------------------------------------


def test_it_is_commanded_between_the_markers_of_its_console_where_that_is_the_only_line(play: Play) -> None:
    words = find_image("weston").boot.cmdline
    keys = {"guest.control": "inline", "boot.cmdline": f"{words} control=inline"}
    scenario = ScenarioBuilder("inline", image="weston").set(**keys).boot(timeout=BOOT)
    scenario.command("create id=1 x=40 y=60 w=240 h=160").command("dance", refused="verb").command("frames n=10")
    outcome = play(scenario.check_frame("one", against="clients").shutdown())
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.markers_lost == 0


# ---- what it tells, measures, limits and loads ----------------------------------------------------------------------


def told_loaded_and_limited() -> ScenarioBuilder:
    """One boot for all of it, commanded over a virtserialport, the loads in guest time."""
    scenario = ScenarioBuilder("agent", image="weston", clock="virtual").set(guest__control="virtserial")
    scenario.boot(timeout=BOOT)
    scenario.command("scenario name=told", "create id=1 x=40 y=60 w=240 h=160", "milestone name=window")
    scenario.command("verify check=windows want=1", "verify check=shown_at_least.1 want=1", "complete")
    scenario.expect(
        "RAYOS_INTEGRATION:SCENARIO_START:told",
        "RAYOS_INTEGRATION:MILESTONE:window",
        "RAYOS_INTEGRATION:VERIFY:shown_at_least.1:pass",
        "RAYOS_INTEGRATION:SCENARIO_COMPLETE:told:pass",
        since="boot",
    )
    for kind, level in (("cpu", 90), ("memory", 40)):
        scenario.command(f"stress kind={kind} level={level} seconds=2", "resources", timeout=120)
        scenario.expect(
            f"RAYOS_STRESS:START:{kind}:{level}",
            f"RAYOS_STRESS:DEGRADATION:{level}",
            "RAYOS_STRESS:COMPLETE:pass",
            "RAYOS_RESOURCES:TOTAL",
            "RAYOS_RESOURCES:PROCESS:1",
            "RAYOS_RESOURCES:PROCESS:240",
        )
    scenario.command("stress kind=disk level=5 seconds=1", refused="state")
    scenario.command("create id=2 x=400 y=60 w=240 h=160", "limit id=2 cpu=20 tasks=8", "limit id=1 memory_kb=256")
    scenario.command("limit id=3 memory_kb=1000", refused="id").command("limit id=2 cpu=0", refused="argument")
    scenario.command("misbehave id=1 how=exhaust", timeout=60)
    scenario.expect("RAYOS_CLIENT:EXIT:1:signal:9", "RAYOS_FAILURE:DETECTED:killed:1", timeout=60)
    return scenario.check_frame("the one within its limits", against="clients")


def test_it_tells_milestones_measures_processes_puts_load_on_the_machine_and_limits_clients(play: Play) -> None:
    outcome = play(told_loaded_and_limited())
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    assert outcome.verdict.markers_lost == 0
    assert not markers(outcome, "RAYOS_STRESS:START:disk"), "it was refused"
    memory = [int(line.split(":")[4]) for line in markers(outcome, "RAYOS_STRESS:LOAD_APPLIED:40")]
    before = [int(line.split(":")[4]) for line in markers(outcome, "RAYOS_STRESS:LOAD_APPLIED:90")]
    assert memory[-1] >= before[-1] + 15, "of the free memory, some 60 percent, 40 percent are held"
    pressure = [float(line.split(":")[2]) for line in markers(outcome, "RAYOS_RESOURCES:PRESSURE")]
    assert pressure[0] > 1, "two of the last ten seconds a client and the compositor had to wait for the processor"
    used = [int(line.split(":")[3]) for line in markers(outcome, "RAYOS_RESOURCES:PROCESS:240")]
    assert used[1] > used[0] > 0, "the compositor's processor time, ms"


# ---- files, commands, a port for markers -----------------------------------------------------------------------------


class MarkerPort:
    """The host's end of a port with little room, which is read only when somebody asks."""

    def __init__(self) -> None:
        self.received = b""

    def plug(self) -> socket.socket:
        self._end, far = socket.socketpair()
        self._end.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return far

    def close(self) -> None:
        self._end.close()

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(host(60)):
            while text not in self.received:
                self.received += await asyncio.get_running_loop().sock_recv(self._end, 65536)


async def files_that_would_never_end(session: WestonSession) -> None:
    holes = "dd of=/tmp/holes bs=1M seek=999999 count=0 2>/dev/null"
    line = f"mkfifo /tmp/fifo; ln -s /dev/zero /tmp/zeroes; {holes}; mkdir /tmp/folder"
    made = await run_command(session.link, line)
    assert made == Ran(0, None, b"")
    for name in ("fifo", "zeroes", "folder"):
        for payload in (f"get name={name} at=0", f"sum name={name}", f"put name={name} at=0 data=QQ=="):
            assert (await session.link.command(payload)).payload == "state name", payload
    assert (await session.link.command("sum name=holes")).payload == "limit name"
    line = base64.b64encode(b"rm /tmp/stdout; mkfifo /tmp/stdout").decode()
    assert (await session.command(f"run line={line}")).words["size"] == "0"
    assert await run_command(session.link, "echo heard") == Ran(0, None, b"heard\n")


async def limits_of_the_one_before(session: WestonSession) -> None:
    await session.command("create id=1 x=40 y=60 w=240 h=160")
    await session.command("limit id=1 memory_kb=65536")
    await session.command("limit id=1 tasks=9")  # to the same client it is one more
    limits = "cd /sys/fs/cgroup/client-1; cat memory.max pids.max"
    assert (await run_command(session.link, limits)).output == b"67108864\n9\n"
    await session.command("destroy id=1")
    await session.command("create id=1 x=40 y=60 w=240 h=160")
    await session.command("limit id=1 cpu=50")
    assert (await run_command(session.link, limits)).output == b"max\nmax\n"
    await session.command("destroy id=1")


def test_files_and_commands_cross_whole_and_markers_on_their_own_port_wait_for_nobody(tmp_path: Path) -> None:
    data = random.Random(5).randbytes(20_011)
    port = MarkerPort()

    async def talk() -> None:
        async with weston(tmp_path, GuestPort(name="org.rayos.markers", plug=port.plug)) as session:
            await send_file(session.link, data, "sent")
            assert await fetch_file(session.link, "sent") == data
            await send_file(session.link, b"", "empty")
            assert await fetch_file(session.link, "empty") == b""
            assert await run_command(session.link, "tr a-z A-Z", b"read and said") == Ran(0, None, b"READ AND SAID")
            assert (await run_command(session.link, "cat /tmp/sent; exit 3")) == Ran(3, None, data)
            assert (await run_command(session.link, "kill -9 $$")).signal == 9
            for line, refused in (("sleep 100", "state slow"), ("x" * 704, "argument line")):
                with pytest.raises(LabError, match=refused):
                    await run_command(session.link, line, seconds=1)
            for payload in ("get name=none at=0", "put name=../x at=0 data=QQ==", "put name=x at=0 data=Q"):
                assert not (await session.link.command(payload)).ok

            # What the kernel says goes to the console alone; every marker is on the port too, whole.
            await run_command(session.link, "echo '<0>an emergency' >/dev/kmsg")
            await session.command("scenario name=first")
            await session.until(lambda: "RAYOS_INTEGRATION:SCENARIO_START:first" in session.markers)
            await port.until(b"SCENARIO_START:first")
            console = (tmp_path / "serial.bin").read_bytes()
            assert b"an emergency" in console
            assert b"an emergency" not in port.received
            assert SEALED.findall(port.received) == SEALED.findall(console)[: len(SEALED.findall(port.received))]
            assert len(SEALED.findall(port.received)) >= 60

            # Nobody reads the port until it is full. The guest goes on, and what is lost there is whole markers.
            for number in range(400):
                await session.command(f"milestone name=unread-{number}")
            await session.command("complete")
            await session.until(lambda: "RAYOS_INTEGRATION:SCENARIO_COMPLETE:first:pass" in session.markers)
            await port.until(b"MILESTONE:unread-0")
            await session.command("scenario name=last")
            await port.until(b"SCENARIO_START:last")
            told, kept = ({*SEALED.findall(text)} for text in ((tmp_path / "serial.bin").read_bytes(), port.received))
            assert len([line for line in told if b":MILESTONE:unread-" in line]) == 400
            assert kept <= told
            assert len(told - kept) >= 100

            await files_that_would_never_end(session)
            await limits_of_the_one_before(session)

    with closing(port):
        asyncio.run(talk())
