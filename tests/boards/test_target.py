"""Boards: their file, their power, their port that comes and goes. The port is a pty here."""

from __future__ import annotations

import asyncio
import json
import os
import tty
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.boards.loader import LoaderDialogue
from harness.boards.model import Exchange
from harness.boards.target import Board, BoardPort, Power, SerialTarget, load_board
from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Journal, read_events
from harness.targets.base import Capability
from harness.targets.profile import Guest, Profile

PROFILE = Profile(name="image")


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main

    asyncio.run(bounded())


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    """The board's end, and the path of ours."""
    master, slave = os.openpty()
    tty.setraw(master)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal.jsonl")
    yield made
    made.close()


def kinds(tmp_path: Path) -> list[str]:
    return [event.kind for event in read_events(tmp_path / "journal.jsonl")]


def test_bytes_pass_both_ways(pty: tuple[int, str], journal: Journal) -> None:
    master, path = pty

    async def main() -> None:
        target = SerialTarget(Board(name="b", url=path), PROFILE)
        await target.start(journal)
        await target.go()
        os.write(master, b"from the board\r\n")
        assert await target.console.read() == b"from the board\r\n"
        await target.console.write(b"to it")
        assert os.read(master, 100) == b"to it"
        waiting = asyncio.create_task(target.wait_exit())
        assert (await target.stop()).asked
        assert (await waiting).asked
        assert await target.console.read() == b""
        await target.stop()

    run(main())


def test_power_is_switched_by_the_users_commands_without_a_shell(
    pty: tuple[int, str], journal: Journal, tmp_path: Path
) -> None:
    log = tmp_path / "power.log"

    def command(what: str) -> tuple[str, ...]:
        return ("python3", "-c", f"open({str(log)!r}, 'a').write({what!r} + '\\n')", "$(false)")

    async def main() -> None:
        power = Power(on=command("on"), off=command("off"), reset=command("reset"))
        target = SerialTarget(Board(name="b", url=pty[1], power=power), PROFILE)
        assert {Capability.POWER, Capability.RELAUNCH} <= target.capabilities
        await target.start(journal)
        assert not log.exists()  # nothing is switched before `go`
        await target.go()
        await target.reset()
        await target.relaunch()
        await target.stop()
        await target.stop()

    run(main())
    assert log.read_text().split() == ["on", "reset", "off", "on", "off"]
    assert kinds(tmp_path).count("power") == 5


def test_a_board_without_reset_is_switched_off_and_on(pty: tuple[int, str], journal: Journal, tmp_path: Path) -> None:
    async def main() -> None:
        target = SerialTarget(Board(name="b", url=pty[1], power=Power(on=("true",), off=("true",))), PROFILE)
        await target.start(journal)
        await target.reset()
        await target.stop()

    run(main())
    events = [event.data["what"] for event in read_events(tmp_path / "journal.jsonl") if event.kind == "power"]
    assert events == ["off", "on"]


def test_a_board_without_power_commands_is_left_as_it_is(pty: tuple[int, str], journal: Journal) -> None:
    async def main() -> None:
        target = SerialTarget(Board(name="b", url=pty[1]), PROFILE)
        assert target.capabilities == {Capability.CONSOLE_INPUT}
        await target.start(journal)
        await target.go()
        with pytest.raises(UsageError, match="cannot be powered off and on"):
            await target.reset()
        await target.stop()

    run(main())


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("sh", "-c", "echo relay is offline >&2; exit 4"), "failed with status 4: relay is offline"),
        (("sleep", "60"), "did not end within 0.1 s"),
    ],
)
def test_a_power_command_that_fails_is_the_labs_fault(
    pty: tuple[int, str], journal: Journal, command: tuple[str, ...], problem: str
) -> None:
    async def main() -> None:
        power = Power(on=command, off=("true",), timeout=0.1)
        target = SerialTarget(Board(name="b", url=pty[1], power=power), PROFILE)
        await target.start(journal)
        with pytest.raises(LabError, match=problem):
            await target.go()
        await target.stop()

    run(main())


def test_a_board_that_cannot_be_switched_off_at_the_end_is_noted(
    pty: tuple[int, str], journal: Journal, tmp_path: Path
) -> None:
    async def main() -> None:
        target = SerialTarget(Board(name="b", url=pty[1], power=Power(on=("true",), off=("false",))), PROFILE)
        await target.start(journal)
        await target.go()
        assert (await target.stop()).asked

    run(main())
    (note,) = [event for event in read_events(tmp_path / "journal.jsonl") if event.kind == "note"]
    assert "stayed on" in note.data["text"]


class Cable:
    """A pty at a fixed path that can be pulled out and put in again, as udev would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: tuple[int, int] | None = None

    def plug(self) -> None:
        self._ends = os.openpty()
        tty.setraw(self._ends[0])
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def pull(self) -> None:
        assert self._ends is not None
        self.path.unlink()
        os.close(self._ends[1])
        os.close(self._ends[0])

    def send(self, data: bytes) -> None:
        assert self._ends is not None
        os.write(self._ends[0], data)

    def receive(self) -> bytes:
        assert self._ends is not None
        return os.read(self._ends[0], 100)


def test_a_port_that_goes_away_is_a_lost_target_and_the_exit_says_so(tmp_path: Path, journal: Journal) -> None:
    cable = Cable(tmp_path / "ttyBOARD")
    cable.plug()

    async def main() -> None:
        target = SerialTarget(Board(name="b", url=str(cable.path)), PROFILE)
        await target.start(journal)
        waiting = asyncio.create_task(target.wait_exit())
        cable.send(b"RAYOS_SO")
        assert await target.console.read() == b"RAYOS_SO"
        cable.pull()
        with pytest.raises(TargetLost, match="went away"):
            await target.console.read()
        assert not (await waiting).asked
        assert not (await target.stop()).asked

    run(main())
    assert kinds(tmp_path) == ["target.start", "port.lost"]


def test_a_port_that_comes_back_in_time_goes_on(tmp_path: Path, journal: Journal) -> None:
    cable = Cable(tmp_path / "ttyBOARD")
    cable.plug()

    async def main() -> None:
        target = SerialTarget(Board(name="b", url=str(cable.path), reattach=10), PROFILE)
        await target.start(journal)
        waiting = asyncio.create_task(target.wait_exit())
        cable.send(b"RAYOS_SO")
        assert await target.console.read() == b"RAYOS_SO"
        cable.pull()
        reading = asyncio.create_task(target.console.read())
        lost = asyncio.Event()
        journal.listen(lambda event: lost.set() if event.kind == "port.lost" else None)
        await lost.wait()
        back = asyncio.Event()
        journal.listen(lambda event: back.set() if event.kind == "port.back" else None)
        cable.plug()
        await back.wait()
        cable.send(b"AK:START:1:2\n")
        assert await reading == b"AK:START:1:2\n"
        assert not waiting.done()
        await target.stop()
        assert (await waiting).asked

    run(main())
    assert kinds(tmp_path) == ["target.start", "port.lost", "port.back"]
    cable.pull()


def test_what_is_sent_while_the_port_is_away_arrives_once_it_is_back(tmp_path: Path, journal: Journal) -> None:
    cable = Cable(tmp_path / "ttyBOARD")
    cable.plug()

    async def main() -> None:
        target = SerialTarget(Board(name="b", url=str(cable.path), reattach=10), PROFILE)
        await target.start(journal)
        cable.pull()
        lost = asyncio.Event()
        journal.listen(lambda event: lost.set() if event.kind == "port.lost" else None)
        reading = asyncio.create_task(target.console.read())
        await lost.wait()
        writing = asyncio.create_task(target.console.write(b"run\r"))
        cable.plug()
        await writing
        assert cable.receive() == b"run\r"
        await target.stop()
        assert await reading == b""
        with pytest.raises(TargetLost):
            await target.console.write(b"after the end")

    run(main())
    assert kinds(tmp_path) == ["target.start", "port.lost", "port.back"]
    cable.pull()


def test_a_port_that_does_not_come_back_ends_the_run(tmp_path: Path, journal: Journal) -> None:
    cable = Cable(tmp_path / "ttyBOARD")
    cable.plug()

    async def main() -> None:
        target = SerialTarget(Board(name="b", url=str(cable.path), reattach=0.05), PROFILE)
        await target.start(journal)
        cable.pull()
        with pytest.raises(TargetLost, match="did not come back"):
            await target.console.read()
        assert not (await target.wait_exit()).asked
        await target.stop()

    run(main())


def test_a_missing_port_is_the_labs_fault_and_leaves_nothing_open(tmp_path: Path, journal: Journal) -> None:
    async def main() -> None:
        target = SerialTarget(Board(name="b", url=str(tmp_path / "missing")), PROFILE)
        with pytest.raises(LabError, match="cannot open the serial port"):
            await target.start(journal)
        assert (await target.stop()).returncode is None

    run(main())


def test_control_may_ride_inline_or_on_a_port_of_its_own(pty: tuple[int, str], journal: Journal) -> None:
    inline = Profile(name="image", guest=Guest(control="inline"))
    assert Capability.CONTROL in SerialTarget(Board(name="b", url="x"), inline).capabilities
    assert Capability.CONTROL not in SerialTarget(Board(name="b", url="x"), PROFILE).capabilities

    async def main() -> None:
        second, slave = os.openpty()
        tty.setraw(second)
        target = SerialTarget(Board(name="b", url=pty[1], control_url=os.ttyname(slave)), PROFILE)
        assert Capability.CONTROL in target.capabilities
        await target.start(journal)
        assert target.control is not None
        await target.control.write(b"~C")
        assert os.read(second, 10) == b"~C"
        await target.stop()
        os.close(slave)
        os.close(second)

    run(main())


def test_a_boards_file_is_read_and_every_mistake_told(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(
        'name = "desk"\nurl = "/dev/ttyUSB0"\nreattach = 5\n[power]\non = ["relay", "1"]\noff = ["relay", "0"]\n'
    )
    target = load_board(path, PROFILE)
    assert target.board == Board(
        name="desk", url="/dev/ttyUSB0", reattach=5.0, power=Power(on=("relay", "1"), off=("relay", "0"))
    )
    path.write_text('name = "desk"\nurl = "u"\nbaut = 9600\n[power]\non = "relay 1"\n')
    with pytest.raises(UsageError) as caught:
        load_board(path, PROFILE)
    assert caught.value.what.replace(str(path), "F").splitlines() == [
        "F:3: unknown key 'baut' at the top level (did you mean 'baud'?)",
        "F:5: power.on: should be a valid array, not 'relay 1'",
    ]
    path.write_text('name = "desk"\nurl = "u"\nbaud = 0\nreattach = -1\n[power]\non = ["x"]\ntimeout = 0\n')
    with pytest.raises(UsageError) as caught:
        load_board(path, PROFILE)
    assert caught.value.what.replace(str(path), "F").splitlines() == [
        "F:3: baud: should be more than 0, not 0",
        "F:4: reattach: should not be less than 0",
        "F:5: on and off belong together: give both or none",
        "F:7: power.timeout: should be more than 0, not 0.0",
    ]


def test_what_goes_to_the_journal_is_json(pty: tuple[int, str], journal: Journal, tmp_path: Path) -> None:
    async def main() -> None:
        target = SerialTarget(Board(name="b", url=pty[1]), PROFILE)
        await target.start(journal)
        await target.stop()

    run(main())
    (event,) = read_events(tmp_path / "journal.jsonl")
    assert json.loads(event.to_json())["url"] == pty[1]


def test_a_port_that_is_lost_while_the_boot_loader_is_answered_is_waited_for(tmp_path: Path, journal: Journal) -> None:
    class Flaky:
        """Reads a prompt, loses the first answer, and comes back."""

        name = "tty"
        lives, sent = 0, b""

        async def read(self) -> bytes:
            return b"stop autoboot? "

        async def write(self, data: bytes) -> None:
            if not self.lives:
                raise TargetLost("tty went away")
            self.sent += data

        async def reattach(self, timeout: float) -> None:
            self.lives += 1

    async def main() -> None:
        talks = LoaderDialogue([Exchange(expect="autoboot", send="s\n")])
        talks.restart()
        port = BoardPort(Board(name="b", url="tty", reattach=5), "tty", journal, lambda: None, talks)
        port._port = flaky = Flaky()  # type: ignore[assignment]
        assert await port.read() == b"stop autoboot? "
        assert (flaky.lives, flaky.sent) == (1, b"s\n")

    run(main())
    assert [kind for kind in kinds(tmp_path) if kind.startswith("port.")] == ["port.lost", "port.back"]


def test_a_board_whose_power_command_failed_half_way_is_switched_off_at_the_end(
    pty: tuple[int, str], journal: Journal, tmp_path: Path
) -> None:
    async def main() -> None:
        power = Power(on=("sh", "-c", "exit 1"), off=("touch", str(tmp_path / "off")))
        target = SerialTarget(Board(name="b", url=pty[1], power=power), PROFILE)
        await target.start(journal)
        with pytest.raises(LabError):
            await target.go()
        await target.stop()

    run(main())
    assert (tmp_path / "off").exists()


def test_a_board_is_not_dead_while_its_power_command_still_runs(
    pty: tuple[int, str], journal: Journal, tmp_path: Path
) -> None:
    async def main() -> None:
        power = Power(on=("sleep", "0.3"), off=("true",), dead=0.1, tries=1)
        target = SerialTarget(Board(name="b", url=pty[1], power=power), PROFILE)
        await target.start(journal)
        await target.go()
        assert "board.dead" not in kinds(tmp_path)
        await target.stop()

    run(main())
