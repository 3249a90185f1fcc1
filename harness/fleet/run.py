"""Plays a cluster: all guests, the link between them, and the judgement of the whole."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.engine.interrupts import interruptions
from harness.engine.run import RunOutcome, RunRequest
from harness.errors import HarnessError, LabError, UsageError
from harness.evidence.bundle import SCHEMA, Bundle
from harness.evidence.journal import Journal
from harness.fleet.judge import judge_cluster
from harness.fleet.link import Link
from harness.fleet.player import Player
from harness.scenario.cluster.lives import Life, Moves, moves
from harness.scenario.cluster.model import Cluster, Kill, LinkStep
from harness.scenario.cluster.stored import to_json
from harness.scenario.model import Scenario
from harness.targets.profile import Profile
from harness.timeouts import SLOWDOWN

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions, Planned

WHY_WALL = "guests on a link run in the wall clock: frames arrive at host times, so the run is not reproducible"


def profiles_of(cluster: Cluster) -> dict[int, Profile]:
    """The profile of each life, by its place in `moves`; checked for everything but the files they boot.

    :raises UsageError: for an unknown image, a wrong override, or a guest that cannot be on a link.
    """
    from harness.targets.loader import find_image, override

    out = {}
    for number, life in enumerate(moves(cluster)[1]):
        profile = find_image(life.image, relative_to=cluster.folder)
        out[number] = override(profile, life.set) if life.set else profile
        if out[number].machine.arch != "x86_64":
            raise UsageError(f"the image {profile.name} cannot be on a link: only x86_64 machines can")
    return out


def plan_cluster(scenario: Scenario, options: BatchOptions) -> Planned:
    """See `harness.campaign.batch.plan`; the profile is the first node's.

    :raises UsageError: for an unknown image, a wrong override, or an option that is for one guest.
    """
    from harness.engine.options import Planned

    if options.target is not None:
        raise UsageError(f"{scenario.name} is a cluster, which runs on QEMU", "leave --target out")
    if options.clock not in {None, "wall"}:
        raise UsageError(f"{scenario.name} cannot run in the {options.clock} clock: {WHY_WALL}", "leave --clock out")
    if options.on_fail is not None or options.vnc or options.update_goldens or options.add_goldens:
        raise UsageError(
            f"{scenario.name} is a cluster: it can neither be paused on failure nor approve pictures or figures",
            "leave --pause-on-fail, --update-goldens and --add-goldens out",
        )
    cluster = _cluster(scenario)
    if options.image is not None:
        cluster = replace(cluster, image=options.image, nodes=tuple(replace(n, image="") for n in cluster.nodes))
    return Planned(cluster, profiles_of(cluster)[0], "wall")


def _cluster(scenario: Scenario) -> Cluster:
    if not isinstance(scenario, Cluster):
        raise TypeError(f"{scenario.name} is no cluster")
    return scenario


async def play_cluster(request: RunRequest) -> RunOutcome:
    """Play a cluster and judge it, as `harness.engine.run.play` does a scenario of one guest.

    The runs of its nodes are the outcome's `parts`.

    :raises UsageError: if it cannot be run as asked.
    :raises LabError: if the evidence cannot be written.
    """
    from harness.targets.needs import require

    cluster = _cluster(request.scenario)
    profiles = profiles_of(cluster)
    for profile in profiles.values():
        require(profile)
    made = Bundle.make(request.bundle or Bundle.choose(request.runs_dir, cluster.name))
    made.write_json("inputs/cluster.json", to_json(cluster))
    if cluster.file is not None and cluster.file.is_file():
        made.keep(cluster.file)
    journal = Journal(made.journal)
    try:
        run = _Run(cluster, profiles, made, journal)
        with interruptions(lambda name: journal.append("run.interrupted", signal=name)):
            await run.play()
    finally:
        journal.close()
    verdict = judge_cluster(made, cluster)
    made.write_json("verdict.json", verdict.to_json(), durable=True)
    return RunOutcome(verdict, made, cluster, "wall", parts=run.outcomes())


class _Run:
    def __init__(self, cluster: Cluster, profiles: Mapping[int, Profile], bundle: Bundle, journal: Journal) -> None:
        self._cluster = cluster
        self._bundle = bundle
        self._journal = journal
        self._moves, lives = moves(cluster)
        self._link = Link(cluster.names, journal, seed=cluster.seed)
        self._players = {
            id(life): Player(cluster, life, profiles[number], self._link, bundle.path, self._began, self._silent(life))
            for number, life in enumerate(lives)
        }
        self._interrupted = asyncio.Event()
        journal.listen(lambda event: self._interrupted.set() if event.kind == "run.interrupted" else None)

    def outcomes(self) -> list[RunOutcome]:
        """Of the lives that were played."""
        return [player.outcome for player in self._players.values() if player.outcome is not None]

    async def play(self) -> None:
        self._journal.append(
            "run.start",
            scenario=self._cluster.name,
            image=", ".join(dict.fromkeys(life.image for life in self._lives())),
            seed=self._cluster.seed,
            clock="wall",
            slowdown=SLOWDOWN,
            harness=__version__,
        )
        self._journal.append("note", text=WHY_WALL)
        self._write_manifest()
        try:
            await self._steps()
        except LabError as error:
            self._journal.append("lab.error", cause="lab", what=f"{error.what}. {error.hint}".strip())
        finally:
            await self._link.close()
            await self._end_all()
            self._journal.append("run.end")

    def _write_manifest(self) -> None:
        self._bundle.write_json(
            "manifest.json",
            {
                "schema": SCHEMA,
                "harness": __version__,
                "scenario": self._cluster.name,
                "image": ", ".join(dict.fromkeys(life.image for life in self._lives())),
                "seed": self._cluster.seed,
                "clock": "wall",
                "reproducible": False,
                "nodes": {life.folder: {"node": life.node, "image": life.image} for life in self._lives()},
                "host": {
                    "system": " ".join(os.uname()[i] for i in (0, 2, 4)),
                    "python": sys.version.split()[0],
                    "cpus": os.cpu_count(),
                },
            },
        )

    async def _steps(self) -> None:
        for index, item in enumerate(self._moves):
            if self._interrupted.is_set():
                break
            self._journal.append("step.begin", index=index, do=item.step.step.do, what=item.step.what)
            status = await self._unless_over(self._do(item), item)
            self._journal.append("step.end", index=index, status=status)
            if status != "done":
                return
        else:
            self._journal.append("steps.end")
            for life in self._lives():  # up to here each guest is watched
                if not life.ended:
                    await self._players[id(life)].step(len(life.steps) - 1)

    async def _unless_over(self, work: Awaitable[str], item: Moves) -> str:
        """Do *work*, unless it is interrupted or a guest that should go on does not."""
        task = asyncio.ensure_future(work)
        alarm = asyncio.create_task(self._interrupted.wait())
        ending = {turn.life.node for turns in item.turns.values() for turn in turns if turn.ends}
        others = {
            player.task
            for player in self._players.values()
            if player.task is not None and not player.task.done() and player.life.node not in ending
        }
        try:
            await asyncio.wait({task, alarm, *others}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else "aborted"
        finally:
            for unfinished in (task, alarm):
                unfinished.cancel()
            await asyncio.gather(task, alarm, return_exceptions=True)

    async def _do(self, item: Moves) -> str:
        """All turns of a step, each node beside the others; "failed" if one did not do what it should."""
        step = item.step.step
        killed = isinstance(step, Kill)
        statuses = await asyncio.gather(*(self._turns(turns, killed=killed) for turns in item.turns.values()))
        if not all(statuses):
            return "failed"
        if isinstance(step, LinkStep):
            await self._on_link(step)
        return "done"

    async def _turns(self, turns: tuple[Any, ...], *, killed: bool) -> bool:
        for turn in turns:
            player = self._players[id(turn.life)]
            if await player.step(turn.index) not in {"done", "elapsed"}:
                return False
            if turn.ends:
                if killed:
                    self._journal.append("node.kill", node=turn.life.node)
                    await player.kill()
                await player.end()
        return True

    async def _on_link(self, step: LinkStep) -> None:
        link = self._link
        if step.what == "heal":
            await link.heal(*step.between)
            return
        if step.what == "unplug":
            await link.unplug(step.between[0])
            return
        a, b = step.between
        match step.what:
            case "partition" | "noisy-partition":
                await link.partition(a, b, silent=step.what == "partition", one_way=step.one_way)
            case "delay":
                await link.delay(a, b, step.ms, one_way=step.one_way)
            case "loss":
                await link.loss(a, b, step.share, one_way=step.one_way)
            case "corrupt":
                await link.corrupt(a, b, step.share, one_way=step.one_way)
            case "duplicate":
                await link.duplicate(a, b, step.share, one_way=step.one_way)

    async def _end_all(self) -> None:
        """End every guest; what went wrong with one must not keep the others alive."""
        failed: HarnessError | None = None
        for result in await asyncio.gather(*(p.end() for p in self._players.values()), return_exceptions=True):
            if isinstance(result, HarnessError):
                failed = failed or result
            elif isinstance(result, BaseException):
                raise result
        if failed is not None:
            self._journal.append("lab.error", cause="lab", what=f"{failed.what}. {failed.hint}".strip())
            if isinstance(failed, UsageError):
                raise failed

    def _lives(self) -> Iterator[Life]:
        return (player.life for player in self._players.values())

    def _began(self, player: Player) -> None:
        """A node's journal has a time of its own: how much later it begins than the cluster's."""
        if player.journal is not None:
            offset = self._journal.now_ns() - player.journal.now_ns()
            life = player.life
            self._journal.append("node.begin", node=life.node, folder=life.folder, image=life.image, offset_ns=offset)

    def _silent(self, life: Life) -> Any:
        def tell(**what: Any) -> None:
            with suppress(OSError):
                self._journal.append("node.silent", node=life.node, **what)

        return tell
