"""What happens before there is a judge is told to it in the order in which it happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from harness.console.types import Chunk
from harness.engine.opening import Opening
from harness.errors import LabError
from harness.evidence.journal import Event, Journal
from harness.scenario.looking import Boot
from harness.scenario.model import Scenario


class Port:
    """A console that says these pieces and then ends."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def unread(self) -> int:
        return sum(map(len, self._pieces))


class Machine:
    """A target with such a console."""

    def __init__(self, journal: Journal, *pieces: bytes, refuses: bool = False) -> None:
        self.console = Port(*pieces)
        self._journal = journal
        self._refuses = refuses

    async def go(self) -> None:
        if self._refuses:
            raise LabError("it does not go")
        self._journal.append("qmp.event", name="RESUME")


class Judge:
    """Hears everything; writes an event of its own when it hears the first bytes."""

    def __init__(self, journal: Journal) -> None:
        self.heard: list[str] = []
        self._journal = journal

    def on_event(self, event: Event) -> None:
        self.heard.append(event.kind)

    def on_chunk(self, chunk: Chunk) -> None:
        self.heard.append(chunk.data.decode())
        if chunk.offset == 0:
            self._journal.append("note", text="heard")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


SCENARIO = Scenario(name="s", steps=(Boot(),))


def test_a_late_judge_hears_all_in_order_and_then_what_comes(journal: Journal, tmp_path: Path) -> None:
    async def main() -> list[str]:
        opening = Opening(journal)
        journal.append("run.start")
        machine = Machine(journal, b"one", b"two")
        await opening.let_go(cast(Any, machine), SCENARIO, tmp_path / "serial.bin")
        await opening.pump
        judge = Judge(journal)
        opening.tell(cast(Any, judge))
        await opening.power_on()
        journal.append("run.end")
        await opening.close()
        return judge.heard

    heard = asyncio.run(main())
    first = heard.index("one")
    assert heard[:2] == ["run.start", "step.begin"]
    assert heard[first - 1] == "serial"
    assert heard.index("two") > first
    assert heard[-2:] == ["note", "run.end"]  # what the judge's own hearing caused comes behind what was kept
    assert (tmp_path / "serial.bin").read_bytes() == b"onetwo"


def test_a_machine_that_cannot_be_let_go_fails_the_step_that_lets_it_go(journal: Journal, tmp_path: Path) -> None:
    async def main() -> None:
        opening = Opening(journal)
        await opening.let_go(cast(Any, Machine(journal, refuses=True)), SCENARIO, tmp_path / "serial.bin")
        try:
            with pytest.raises(LabError, match="does not go"):
                await opening.power_on()
        finally:
            await opening.close()

    asyncio.run(main())


def test_an_interruption_before_the_machine_is_up_ends_the_wait(journal: Journal) -> None:
    async def main() -> None:
        opening = Opening(journal)
        never: asyncio.Task[None] = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
        asyncio.get_running_loop().call_soon(lambda: journal.append("run.interrupted", signal="SIGINT"))
        assert not await opening.up(never)
        await asyncio.sleep(0)
        assert never.cancelled()

    asyncio.run(main())
