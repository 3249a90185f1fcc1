"""An Ethernet link that the harness owns: a hub between guests, on which it can do what networks do.

Each guest's card (`-netdev dgram`) sends to and hears from a private pair of datagram sockets. Every frame passes
through here, so a partition, a delay or a loss is felt by the guests, and counted, frame by frame. QEMU is not told of
it; only the carrier (`unplug`, and a partition that is not silent) is QMP's `set_link`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count, permutations
from typing import Any

from harness.errors import LabError, UsageError
from harness.evidence.journal import Journal
from harness.fleet.way import Way
from harness.scenario.cluster.impairment import Impairment, What
from harness.targets.argv import Nic

FRAME_MOST = 65536  # bytes; a card with offloads sends more than an Ethernet frame
OUTBOX = 256  # frames that wait for a guest that does not take them; more are dropped, and counted
_TURN = 64  # frames of one guest before the others have their turn
_BUFFER = 1 << 20  # bytes in the kernel for one direction

SetCarrier = Callable[[bool], Awaitable[Any]]


class Port:
    """One guest's place on the link. `plug` begins a life of the guest, `carrier` is how its card loses its link."""

    def __init__(self, link: Link, node: str, number: int) -> None:
        self.node = node
        self.plugged = True
        self._link = link
        self._number = number
        self._socket: socket.socket | None = None
        self._outbox: list[tuple[Way, bytes]] = []
        self._writing = False
        self._carrier: SetCarrier | None = None
        self.on_frame: Callable[[], None] | None = None  # the guest has sent one

    @property
    def nic(self) -> Nic:
        """The card, for the launch of a QEMU. Locally administered addresses: 52:54:00:00:00:<place on the link>."""
        return Nic(id="link", mac=f"52:54:00:00:00:{self._number:02x}", plug=self.plug)

    def plug(self) -> socket.socket:
        """A new pair of sockets; returns QEMU's end, which the caller closes once QEMU has it."""
        self.close()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (near, far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            end.setblocking(False)
        self._socket = near
        asyncio.get_running_loop().add_reader(near, self._readable)
        return far

    async def up(self, carrier: SetCarrier) -> None:
        """QEMU can be spoken to. A card that was unplugged before it began stays so."""
        self._carrier = carrier
        if not self.plugged:
            await carrier(False)

    async def set_plugged(self, plugged: bool) -> None:
        """Give the card its carrier, or take it. A guest that is gone has none."""
        self.plugged = plugged
        if self._carrier is not None:
            await self._carrier(plugged)

    def down(self) -> None:
        """The guest is gone."""
        self._carrier = self.on_frame = None
        self.close()

    def close(self) -> None:
        if self._socket is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        if self._writing:
            loop.remove_writer(self._socket)
            self._writing = False
        for way, _ in self._outbox:
            way.counts["nobody"] += 1
        self._outbox.clear()
        self._socket.close()
        self._socket = None

    def deliver(self, way: Way, frame: bytes) -> None:
        """Hand *frame* to the guest, or let it wait for it."""
        if self._socket is None:
            way.counts["nobody"] += 1
        elif len(self._outbox) >= OUTBOX:
            way.counts["overflow"] += 1
        elif self._outbox or not self._send(way, frame):
            self._outbox.append((way, frame))
            if not self._writing:
                self._writing = True
                asyncio.get_running_loop().add_writer(self._socket, self._writable)

    def _send(self, way: Way, frame: bytes) -> bool:
        """False: the guest's end is full."""
        if self._socket is None:
            return True
        try:
            self._socket.send(frame)
        except BlockingIOError:
            return False
        except OSError:  # QEMU has closed its end: whoever watches it tells why
            way.counts["nobody"] += 1
        else:
            way.counts["delivered"] += 1
        return True

    def _writable(self) -> None:
        while self._outbox and self._send(*self._outbox[0]):
            self._outbox.pop(0)
        if not self._outbox and self._writing and self._socket is not None:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._socket)

    def _readable(self) -> None:
        for _ in range(_TURN):
            if self._socket is None:
                return
            try:
                frame = self._socket.recv(FRAME_MOST)
            except BlockingIOError:
                return
            except OSError:  # as in `_send`
                self.close()
                return
            if self.on_frame is not None:
                self.on_frame()
            self._link.carry(self.node, frame)


class Link:
    """The hub. All of it belongs to the event loop in which it was made.

    Each fault is a plain coroutine that returns what `undo` takes; `heal` undoes several, `close` all that is left.
    Faults may overlap: a frame meets them in the order in which they were made.

    :param seed: of the random streams: each fault has its own in each direction, counted by frames, so that none moves
        another.
    """

    def __init__(self, nodes: Sequence[str], journal: Journal, *, seed: int = 1) -> None:
        if len(nodes) < 2 or len(set(nodes)) != len(nodes):
            raise UsageError(f"a link joins two guests or more with different names, not {', '.join(nodes)}")
        self.ports = {node: Port(self, node, number) for number, node in enumerate(nodes, 1)}
        self.ways = {
            (a, b): Way(a, b, partial(self.ports[b].deliver)) for a, b in permutations(nodes, 2)
        }  # by sender and receiver
        self.active: list[Impairment] = []
        self._journal = journal
        self._seed = seed
        self._numbers = count(1)
        self._closed = False

    def carry(self, node: str, frame: bytes) -> None:
        """A frame that *node* has sent goes to everybody else."""
        for (sender, _), way in self.ways.items():
            if sender == node:
                way.take(frame)

    # ---- faults ------------------------------------------------------------------------------------------------------

    async def partition(self, a: str, b: str, *, silent: bool = True, one_way: bool = False) -> Impairment:
        """No frame passes between *a* and *b* (with *one_way* none from *a* to *b*).

        Not *silent*: their cards lose the carrier too, which guests see. A card has one carrier, so only where nobody
        else is on the link.

        :raises UsageError: for a node that is not there, a partition of three that is not silent.
        :raises LabError: if QEMU refused to take the carrier.
        """
        if not silent and (len(self.ports) > 2 or one_way):
            raise UsageError(
                "a noisy partition takes the carrier of both cards, and with it every other frame of theirs",
                'use it, in both directions, on a link of two; on a larger one "partition", or "unplug" of one node',
            )
        return await self._impose("partition" if silent else "noisy-partition", (a, b), one_way=one_way)

    async def unplug(self, node: str) -> Impairment:
        """The card of *node* loses its carrier: it hears nobody and nobody hears it.

        :raises LabError: if QEMU refused.
        """
        return await self._impose("unplug", (node,))

    async def delay(self, a: str, b: str, ms: float, *, one_way: bool = False) -> Impairment:
        """Every frame arrives *ms* later; their order stays."""
        return await self._impose("delay", (a, b), one_way=one_way, ms=ms)

    async def loss(self, a: str, b: str, share: float, *, one_way: bool = False) -> Impairment:
        """*share* (0 to 1) of the frames does not arrive."""
        return await self._impose("loss", (a, b), one_way=one_way, share=share)

    async def corrupt(self, a: str, b: str, share: float, *, one_way: bool = False) -> Impairment:
        """*share* (0 to 1) of the frames arrives with one bit of its payload (what follows byte 14) turned over."""
        return await self._impose("corrupt", (a, b), one_way=one_way, share=share)

    async def duplicate(self, a: str, b: str, share: float, *, one_way: bool = False) -> Impairment:
        """*share* (0 to 1) of the frames arrives twice."""
        return await self._impose("duplicate", (a, b), one_way=one_way, share=share)

    async def heal(self, *nodes: str) -> list[Impairment]:
        """Undo every fault that is between *nodes* alone (one: that touches it; none: all). Returns those undone.

        :raises LabError: if a carrier could not be given back; the others are.
        """
        self._check(nodes)
        if len(nodes) == 1:
            chosen = [fault for fault in self.active if nodes[0] in fault.between]
        else:
            chosen = [fault for fault in self.active if not nodes or set(fault.between) <= set(nodes)]
        await self._undo_all(chosen)
        return chosen

    async def undo(self, fault: Impairment) -> None:
        """Undo one fault. Frames that it held back are handed on at once. Calling it twice is fine.

        :raises LabError: if a carrier could not be given back.
        """
        if fault not in self.active:
            return
        self.active.remove(fault)
        for way in self.ways.values():
            way.lift(fault)
        try:
            for node in fault.unplugs:
                if not any(node in other.unplugs for other in self.active):
                    await self.ports[node].set_plugged(True)
        finally:
            self._journal.append("link.undone", fault=fault.number, what=fault.what, frames=fault.frames)

    async def close(self) -> None:
        """Undo what is left, tell what passed in each direction, and let go of the guests. Calling it twice is fine."""
        if self._closed:
            return
        self._closed = True
        with suppress(LabError):  # a guest that is gone needs no carrier
            await self._undo_all(list(self.active))
        for port in self.ports.values():
            port.down()
        for way in self.ways.values():
            way.close()
        self._journal.append("link.end", ways={str(way): dict(way.counts) for way in self.ways.values()})

    # ---- inside ------------------------------------------------------------------------------------------------------

    async def _impose(
        self, what: What, between: tuple[str, ...], *, one_way: bool = False, ms: float = 0.0, share: float = 1.0
    ) -> Impairment:
        self._check(between)
        if len(set(between)) != len(between):
            raise UsageError(f"{what} needs two different nodes")
        fault = Impairment(next(self._numbers), what, between, one_way=one_way, ms=ms, share=share)
        self.active.append(fault)
        self._journal.append("link.fault", **fault.to_json())
        for pair, way in self.ways.items():
            if fault.covers(*pair):
                way.impose(fault, self._seed)
        try:
            for node in fault.unplugs:
                await self.ports[node].set_plugged(False)
        except BaseException:
            await self.undo(fault)
            raise
        return fault

    async def _undo_all(self, faults: Iterable[Impairment]) -> None:
        failed: LabError | None = None
        for fault in faults:
            try:
                await self.undo(fault)
            except LabError as error:
                failed = error
        if failed is not None:
            raise failed

    def _check(self, nodes: Iterable[str]) -> None:
        for node in nodes:
            if node not in self.ports:
                raise UsageError(f"there is no node {node!r} on the link", f"there are {', '.join(self.ports)}")
