"""One life of a node while it is played: an ordinary run whose steps wait for their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.engine.context import Context
from harness.engine.run import RunOutcome, RunRequest, play
from harness.errors import TargetLost
from harness.evidence.journal import Event, Journal
from harness.fleet.link import Link
from harness.fleet.silence import Silence
from harness.scenario.cluster.lives import Life, scenario_of
from harness.scenario.cluster.model import Cluster
from harness.targets.argv import Launch
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget


class Player:
    """Conducts the run of one life (`harness.engine.conductor`); its evidence lies in the bundle of the cluster."""

    def __init__(
        self,
        cluster: Cluster,
        life: Life,
        profile: Profile,
        link: Link,
        bundle: Path,
        tell: Callable[[Player], None],
        silent: Callable[..., None],
    ) -> None:
        """*tell* is called once the run has its journal, *silent* as `Silence` says."""
        self.life = life
        self.profile = profile
        self.journal: Journal | None = None
        self.outcome: RunOutcome | None = None
        port = link.ports[life.node]
        self._target = QemuTarget(profile, Launch(clock="wall", seed=life.seed, nics=(port.nic,)))
        self._port = port
        self._tell = tell
        self._silence = Silence(self._target.host_sample, lambda: self._target.pid, silent)
        self._request = RunRequest(
            scenario=scenario_of(cluster, life),
            profile=profile,
            make_target=lambda *_: self._target,
            runs_dir=bundle,
            clock="wall",
            bundle=bundle / life.folder,
            on_start=self._started,
            conductor=self,
        )
        self._due = -1  # the last step that may be played
        self._over = False
        self._moved = asyncio.Event()
        self._statuses: dict[int, asyncio.Future[str]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ctx: Context | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The run, once its first step was due."""
        return self._task

    async def step(self, index: int) -> str:
        """Play step *index*; returns its status, or "gone" if the run ended instead.

        :raises LabError: if the card of a node that is unplugged could not be told so.
        """
        status = self._status(index)
        self._due = index
        self._moved.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self.life.name)
        both: set[asyncio.Future[Any]] = {status, self._task}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not status.done():
            return "gone"
        if index == 0 and status.result() == "done":
            await self._port.up(self._carrier)
            self._port.on_frame = self._silence.heard
        return status.result()

    async def kill(self) -> None:
        """SIGKILL to its QEMU.

        :raises LabError: if it is gone already.
        """
        await self._target.kill()

    async def end(self) -> None:
        """No further step is played, one under way is dropped: the guest is ended and its run judged.

        :raises HarnessError: as `play`.
        """
        self._over = True
        self._moved.set()
        self._drop_step()
        if self._task is not None:
            await asyncio.shield(self._task)

    # ---- what the run asks of its conductor --------------------------------------------------------------------------

    def began(self, journal: Journal) -> None:
        self.journal = journal
        journal.listen(self._hear)
        self._tell(self)

    async def turn(self, index: int) -> bool:
        while self._due < index and not self._over:
            self._moved.clear()
            await self._moved.wait()
        return self._due >= index

    # ---- inside ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            self.outcome = await play(self._request)
        finally:
            self._port.down()

    def _started(self, ctx: Context) -> None:
        self._ctx = ctx
        self._drop_step()

    def _drop_step(self) -> None:
        if self._over and self._ctx is not None and self._due >= 0 and not self._status(self._due).done():
            self._ctx.opening.interrupted.set()

    async def _carrier(self, up: bool) -> None:
        if self._target.qmp is not None:
            with suppress(TargetLost):  # a guest that is gone has none
                await self._target.qmp.execute("set_link", name=self._port.nic.id, up=up)

    def _hear(self, event: Event) -> None:
        if event.kind == "step.end":
            status = self._status(int(event.data["index"]))
            if not status.done():
                status.set_result(str(event.data["status"]))

    def _status(self, index: int) -> asyncio.Future[str]:
        if index not in self._statuses:
            self._statuses[index] = asyncio.get_running_loop().create_future()
        return self._statuses[index]
