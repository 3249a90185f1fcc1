"""Warm starts: a machine is booted once to a point and saved; scenarios that begin with that boot start from there.

The bytes that the guest sent during that boot are read again at the beginning of each such run, so that the judge
sees what it sees of a cold one; `target.start` in the journal says how many they are and whose (docs/warm-starts.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from harness.engine.targets import launch_of
from harness.errors import HarnessError, LabError, UsageError
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot
from harness.targets.accel import choose
from harness.targets.needs import require
from harness.targets.overlays import disks
from harness.targets.profile import Profile
from harness.targets.snapshot import Snapshot
from harness.targets.snapshot_store import SnapshotStore, snapshot_key, taken_by

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions, Planned
    from harness.targets.argv import Launch

Say = Callable[[str], None]

# Options of QEMU by which an image's `machine.extra` can give the guest what no snapshot would hold as it was.
_UNKNOWN_STATE = re.compile(
    "--?(drive|blockdev|hd[a-d]|cdrom|fd[ab]|sd|pflash|mtdblock|fsdev|virtfs|object|numa|incoming|loadvm)"
)


@contextmanager
def warmed(planned: list[Planned], options: BatchOptions, *, point: str, say: Say) -> Iterator[BatchOptions]:
    """*options* with the snapshots of the *planned* runs, made where there are none yet; see `Warm`.

    :raises UsageError: as `Warm.prepare`.
    """
    with Warm(point=point, say=say) as warm:
        yield replace(options, warm=asyncio.run(warm.prepare(planned, options)))


def why_cold(scenario: Scenario, profile: Profile, clock: str, point: str = "") -> str:
    """Why *scenario* cannot be started from a snapshot made at *point* (default: the end of its own boot step), or
    nothing if it can.
    """
    first = scenario.steps[0] if scenario.steps else None
    if not isinstance(first, Boot):
        return "its first step is not boot"
    until = first.until or profile.guest.ready
    if not until:
        return "its boot step waits for the first byte: say `until`, or guest.ready in the image's profile"
    if point and until != point:
        return f"its boot step waits for {until}, and the snapshot is made at {point}"
    if clock not in {"virtual", "wall"}:
        return f"the clock {clock} begins with the boot"
    if scenario.respond:
        return "it has responders, which may have something to do during the boot"
    if scenario.faults is not None:
        return "it has faults, which may be due during the boot"
    lasting = [disk.file.name for _, disk in disks(profile) if disk.persist is True]
    if lasting:
        return f"the disk {lasting[0]} keeps what is written to it (persist = true)"
    extra = [word for word in profile.machine.extra if _UNKNOWN_STATE.fullmatch(word)]
    if extra:
        return f"nobody knows what {extra[0]} of machine.extra gives the guest"
    if profile.boot.esp is not None:
        return "QEMU cannot save a machine whose disk is a directory (boot.esp)"
    return ""


@dataclass(frozen=True)
class Starts:
    """What each run of a batch starts from: a snapshot, or why it is played cold. Can be sent to another process."""

    known: Mapping[str, Snapshot | str]

    def snapshot(self, scenario: Scenario) -> Snapshot | None:
        """What the run of *scenario* starts from; None: it boots."""
        start = self.known.get(_name(scenario))
        return start if isinstance(start, Snapshot) else None

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """What the verdict on the run of *scenario* is to say."""
        start = self.known.get(_name(scenario))
        if isinstance(start, Snapshot):
            sent = f"the first {start.sent('console')} bytes of its console are from there"
            return (f"warm start from snapshot {start.digest[:16]} at {start.about['at']}: {sent}",)
        return (f"played cold: {start}",) if start else ()


def _name(scenario: Scenario) -> str:
    """Digest of all that a scenario is: repeats of one run have one start."""
    return hashlib.sha256(repr(scenario).encode()).hexdigest()


class Warm:
    """Finds the snapshots of one batch, or makes them. A context manager: until its end none of them is removed.

    :param point: pattern of the point; empty: each scenario's own, that of its boot step.
    :param say: told what takes time.
    """

    def __init__(self, *, point: str = "", say: Say = lambda _: None, store: SnapshotStore | None = None) -> None:
        self._point = point
        self._say = say
        self._store = store or SnapshotStore()
        self._found: dict[str, Snapshot | str] = {}  # by key; a text is why there is none
        self._held: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            os.close(self._held.pop())

    async def prepare(self, planned: Iterable[Planned], options: BatchOptions) -> Starts:
        """What each run starts from.

        :raises UsageError: for an image that is not there, or a batch that does not run on a QEMU of ours.
        """
        if options.target is not None:
            raise UsageError("only QEMU can start from a snapshot", "leave out --warm, or --target")
        known: dict[str, Snapshot | str] = {}
        for item in planned:
            if item.scenario.skip:
                continue
            require(item.profile)
            cold = why_cold(item.scenario, item.profile, item.clock, self._point)
            start = known[_name(item.scenario)] = cold or await self._find(item, options)
            if isinstance(start, str):
                self._say(f"warm: {item.scenario.name} is played cold: {start}")
        self._store.prune()
        return Starts(known)

    async def _find(self, item: Planned, options: BatchOptions) -> Snapshot | str:
        first = item.scenario.steps[0]
        point = (first.until if isinstance(first, Boot) else "") or item.profile.guest.ready
        launch = launch_of(options, item.scenario, item.clock)
        launch = replace(launch, accel=await choose(launch.accel, item.profile.machine.arch))
        key = await asyncio.to_thread(snapshot_key, item.profile, launch, point)
        if key not in self._found:
            found: Snapshot | str | None = await asyncio.to_thread(self._store.find, key)
            if not isinstance(found, Snapshot) or not self._hold(found):
                found = await self._make(item, launch, point, key)
                if isinstance(found, Snapshot) and not self._hold(found):
                    found = f"the snapshot {key} was removed as soon as it was made"
            self._found[key] = found
        return self._found[key]

    def _hold(self, snapshot: Snapshot) -> bool:
        """Whether it is there and stays."""
        try:
            self._held.append(snapshot.hold())
        except OSError:
            return False
        return True

    async def _make(self, item: Planned, launch: Launch, point: str, key: str) -> Snapshot | str:
        image = item.profile.name
        self._say(f"warm: booting {image} once to {point} …")
        began = time.monotonic()
        try:
            made = await make_snapshot(item.scenario, item.profile, launch, point, key, self._store)
        except (HarnessError, TimeoutError) as error:
            return f"no snapshot of {image} could be made: {getattr(error, 'what', 'QEMU took too long')}"
        took, size = time.monotonic() - began, taken_by(made) / 1e6
        self._say(f"warm: snapshot {made.digest[:16]} of {image} made in {took:.1f} s, {size:.0f} MB")
        return made


async def make_snapshot(
    scenario: Scenario, profile: Profile, launch: Launch, point: str, key: str, store: SnapshotStore
) -> Snapshot:
    """Boot the machine to *point* and save it. With proved frames the point is the first frame, if that comes before:
    the guest waits there for an answer that the run has to give.

    :raises HarnessError: if the guest does not get there, or the machine cannot be saved.
    """
    from harness.engine.booting import Booting

    directory = store.begin()
    try:
        launch = replace(launch, vnc=False, gdb=False, share_console=False)
        async with Booting(scenario, profile, launch, directory.path) as booting:
            reached = await booting.until(point)
            about = {"at": reached, **await booting.save()}
        return await asyncio.to_thread(store.publish, directory, key, {"image": profile.name, "point": point, **about})
    except OSError as error:
        raise LabError(f"cannot write a snapshot to {store.root}: {error.strerror}") from error
    finally:
        directory.remove()
