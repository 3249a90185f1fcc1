"""A host that gives QEMU no time is not the guest's fault; a guest that loops is, however little time it gets.

A cgroup throttles a real QEMU here. `test_verdicts.py` has the same with SIGSTOP.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine.context import Context
from harness.evidence.journal import Event
from harness.scenario.builder import ScenarioBuilder
from harness.targets.qemu import QemuTarget
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system
MOUNT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # us, the kernel's default

Throttle = Callable[[int, float], None]


@pytest.fixture
def throttle() -> Iterator[Throttle]:
    """`throttle(pid, share)`: the process gets that share of one CPU from now on."""
    parent = MOUNT / "cpu" if (MOUNT / "cpu").is_dir() else MOUNT
    group = parent / f"harness-test-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"throttling needs a writable cgroup cpu controller, and {parent} is none: {error.strerror}")
    second = not (group / "cpu.cfs_quota_us").exists()
    if second and not (group / "cpu.max").exists():
        group.rmdir()
        pytest.skip(f"throttling needs the cgroup cpu controller, which {parent} does not offer")

    def put(pid: int, share: float) -> None:
        quota = int(PERIOD * share)
        if second:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        (group / "cgroup.procs").write_text(str(pid))

    try:
        yield put
    finally:
        group.rmdir()  # its process is gone, or this fails


def at(kind: str, throttle: Throttle, share: float, **data: object) -> Callable[[Context], None]:
    """Throttle QEMU as soon as the journal has an event of *kind* with these values."""

    def on_start(ctx: Context) -> None:
        def note(event: Event) -> None:
            if event.kind == kind and all(event.data.get(key) == value for key, value in data.items()):
                pid = getattr(ctx.target, "pid", None)
                assert isinstance(pid, int)
                throttle(pid, share)

        ctx.journal.listen(note)

    return on_start


WORK = "frames n=100000"  # with windows that redraw at each tick: minutes even on an idle host


def test_a_guest_that_works_in_a_throttled_qemu_is_inconclusive(play: Play, throttle: Throttle) -> None:
    scenario = (
        ScenarioBuilder("throttled", image="reference")
        .boot()
        .command("create id=1 x=40 y=60 w=900 h=600 color=3a6ea5 kind=checker", "animate id=1 on=1")
        .command(WORK, timeout=3)
    )
    outcome = play(scenario, on_start=at("control.send", throttle, 0.1, payload=WORK))
    found = outcome.verdict.first_cause
    assert found is not None
    assert (outcome.verdict.verdict, found.cause) == (Verdict.INCONCLUSIVE, "host-starved"), found


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_boot_in_a_throttled_qemu_is_inconclusive(
    play: Play, throttle: Throttle, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = QemuTarget.go

    async def throttled(target: QemuTarget) -> None:
        assert target.pid is not None
        throttle(target.pid, 0.01)
        await go(target)

    monkeypatch.setattr(QemuTarget, "go", throttled)
    scenario = ScenarioBuilder("throttled", image="reference").boot("RAYOS_KIT:DESKTOP", timeout=0.3)
    outcome = play(scenario, clock=clock)
    found = outcome.verdict.first_cause
    assert found is not None
    assert (outcome.verdict.verdict, found.cause) == (Verdict.INCONCLUSIVE, "host-starved"), found
    assert found.evidence["window_s"] >= 0.3, "the sample is not about all of the step"


def test_a_boot_that_was_done_only_after_its_deadline_is_no_pass(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A starving QEMU may answer `cont` so late that the guest has said all by then."""
    ready = asyncio.Event()
    go = QemuTarget.go

    async def late(target: QemuTarget) -> None:
        await go(target)
        await ready.wait()
        await asyncio.sleep(0.01)  # ten times the deadline, which runs since before the marker was looked at

    def watch(ctx: Context) -> None:
        ctx.evaluator.on_marker.append(lambda marker: ready.set() if marker.family == "KIT" else None)

    monkeypatch.setattr(QemuTarget, "go", late)
    scenario = ScenarioBuilder("late", image="reference").boot("RAYOS_KIT:DESKTOP", timeout=0.001)
    outcome = play(scenario, on_start=watch)
    assert outcome.verdict.verdict is not Verdict.PASS
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.step == 0


@pytest.mark.parametrize("share", [0.2, 0.1])
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_real_loop_in_a_throttled_qemu_is_a_hang(play: Play, throttle: Throttle, share: float, clock: str) -> None:
    loop = "crash kind=cliloop"
    scenario = ScenarioBuilder("loop", image="reference").boot().command(loop, timeout=2)
    outcome = play(scenario, on_start=at("control.reply", throttle, share, payload="ok"), clock=clock)
    found = outcome.verdict.first_cause
    assert found is not None
    assert (outcome.verdict.verdict, found.cause) == (Verdict.HANG, "spin-interrupts-off"), found
