"""What a frame check costs at two resolutions, beside QEMU's own screendump of the same screen."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.metric import Metric, median
from harness.console.types import BytePort
from harness.evidence.journal import Journal
from harness.frames.capture import Capture
from harness.frames.compare import compare
from harness.frames.identity import IdentityChecker
from harness.qmp.session import QmpSession
from harness.targets.argv import Launch
from harness.targets.loader import find_image
from harness.targets.qemu import QemuTarget

SIZES = ((1024, 768), (1920, 1080))


def measure(count: int) -> Iterator[Metric]:
    """Medians over *count* pictures of a guest that stands still at its rendezvous."""
    return iter(asyncio.run(_measure(count)))


async def _measure(count: int) -> list[Metric]:
    metrics: list[Metric] = []
    target = QemuTarget(find_image("reference"), Launch(clock="virtual"))
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name) / "journal.jsonl")
        try:
            await target.start(journal)
            ready = asyncio.Event()
            reader = asyncio.create_task(_read(target.console, ready))
            await target.go()
            await ready.wait()
            if target.qmp is None:
                raise RuntimeError("no QMP session")
            for width, height in SIZES:
                await _set_mode(target.qmp, width, height)
                metrics += await _at(target.qmp, Path(name), f"{width}×{height}", count)
            reader.cancel()
        finally:
            await target.stop()
            journal.close()
    return metrics


async def _read(console: BytePort, ready: asyncio.Event) -> None:
    seen = b""
    while data := await console.read():
        seen = (seen + data)[-4096:]
        if b"RAYOS_CONTROL:READY:0" in seen:
            ready.set()


async def _set_mode(qmp: QmpSession, width: int, height: int) -> None:
    """Set the video mode from outside, through the card's Bochs display registers (index port 0x1ce, data port
    0x1cf).
    """
    for index, value in (
        (4, 0),
        (1, width),
        (2, height),
        (3, 32),
        (4, 0xC1),
    ):  # 0x80: keep the memory, a black screen proves nothing
        await qmp.hmp(f"o /h 0x1ce {index}")
        await qmp.hmp(f"o /h 0x1cf {value}")


async def _at(qmp: QmpSession, folder: Path, size: str, count: int) -> list[Metric]:
    fast, slow, checker = Capture(qmp, folder, identity=True), Capture(qmp, folder), IdentityChecker()
    raw = folder / "raw.ppm"

    async def bare() -> None:
        await qmp.execute("screendump", filename=str(raw))
        with suppress(FileNotFoundError):
            raw.unlink()

    async def known() -> None:
        checker.check(await fast.grab(exact=False))

    async def dumped() -> None:
        checker.check(await slow.grab(exact=False))

    async def unknown() -> None:
        IdentityChecker().check(await fast.grab(exact=False))

    frame = await slow.grab(exact=False)
    other = np.array(frame.pixels)

    async def compared() -> None:
        compare(other, frame.pixels)

    for _ in range(3):  # the fast way is proved first
        await known()
    took = await _interleaved(
        {"bare": bare, "known": known, "dumped": dumped, "unknown": unknown, "compared": compared}, count
    )
    reference = took["bare"]
    names = {
        "known": "frame check, picture known, video memory",
        "unknown": "frame check, new picture, video memory",
        "dumped": "frame check, picture known, screendump",
        "compared": "comparison with an equal picture",
    }
    return [Metric(f"{text}, {size}", took[key], "ms", reference, "bare screendump") for key, text in names.items()]


async def _interleaved(work: dict[str, Callable[[], Awaitable[None]]], count: int) -> dict[str, float]:
    """Median milliseconds of each, taken in turn so that a change of the machine's speed hits all alike."""
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(count):
        for name, one in work.items():
            began = time.perf_counter()
            await one()
            took[name].append((time.perf_counter() - began) * 1000)
    return {name: median(values) for name, values in took.items()}
