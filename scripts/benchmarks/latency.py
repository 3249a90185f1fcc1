"""Marker latency: from the guest's write to the waiter that wakes, through the whole of console, parser, evaluator
and wait.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.metric import Metric, percentile
from harness.console.file_port import FilePort
from harness.console.pump import Console
from harness.console.socket_port import SocketPort
from harness.console.types import BytePort
from harness.engine.waits import Deadline, Waits
from harness.evidence.journal import Journal
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.markers.schema import PLAN
from harness.scenario.model import Scenario


def measure(count: int) -> Iterator[Metric]:
    """The writer is a thread that plays the guest: it stamps the time and writes one marker, then waits until it
    was seen.
    """
    for way in ("socket", "file"):
        waits, raw = asyncio.run(_series(way, count)), _bare(count)
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            yield Metric(
                f"marker to waiter, {way} chardev, {name}",
                percentile(waits, share) * 1000,
                "ms",
                percentile(raw, share) * 1000,
                "blocking reader in a thread",
            )


async def _series(way: str, count: int) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder / "journal.jsonl")
        evaluator = Evaluator(Scenario(name="latency"), GuestFacts(), PLAN)
        waits = Waits(evaluator)
        ours, theirs = socket.socketpair()
        file = folder / "console"
        file.touch()
        descriptor = theirs.fileno() if way == "socket" else os.open(file, os.O_WRONLY | os.O_APPEND)
        port: BytePort = SocketPort(ours) if way == "socket" else FilePort(file)
        console = Console(port, journal, folder / "serial.bin")
        console.on_chunk.append(evaluator.on_chunk)
        pump = asyncio.create_task(console.run())
        seen = threading.Semaphore(0)
        stamps: list[float] = []

        def guest() -> None:
            for index in range(count):
                time.sleep(0.002)  # a guest prints now and then; without it the reader would never have slept
                stamps.append(time.perf_counter())
                os.write(descriptor, b"RAYOS_STRESS:LATENCY_SAMPLE:%d\n" % index)
                seen.acquire()

        writer = threading.Thread(target=guest)
        writer.start()
        took = []
        for index in range(count):
            await waits.until(lambda index=index: evaluator.markers > index, Deadline.after(30))
            took.append(time.perf_counter() - stamps[index])
            seen.release()
        writer.join()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        theirs.close()
        console.close()
        journal.close()
        return took


def _bare(count: int) -> list[float]:
    ours, theirs = socket.socketpair()
    seen = threading.Semaphore(0)
    stamps: list[float] = []

    def guest() -> None:
        for index in range(count):
            time.sleep(0.002)
            stamps.append(time.perf_counter())
            theirs.sendall(b"RAYOS_STRESS:LATENCY_SAMPLE:%d\n" % index)
            seen.acquire()

    writer = threading.Thread(target=guest)
    writer.start()
    took = []
    for index in range(count):
        ours.recv(4096)
        took.append(time.perf_counter() - stamps[index])
        seen.release()
    writer.join()
    ours.close()
    theirs.close()
    return took
