"""The serial target against a guest whose port QEMU exposes as a pty and as a TCP socket."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.boards.target import Board, Power, SerialTarget, load_board
from harness.errors import LabError, TargetLost
from harness.evidence.journal import Journal, read_events
from harness.targets.profile import Guest, Machine, Profile
from harness.targets.qemu import QemuTarget

from .sectors import ECHO, image, profile, sector

pytestmark = pytest.mark.system

COM2 = 0x2F8
HALF = 'call getc\nmovw $half, %si\ncall puts\n1: hlt\njmp 1b\nhalf: .asciz "AK:START:1:2\\r\\n"'


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main

    asyncio.run(bounded())


class Wire:
    """How a QEMU shows its second serial port to the world, at an address that stays the same over its lives."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.link = folder / "ttyBOARD"
        self.port = 0

    @property
    def url(self) -> str:
        return str(self.link) if self.kind == "pty" else f"socket://127.0.0.1:{self.port}"

    def argv(self) -> tuple[str, ...]:
        tcp = f"socket,id=line,host=127.0.0.1,port={self.port},server=on,wait=off"
        return ("-chardev", "pty,id=line" if self.kind == "pty" else tcp, "-serial", "chardev:line")

    async def plug(self, machine: QemuTarget) -> None:
        """Learn where the port is, and (as udev would) put the link there."""
        assert machine.qmp is not None
        chardevs = await machine.qmp.execute("query-chardev")
        (place,) = [chardev["filename"] for chardev in chardevs if chardev["label"] == "line"]
        if self.kind == "pty":
            self.link.symlink_to(place.removeprefix("pty:"))
        else:
            found = re.search(r":(\d+),", place)
            assert found is not None
            self.port = int(found[1])

    def pull(self) -> None:
        self.link.unlink(missing_ok=True)


@pytest.fixture(params=["pty", "tcp"])
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Wire:
    return Wire(request.param, tmp_path)


@asynccontextmanager
async def board(folder: Path, wire: Wire, content: bytes) -> AsyncIterator[QemuTarget]:
    """A QEMU that stands for the board: paused, its port plugged in."""
    guest = profile(image(folder, content), machine=Machine(memory_mb=32, extra=wire.argv()))
    machine = QemuTarget(replace(guest, guest=Guest(display=False)))
    journal = Journal(folder / "board.jsonl")
    await machine.start(journal)
    try:
        await wire.plug(machine)
        yield machine
    finally:
        await machine.stop()
        wire.pull()
        journal.close()


async def until(target: SerialTarget, text: bytes) -> None:
    seen = b""
    while not seen.endswith(text):
        seen += await target.console.read()


def test_a_guest_is_heard_from_its_first_byte_and_answers(tmp_path: Path, wire: Wire) -> None:
    async def main() -> None:
        async with board(tmp_path, wire, sector(ECHO, port=COM2)) as machine:
            journal = Journal(tmp_path / "journal.jsonl")
            target = SerialTarget(Board(name="b", url=wire.url), Profile(name="p"))
            await target.start(journal)
            await machine.go()
            await until(target, b"hello\r\n")
            for byte in b"RAYOS_":
                await target.console.write(bytes([byte]))
                assert await target.console.read() == bytes([byte + 1])
            assert (await target.stop()).asked
            journal.close()

    run(main())


def test_a_board_that_dies_in_mid_marker_is_lost(tmp_path: Path, wire: Wire) -> None:
    async def main() -> None:
        async with board(tmp_path, wire, sector(HALF, banner="RAYOS_SO", port=COM2)) as machine:
            journal = Journal(tmp_path / "journal.jsonl")
            target = SerialTarget(Board(name="b", url=wire.url), Profile(name="p"))
            await target.start(journal)
            await machine.go()
            await until(target, b"RAYOS_SO")
            await machine.stop()
            with pytest.raises(TargetLost, match="went away"):
                await target.console.read()
            assert not (await target.wait_exit()).asked
            await target.stop()
            journal.close()

    run(main())


def test_a_board_that_dies_in_mid_marker_and_comes_back_is_heard_again(tmp_path: Path, wire: Wire) -> None:
    content = sector(HALF, banner="RAYOS_SO", port=COM2)

    async def main() -> None:
        journal = Journal(tmp_path / "journal.jsonl")
        lost, back = asyncio.Event(), asyncio.Event()
        journal.listen(lambda event: {"port.lost": lost, "port.back": back}.get(event.kind, asyncio.Event()).set())
        async with board(tmp_path, wire, content) as machine:
            target = SerialTarget(Board(name="b", url=wire.url, reattach=30), Profile(name="p"))
            await target.start(journal)
            await machine.go()
            await until(target, b"RAYOS_SO")
        reading = asyncio.create_task(until(target, b"RAYOS_SOAK:START:1:2\r\n"))
        await lost.wait()
        async with board(tmp_path, wire, content) as machine:
            await back.wait()
            await machine.go()
            await target.console.write(b"g")
            await reading
            assert (await target.stop()).asked
        journal.close()

    run(main())
    kinds = [event.kind for event in read_events(tmp_path / "journal.jsonl")]
    assert kinds == ["target.start", "port.lost", "port.back"]


def test_a_port_where_nobody_listens_is_the_labs_fault(tmp_path: Path) -> None:
    wire = Wire("tcp", tmp_path)

    async def main() -> None:
        async with board(tmp_path, wire, sector(ECHO, port=COM2)):
            pass
        target = SerialTarget(Board(name="b", url=wire.url), Profile(name="p"))
        with pytest.raises(LabError, match="cannot connect"):
            await target.start(Journal(tmp_path / "journal.jsonl"))

    run(main())


SWITCH = """
import json, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
lines = sock.makefile("rw")
lines.readline()
for command in ("qmp_capabilities", sys.argv[2]):
    lines.write(json.dumps({"execute": command}) + "\\n")
    lines.flush()
    while "return" not in json.loads(lines.readline()):
        pass
"""


def test_power_commands_switch_a_machine(tmp_path: Path) -> None:
    """The commands speak to a second monitor of the QEMU that stands for the board, as they would to a relay."""
    wire = Wire("pty", tmp_path)
    (tmp_path / "switch.py").write_text(SWITCH)

    def command(what: str) -> tuple[str, ...]:
        return (sys.executable, str(tmp_path / "switch.py"), str(tmp_path / "relay"), what)

    relay = ("-qmp", f"unix:{tmp_path}/relay,server=on,wait=off")
    file = tmp_path / "desk.toml"

    async def main() -> None:
        wire_argv = wire.argv
        wire.argv = lambda: (*wire_argv(), *relay)  # type: ignore[method-assign]
        async with board(tmp_path, wire, sector(ECHO, port=COM2)) as machine:
            power = Power(on=command("cont"), off=command("stop"), reset=command("query-status"))
            words = {key: json.dumps(list(getattr(power, key))) for key in ("on", "off", "reset")}
            table = "\n".join(f"{key} = {value}" for key, value in words.items())
            file.write_text(f'name = "desk"\nurl = "{wire.url}"\n[power]\n{table}\n')
            target = load_board(file, Profile(name="p"))
            assert target.board.power == power
            journal = Journal(tmp_path / "journal.jsonl")
            await target.start(journal)
            assert machine.qmp is not None
            assert (await machine.qmp.execute("query-status"))["status"] == "prelaunch"
            await target.go()
            await until(target, b"hello\r\n")
            await target.reset()
            await target.stop()
            assert (await machine.qmp.execute("query-status"))["status"] == "paused"
            journal.close()

    run(main())
