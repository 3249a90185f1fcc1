"""The bracket around a reset that is meant: when it opens, what it lets through, what closes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.console.socket_port import SocketPort
from harness.errors import LabError, TargetLost
from harness.qmp.session import QmpEvent
from harness.targets import reset as module
from harness.targets.ports import LifePort
from harness.targets.reset import Resetter


class Monitor:
    """A session that does what it is told, resets included, and writes down what that was."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.status = "running"
        self.gone = False
        self.deaf = False
        self._listeners: list[Callable[[QmpEvent], None]] = []
        self._waiting: list[asyncio.Future[QmpEvent]] = []

    def listen(self, listener: Callable[[QmpEvent], None]) -> None:
        self._listeners.append(listener)

    def next_event(self, name: str) -> asyncio.Future[QmpEvent]:
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]

    def reset(self, guest: bool) -> None:
        event = QmpEvent("RESET", {"guest": guest}, 0.0)
        for listener in self._listeners:
            listener(event)
        for future in self._waiting:
            if not future.done():
                future.set_result(event)

    async def execute(self, command: str, **arguments: Any) -> Any:
        if self.gone:
            raise TargetLost("gone")
        self.done.append(" ".join([command, *arguments.values()]))
        if command == "system_reset" and not self.deaf:
            self.reset(guest=False)
        return {"status": self.status}


class Machine:
    """A resetter, the monitor it speaks to, and the far end of its console."""

    def __init__(self, *, keep: bool = True) -> None:
        self.monitor = Monitor()
        near, self.far = socket.socketpair()
        self.console = LifePort()
        self.console.attach(SocketPort(near))
        self.resetter = Resetter(self.monitor, self.console, keep=keep)  # type: ignore[arg-type]

    @property
    def forbidden(self) -> bool:
        """Whether the last word was that a reset stops the machine."""
        actions = [line for line in self.monitor.done if line.startswith("set-action")]
        return actions[-1:] != ["set-action reset"]

    async def prints(self, data: bytes) -> None:
        self.far.send(data)
        assert await self.console.read() == data
        await self.resetter.settle()

    async def close(self) -> None:
        await self.console.close()
        self.far.close()


def run(body: Callable[[Machine], Coroutine[Any, Any, None]], **options: bool) -> None:
    async def main() -> None:
        machine = Machine(**options)
        async with asyncio.timeout(20):
            await body(machine)
        await machine.close()

    asyncio.run(main())


def test_a_reset_is_allowed_done_and_let_run() -> None:
    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        assert machine.monitor.done == ["set-action reset", "system_reset", "query-status"]

    run(body)


def test_a_machine_that_had_been_stopped_runs_afterwards() -> None:
    async def body(machine: Machine) -> None:
        machine.monitor.status = "prelaunch"
        await machine.resetter.reset()
        assert machine.monitor.done[-1] == "cont"

    run(body)


def test_the_firmwares_own_resets_pass_until_the_guest_speaks() -> None:
    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        for _ in range(12):
            machine.monitor.reset(guest=True)
            await machine.resetter.settle()
            assert not machine.forbidden
        await machine.prints(b"x")
        assert machine.forbidden

    run(body)


def test_what_the_boot_before_had_printed_is_not_the_guests_first_word() -> None:
    async def body(machine: Machine) -> None:
        machine.far.send(b"old")
        await machine.resetter.reset()
        assert await machine.console.read() == b"old"
        await machine.resetter.settle()
        assert not machine.forbidden
        await machine.prints(b"n")
        assert machine.forbidden

    run(body)


def test_a_silent_loop_of_resets_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRMWARE_RESETS", 3)

    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        for number in range(4):
            assert not machine.forbidden, number
            machine.monitor.reset(guest=True)
            await machine.resetter.settle()
        assert machine.forbidden

    run(body)


def test_a_second_reset_while_the_first_ones_bracket_is_open_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRMWARE_RESETS", 3)

    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        for _ in range(2):
            machine.monitor.reset(guest=True)
        await machine.resetter.reset()
        for _ in range(3):
            machine.monitor.reset(guest=True)
        await machine.resetter.settle()
        assert not machine.forbidden

    run(body)


def test_without_a_machine_to_keep_nothing_is_bracketed() -> None:
    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        await machine.prints(b"x")
        assert machine.monitor.done == ["system_reset", "query-status"]

    run(body, keep=False)


def test_a_machine_that_does_not_reset_is_the_labs_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "host", lambda seconds: 0.01)

    async def body(machine: Machine) -> None:
        machine.monitor.deaf = True
        with pytest.raises(LabError, match="did not reset"):
            await machine.resetter.reset()

    run(body)


def test_a_qemu_that_goes_while_the_bracket_closes_is_no_error() -> None:
    async def body(machine: Machine) -> None:
        await machine.resetter.reset()
        machine.monitor.gone = True
        await machine.prints(b"x")

    run(body)
