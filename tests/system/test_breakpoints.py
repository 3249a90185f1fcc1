"""Breakpoints on symbols of the reference guest: the same instant in every run, and what is done there is felt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from harness.engine.run import RunOutcome, RunRequest
from harness.engine.run import play as play_run
from harness.judge.rejudge import rejudge
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import ClockMode, Scenario
from harness.targets.argv import Launch
from harness.targets.gdbstub import GdbStub, Stop
from harness.targets.loader import find_image
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget
from harness.targets.symbols import Symbols

from .machines import Start, run

pytestmark = pytest.mark.system
Deed = Callable[[QemuTarget, GdbStub, Symbols, Stop], Awaitable[None]]


class Meddled(QemuTarget):
    """Does something at the n-th time that a symbol is reached, and lets the guest go for good."""

    def __init__(self, profile: Profile, symbol: str, hit: int, deed: Deed) -> None:
        super().__init__(profile, Launch(clock="virtual", gdb=True))
        self._symbol, self._hit, self._deed = symbol, hit, deed
        self.work: asyncio.Task[None] | None = None

    async def go(self) -> None:
        assert self.gdb_socket is not None
        gdb, symbols = await GdbStub.connect(self.gdb_socket), Symbols.of_profile(self.profile)
        address = symbols.address(self._symbol)
        await gdb.set_breakpoint(address)
        await super().go()
        gdb.resumed_elsewhere()
        self.work = asyncio.create_task(self._meddle(gdb, symbols, address))

    async def _meddle(self, gdb: GdbStub, symbols: Symbols, address: int) -> None:
        for number in range(self._hit):
            stop = await gdb.stopped()
            assert stop.address == address
            if number < self._hit - 1:
                await gdb.resume()
        await self._deed(self, gdb, symbols, stop)
        await gdb.detach()
        await gdb.close()


def play(folder: Path, scenario: Scenario, symbol: str, hit: int, deed: Deed) -> RunOutcome:
    profile = find_image("reference")
    made: list[Meddled] = []

    def make(image: Profile, _scenario: Scenario, _clock: ClockMode) -> QemuTarget:
        made.append(Meddled(image, symbol, hit, deed))
        return made[0]

    async def main() -> RunOutcome:
        outcome = await play_run(
            RunRequest(scenario=scenario, profile=profile, make_target=make, runs_dir=folder / "runs", clock="virtual")
        )
        assert made[0].work is not None
        assert made[0].work.done(), "the symbol was not reached so often"
        made[0].work.result()
        return outcome

    outcome = asyncio.run(main())
    assert rejudge(outcome.bundle, outcome.scenario).to_json() == outcome.verdict.to_json()
    return outcome


def desk(name: str, expected: str) -> Scenario:
    """Boots, and has a checker animated over frames 2 to 6; then asks the guest for its frame."""
    return (
        ScenarioBuilder(name, image="reference")
        .boot()
        .command(
            "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5 kind=checker", "animate id=1 on=1", "frames n=5", "frame"
        )
        .expect(expected)
        .build()
    )


async def look(target: QemuTarget, gdb: GdbStub, symbols: Symbols, stop: Stop) -> None:
    """What a fault plan would do while the guest stands: ask QMP, read memory, take a picture."""
    assert str(symbols.place(stop.address)) == "present"
    assert target.qmp is not None
    assert (await target.qmp.execute("query-status"))["status"] == "debug"
    frame = await gdb.read(symbols.address("present.c:frame"), 4)
    assert int.from_bytes(frame, "little") == 2  # the third one is about to be presented


async def skip_frames(target: QemuTarget, gdb: GdbStub, symbols: Symbols, stop: Stop) -> None:
    await gdb.write(symbols.address("present.c:frame"), (102).to_bytes(4, "little"))


def test_a_stop_at_the_third_hit_of_a_symbol_leaves_every_run_the_same(tmp_path: Path) -> None:
    runs = [play(tmp_path, desk("looked-at", "RAYOS_FRAME:IDENT:6"), "present", 3, look) for _ in range(3)]
    assert [outcome.verdict.verdict for outcome in runs] == ["PASS"] * 3
    assert len({outcome.verdict.fingerprint for outcome in runs}) == 1
    assert runs[0].verdict.fingerprint is not None


def test_what_is_written_at_a_symbol_is_felt_by_the_guest_each_time_alike(tmp_path: Path) -> None:
    runs = [play(tmp_path, desk("skipped", "RAYOS_FRAME:IDENT:106"), "present", 3, skip_frames) for _ in range(2)]
    assert [outcome.verdict.verdict for outcome in runs] == ["PASS"] * 2
    assert len({outcome.verdict.fingerprint for outcome in runs}) == 1


def test_the_stub_of_a_real_qemu_does_all_that_the_client_offers(start: Start) -> None:
    profile = find_image("reference")
    symbols = Symbols.of_profile(profile)
    present, frame = symbols.address("present"), symbols.address("present.c:frame")

    async def main() -> None:
        async with start(profile, clock="virtual", gdb=True) as machine:
            gdb = await GdbStub.connect(machine.target.gdb_socket)
            assert await gdb.run_to(present) == Stop(5, present)
            registers = await gdb.registers()
            assert (registers.pc, registers["rip"]) == (present, present)
            assert registers.sp > registers.fp - 4096 > 0
            assert await gdb.read(present, 16) == await gdb.read(present, 16, physical=True)  # mapped one to one
            assert (await gdb.step()).address > present
            await gdb.watch(frame, 4)
            await gdb.resume()
            assert (await gdb.stopped(30)).watched == frame
            await gdb.unwatch(frame, 4)
            await gdb.set_breakpoint(present, kind="hardware")
            await gdb.clear_breakpoint(present)
            await gdb.resume()
            seen = b""
            while b"READY:0:" not in seen:
                seen += await machine.target.console.read()
            await machine.qmp.execute("stop")
            assert (await gdb.stopped(30)).signal == 2  # who stops it does not matter: a client is told
            await machine.qmp.execute("cont")
            gdb.resumed_elsewhere()
            assert (await gdb.interrupt()).signal == 2
            await gdb.detach()
            await gdb.close()
            assert (await machine.qmp.execute("query-status"))["status"] == "running"
            again = await GdbStub.connect(machine.target.gdb_socket)  # it runs: connecting stops it
            assert (await machine.qmp.execute("query-status"))["status"] == "paused"
            assert symbols.place((await again.registers()).pc) is not None
            await again.close()

    run(main())
