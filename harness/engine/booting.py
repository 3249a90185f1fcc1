"""A machine that is booted to be saved: to a point that its console tells of, and not an instruction further."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from harness.console.pump import Console
from harness.console.types import BytePort
from harness.engine.commanding import watch_for
from harness.engine.waits import Deadline, FatalFindingError, StepTimeoutError, Waits
from harness.errors import LabError
from harness.evidence.journal import Journal
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.markers.schema import PLAN, load_schema
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot
from harness.targets.argv import Launch
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget
from harness.targets.snapshot import save_machine
from harness.timeouts import TIMEOUTS, host


class Gathered:
    """All that a port sends, kept."""

    def __init__(self, port: BytePort) -> None:
        self.data = b""
        self.line = asyncio.Event()  # a whole one has come
        self._port = port
        self._moved = asyncio.Event()

    async def run(self) -> None:
        while data := await self._port.read():
            self.data += data
            if b"\n" in data:
                self.line.set()
            self._moved.set()

    async def drained(self) -> None:
        """Return once all that has arrived is in `data`."""
        while self._port.unread():
            self._moved.clear()
            await self._moved.wait()


class Booting:
    """One boot, with its journal and its raw console log in *folder*, beside the guest's memory. Used once.

    :param scenario: whose first step is the boot; what it says of crash texts holds here too.
    """

    def __init__(self, scenario: Scenario, profile: Profile, launch: Launch, folder: Path) -> None:
        first = scenario.steps[0]
        if not isinstance(first, Boot):
            raise TypeError(f"the first step of {scenario.name} is not boot")
        self._step = first
        self._profile = profile
        self._folder = folder
        self._target = QemuTarget(profile, launch, save_in=folder)
        facts = GuestFacts.of(profile, launch.clock, None)
        schema = load_schema(profile.guest.schema) if profile.guest.schema else PLAN
        alone = replace(scenario, steps=(first,), proof=None, respond=(), faults=None)
        self._evaluator = Evaluator(alone, facts, schema)
        self._journal = Journal(folder / "journal.jsonl")
        self._journal.listen(self._evaluator.on_event)
        self._console = Console(self._target.console, self._journal, folder / "console")
        self._console.on_chunk.append(self._evaluator.on_chunk)
        self._gathered = {
            name: Gathered(port)
            for name, port in (("control", self._target.control), ("proof", self._target.proof))
            if port is not None
        }
        self._ending = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._ending.callback(self._journal.close)
        self._ending.callback(self._console.close)
        try:
            await self._target.start(self._journal)
            self._ending.push_async_callback(self._target.stop)
            for work in (self._console.run(), *(gathered.run() for gathered in self._gathered.values())):
                self._ending.push_async_callback(_end, asyncio.create_task(work))
        except BaseException:
            await self._ending.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ending.aclose()

    async def until(self, point: str) -> str:
        """Let the guest run until it says *point*, or waits at its proof rendezvous, and stop it there.

        Returns which of them it was, in words.

        :raises LabError: if it does not get there.
        """
        waits, seen = Waits(self._evaluator), watch_for(self._evaluator, point)
        deadline = Deadline.after(self._step.timeout or TIMEOUTS.step)

        def settled() -> bool:
            return seen() or self._evaluator.departure.announced is not None

        self._journal.append("step.begin", index=0, do=self._step.do, what=f"boot to {point}")
        ways: list[asyncio.Task[Any]] = [
            asyncio.create_task(waits.until(settled, deadline)),
            asyncio.create_task(self._target.wait_exit()),
        ]
        if "proof" in self._gathered:
            ways.append(asyncio.create_task(self._gathered["proof"].line.wait()))
        try:
            await self._target.go()
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[0] in done:
                ways[0].result()
            if ways[1] in done or (ways[0] in done and not seen()):
                raise LabError(f"the guest left before {point}")
            await self._target.stop_vm()
            return point if ways[0] in done else "the proof of its first frame"
        except StepTimeoutError as error:
            raise LabError(f"{point} did not come within {error.seconds:g} s") from None
        except FatalFindingError:
            fatal = self._evaluator.fatal
            raise LabError(f"{point} did not come: {fatal.cause if fatal else 'the run ended'}") from None
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def save(self) -> dict[str, Any]:
        """Save the stopped machine into the folder; returns what is to be said of it.

        :raises LabError: if it cannot be saved.
        """
        qmp, files = self._target.qmp, self._target.files
        if qmp is None:
            raise LabError("the machine is not running")
        async with asyncio.timeout(host(TIMEOUTS.drain)):  # the CPUs stand still: nothing comes any more
            await self._console.drained()
            for gathered in self._gathered.values():
                await gathered.drained()
        for name, gathered in self._gathered.items():
            if gathered.data:
                (self._folder / name).write_bytes(gathered.data)
        await save_machine(qmp, self._folder)
        for number, copy in enumerate(files.disks.values()):
            shutil.copyfile(copy, self._folder / f"disk-{number}")
        if files.firmware is not None:
            shutil.copyfile(files.firmware[1], self._folder / "variables")
        launch = self._target.launch
        return {
            "clock": launch.clock,
            "accel": launch.accel,
            "seed": launch.seed,
            "qemu": qmp.version,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
