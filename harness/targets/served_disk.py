"""A disk whose requests pass through the harness, so that it can count, fail, delay and hold them, and lose power.

QEMU sees an NBD server behind a socket pair; what the guest sees is its usual device. Only a run whose plan has faults
of disks gets its disks this way. A thread for each life of the machine answers the requests one by one.

What QEMU asks while the machine stands still is none of the guest's (a look at the partition table before the start, a
flush at each stop): it is not counted, does not fail and makes nothing durable.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import LabError
from harness.targets.disk_media import Media
from harness.targets.nbd import EIO, ENOSPC, NbdError, Operation, Request, serve
from harness.targets.overlays import disks
from harness.targets.profile import Profile
from harness.timeouts import TIMEOUTS, host

SECTOR = 512
CACHE = 64 << 20  # bytes written but not flushed that the disk may lose; older ones it has written out by itself

Kind = Literal["any", "read", "write", "flush"]


def served_by(target: object) -> dict[str, ServedDisk]:
    """The disks of *target* that we serve, by the names of their drives; none where it is no QEMU of ours."""
    launch = getattr(target, "launch", None)
    return {disk.name: disk for disk in launch.served} if launch is not None else {}


@dataclass(eq=False, slots=True)
class Failure:
    """Requests that fail with *error*: of that kind and (reads and writes) in these sectors; `left` of them, or all."""

    error: int = EIO
    kind: Kind = "any"
    sectors: range | None = None
    left: int | None = None
    hits: int = 0

    def takes(self, request: Request) -> bool:
        """Whether *request* is one of them."""
        if self.kind not in ("any", request.operation) or self.left == 0:
            return False
        if self.sectors is None:
            return True
        first, last = request.offset // SECTOR, (request.offset + request.length - 1) // SECTOR
        return request.operation != "flush" and first < self.sectors.stop and last >= self.sectors.start


@dataclass(frozen=True, slots=True)
class Held:
    """A request that stopped the machine: the *number*-th of *kind* (the same as `operation`, or any)."""

    operation: Operation
    offset: int
    length: int
    reached: tuple[tuple[Kind, int], ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """What a power cut did: sectors written since the last flush, counted once for each write, and kept of them."""

    unflushed: int
    kept: int


@dataclass(eq=False, slots=True)
class _Written:
    offset: int
    before: bytes
    after: bytes


class ServedDisk:
    """One disk of a run; `plug` gives each life of the machine its connection.

    :param name: of its drive.
    :param holds: whether requests are going to be held: then no other failure may be ENOSPC.
    """

    def __init__(self, name: str, *, holds: bool = False) -> None:
        self.name = name
        self.policy = "enospc" if holds else "report"
        """What its device does at an error: stops the machine if there is no space, or tells the guest always."""
        self._failures: dict[int, Failure] = {}
        self._failed = 0
        self.counts: Counter[Kind] = Counter()
        """Requests of the guest so far, over all lives; those that failed and (once) those that were held included."""
        self.on_broken: Callable[[str], None] | None = None
        """Called in the disk's thread when the host fails it: what the guest then sees is no fault of the plan."""
        self._on_hold: Callable[[Held], None] | None = None
        self._untold: list[Held] = []
        self.pace: float = 0.0
        """Seconds that each request takes."""
        self._media: Media | None = None
        self._stops: dict[Kind, set[int]] = {}
        self._held: list[Held] = []
        self._own = True  # the machine stands still: requests are QEMU's own
        self._unflushed: deque[_Written] = deque()
        self._cached = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._hurry = threading.Event()
        self._broken = ""

    def place(self, profile: Profile, copies: Mapping[Path, Path], overlays: Mapping[str, Path]) -> tuple[Path, bool]:
        """The file with its contents, and whether what is written there is thrown away."""
        disk = dict(disks(profile))[self.name]
        if self.name in overlays:
            return overlays[self.name], True
        return copies.get(disk.file, disk.file), not disk.persist

    # ---- lives ---------------------------------------------------------------------------------------------------

    def plug(self, file: Path, *, throw_away: bool) -> socket.socket:
        """The client's end of a new connection to the disk, whose contents are in *file*.

        :param throw_away: what is written does not go to the file; another life does not find it.
        :raises LabError: if the file cannot be opened.
        """
        self.settle()
        return self._connect(Media.open(file, throw_away=throw_away))

    def plug_again(self) -> socket.socket:
        """A further connection in the same life: the disk as it is.

        :raises LabError: if there was none yet.
        """
        return self._connect(self.media)

    def _connect(self, media: Media) -> socket.socket:
        near, far = socket.socketpair()
        with self._lock:
            if media is not self._media:
                if self._media is not None:
                    self._media.close()
                self._media, self._own, self._held = media, True, []
                self._unflushed.clear()
                self._cached = 0
        thread = threading.Thread(target=self._serve, args=(near, media), name=f"disk {self.name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return far

    @property
    def media(self) -> Media:
        """:raises LabError: before the first life."""
        if self._media is None:
            raise LabError(f"the disk {self.name} has never been plugged in")
        return self._media

    def settle(self) -> None:
        """Return once what a dead QEMU has sent was taken in.

        :raises LabError: if its connection does not end, or the disk itself broke.
        """
        for thread in self._threads:
            thread.join(host(TIMEOUTS.settle))
            if thread.is_alive():
                raise LabError(f"the disk {self.name} is still in use by a QEMU that should be gone")
        self._threads.clear()
        if self._broken:
            raise LabError(f"the disk {self.name}: {self._broken}")

    def close(self) -> None:
        """Let the file go. The machine is gone."""
        with suppress(LabError):
            self.settle()
        if self._media is not None:
            self._media.close()
            self._media = None

    # ---- what is done to it --------------------------------------------------------------------------------------

    def stop_at(self, kind: Kind, number: int) -> None:
        """Hold the *number*-th request of *kind*, so that the machine stops (its policy stops it at ENOSPC).

        Once the machine goes on it sends the request again, and that is not counted another time.
        """
        with self._lock:
            self._stops.setdefault(kind, set()).add(number)

    def listen(self, on_hold: Callable[[Held], None]) -> None:
        """Call *on_hold*, in the disk's thread, for each request that is held before it is answered; those that have
        been held until now at once.
        """
        with self._lock:
            for held in self._untold:
                on_hold(held)
            self._untold.clear()
            self._on_hold = on_hold

    def machine_stops(self) -> None:
        """QEMU is told to stop the machine, in which no request is under way: the flush that follows is its own."""
        with self._lock:
            self._own = True

    def machine_runs(self) -> None:
        """QEMU is told to let the machine go on."""
        with self._lock:
            self._own = False

    def fail(self, failure: Failure) -> int:
        """Let requests fail from now on; returns the number under which `mend` ends it."""
        with self._lock:
            self._failed += 1
            self._failures[self._failed] = failure
            return self._failed

    def mend(self, number: int) -> Failure:
        """It is over; it has had its `hits`. No request fails of it any more once this returned."""
        with self._lock:
            return self._failures.pop(number)

    def slow(self, pace: float) -> None:
        """Each request takes *pace* seconds from now on; those that wait are answered at once if it is none."""
        with self._lock:
            self.pace = pace
        if pace:
            self._hurry.clear()
        else:
            self._hurry.set()

    def lose_power(self, keep: Callable[[], bool]) -> Loss:
        """The power went, and QEMU with it: of what was written since the last flush only some sectors are there.

        :param keep: asked for each sector of each write, in the order in which they were written.
        :raises LabError: if QEMU is still there, or the file cannot be written.
        """
        self.settle()
        kept = unflushed = 0
        media = self.media
        for write in reversed(self._unflushed):
            media.write(write.offset, write.before)
        for write in self._unflushed:
            for at in range(0, len(write.after), SECTOR):
                unflushed += 1
                if keep():
                    kept += 1
                    media.write(write.offset + at, write.after[at : at + SECTOR])
        self._unflushed.clear()
        self._cached = 0
        return Loss(unflushed, kept)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the disk as they are now; fewer at its end.

        :raises LabError: if they cannot be read.
        """
        media = self.media
        with self._lock:
            return media.read(offset, max(0, min(length, media.size - offset)))

    # ---- inside --------------------------------------------------------------------------------------------------

    def _serve(self, client: socket.socket, media: Media) -> None:
        with client:
            try:
                serve(client, media.size, SECTOR if media.size % SECTOR == 0 else 1, self._answer)
            except (NbdError, LabError) as error:
                self._broken = str(error)
                if self.on_broken is not None:
                    self.on_broken(f"the disk {self.name}: {error}")
            except OSError:
                return  # QEMU was killed

    def _answer(self, request: Request) -> tuple[int, bytes]:
        if self.pace:
            self._hurry.wait(self.pace)
        with self._lock:
            if self._own:
                return (0, b"") if request.operation == "flush" else self._do(request)
            held = self._counted(request)
            if held is not None:
                self._own = True
                self._held.append(held)
                if self._on_hold is None:
                    self._untold.append(held)
                else:
                    self._on_hold(held)
                return ENOSPC, b""
            for failure in self._failures.values():
                if failure.takes(request):
                    failure.hits += 1
                    failure.left = None if failure.left is None else failure.left - 1
                    return failure.error, b""
            return self._do(request)

    def _counted(self, request: Request) -> Held | None:
        """Count *request*, unless it is one that was held and comes again; what it is if it is to be held now."""
        for held in self._held:
            inside = request.offset <= held.offset and held.offset + held.length <= request.offset + request.length
            if held.operation == request.operation and inside:
                self._held.remove(held)
                return None
        kinds: tuple[Kind, Kind] = (request.operation, "any")
        self.counts.update(kinds)
        reached = tuple((k, self.counts[k]) for k in kinds if self.counts[k] in self._stops.get(k, ()))
        return Held(request.operation, request.offset, request.length, reached) if reached else None

    def _do(self, request: Request) -> tuple[int, bytes]:
        media = self.media
        match request.operation:
            case "read":
                return 0, media.read(request.offset, request.length)
            case "write":
                before = media.read(request.offset, request.length)
                self._unflushed.append(_Written(request.offset, before, request.data))
                self._cached += request.length
                while self._cached > CACHE:
                    self._cached -= len(self._unflushed.popleft().after)
                media.write(request.offset, request.data)
            case "flush":
                self._unflushed.clear()
                self._cached = 0
        return 0, b""
