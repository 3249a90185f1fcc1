"""A session with the reference guest in the virtual clock, for tests: commands, input and pictures, one by one."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from harness.clients.follower import SceneFollower
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk
from harness.evidence.journal import read_events
from harness.frames.capture import Capture
from harness.frames.identity import IdentityChecker
from harness.markers.parser import MarkerParser
from harness.qmp.input import axis
from harness.targets.argv import Launch
from harness.targets.loader import load_profile
from harness.targets.qemu import QemuTarget

from .wired import wired

IMAGES = Path(__file__).parents[2] / "images" / "reference"
SCREEN = 1024, 768


class Session:
    """What a test does to the guest; the scene follows from journal and markers alone, as in a judge."""

    def __init__(self, target, journal, console, link, folder, follower):
        self.target, self.journal, self.link, self.console = target, journal, link, console
        self.follower = follower
        self.capture = Capture(target.qmp, folder, identity=True, journal=journal)
        self.checker = IdentityChecker()
        self.inputs = 0
        self.ready = None
        self._confirmed = 0
        self._stream, self._parser = ConsoleStream(), MarkerParser()
        self._moved = asyncio.Event()
        journal.listen(self.follower.observe)
        console.on_chunk.append(self._chunk)

    def _chunk(self, chunk):
        for line in self._stream.feed(chunk):
            for marker in self._parser.feed(line):
                self.follower.observe_marker(marker)
                if marker.text.startswith("RAYOS_CONTROL:READY:"):
                    self.ready = int(marker.text.split(":")[2])
                self._confirmed += marker.family == "INPUT"
        self._moved.set()

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def command(self, payload):
        reply = await self.link.command(payload)
        await self.until(lambda: self.ready == reply.seq)
        return reply

    async def inject(self, *events):
        """One `input-send-event` of all *events*, confirmed by the guest."""
        self.inputs += 1
        await self.target.qmp.execute("input-send-event", events=list(events))
        await self.until(lambda: self._confirmed == self.inputs)

    async def check(self):
        """The picture now, and its identity checked against what must be there."""
        frame = await self.capture.grab(exact=False)
        claim = self.follower.claim
        return frame, self.checker.check(frame, self.follower.least, claim and (claim.number, claim.crc))


def replay(folder):
    """The scene worked out again from the files of an ended session alone, as an offline judge does it."""
    follower, stream, parser = SceneFollower(), ConsoleStream(), MarkerParser()
    serial = (folder / "serial.bin").read_bytes()
    for event in read_events(folder / "journal.jsonl"):
        follower.observe(event)
        if event.kind == "serial":
            offset = event.data["offset"]
            for line in stream.feed(Chunk(offset, serial[offset : offset + event.data["len"]], event.host_ns)):
                for marker in parser.feed(line):
                    follower.observe_marker(marker)
    return follower


def key(qcode, down):
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": qcode}}}


def button(name, down):
    return {"type": "btn", "data": {"down": down, "button": name}}


def place(x, y):
    values = zip("xy", (x, y), SCREEN, strict=True)
    return [{"type": "abs", "data": {"axis": a, "value": axis(pixel, size)}} for a, pixel, size in values]


@asynccontextmanager
async def reference(folder, *, image="reference", cmdline="", disks=(), devices=(), extra=(), follower=SceneFollower):
    """A `Session` at the first rendezvous, on a machine with these besides."""
    profile = load_profile(IMAGES / f"{image}.toml")
    machine = profile.machine
    profile = replace(
        profile,
        boot=replace(profile.boot, cmdline=f"{profile.boot.cmdline} {cmdline}".strip()),
        machine=replace(
            machine,
            disks=(*machine.disks, *disks),
            devices=(*machine.devices, *devices),
            extra=(*machine.extra, *extra),
        ),
    )
    target = QemuTarget(profile, Launch(clock="virtual"))
    async with wired(target, folder) as (journal, console, link):
        session = Session(target, journal, console, link, folder, follower())
        await target.go()
        await session.until(lambda: session.ready == 0)
        yield session
        session.capture.close()


class Told:
    """What one life of the guest said: its console, and its answers in order."""

    def __init__(self, console, replies):
        self.markers = [line for line in console.splitlines() if line.startswith("RAYOS_")]
        self.replies = [reply.payload for reply in replies]
        self.words = [reply.words for reply in replies]


def live(folder, *steps, **machine):
    """One life of the guest that is given these commands; a step that is no text is awaited with the session."""

    async def go():
        replies = []
        async with reference(folder, **machine) as session:
            for step in steps:
                if isinstance(step, str):
                    replies.append(await session.command(step))
                else:
                    await step(session)
        return Told((folder / "serial.bin").read_text("latin-1"), replies)

    return asyncio.run(go())


async def cut_the_power(session):
    """QEMU ends at once: what it has not written is lost."""
    os.kill(session.target.pid, signal.SIGKILL)


def markers(outcome):
    text = (outcome.bundle.path / "serial.bin").read_text("latin-1")
    return [line for line in text.splitlines() if line.startswith("RAYOS_")]
