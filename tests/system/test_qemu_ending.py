"""The end of a QEMU: asked, killed, stopped by a signal, or left alone by a harness that died. Guests of 512 bytes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import TargetLost

from .machines import ROOT, Start, run
from .sectors import (
    FLOOD,
    IDLE,
)

pytestmark = pytest.mark.system


def test_stopping_asks_first_and_all_is_told(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            waiting = asyncio.create_task(machine.target.wait_exit())
            ended = await machine.target.stop()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (0, True, "host-qmp-quit")
            assert await waiting == ended == await machine.target.stop()
            assert machine.qmp_events("SHUTDOWN")[0]["reason"] == "host-qmp-quit"

    run(main())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGSEGV, -11)])
def test_a_qemu_that_is_killed_is_not_asked(start: Start, number: int, code: int) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            await machine.until(b"hello\r\n")
            os.kill(machine.target.pid, number)
            ended = await machine.target.wait_exit()
            assert (ended.returncode, ended.asked, ended.shutdown_reason) == (code, False, None)
            assert await machine.rest() == b""
            with pytest.raises(TargetLost):
                await machine.qmp.execute("cont")
            assert not (await machine.target.stop()).asked

    run(main())


def test_a_qemu_that_somebody_stopped_by_a_signal_is_ended_in_time(start: Start) -> None:
    async def main() -> None:
        async with start(IDLE) as machine:
            await machine.target.go()
            os.kill(machine.target.pid, signal.SIGSTOP)
            async with asyncio.timeout(10):
                assert (await machine.target.stop()).returncode == -9

    run(main())


def test_a_flood_that_nobody_reads_holds_up_neither_the_monitor_nor_the_end(start: Start) -> None:
    async def main() -> None:
        async with start(FLOOD) as machine:
            await machine.target.go()
            await machine.until(b"x")
            assert (await machine.qmp.execute("query-status"))["status"] == "running"
            assert (await machine.target.stop()).returncode == 0
            rest = await machine.rest()
            assert set(rest) <= {ord("x")}

    run(main())


HOLDER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
sys.path.insert(0, {tests!r})
from sectors import IDLE, image, profile, sector
from harness.evidence.journal import Journal
from harness.targets.qemu import QemuTarget
async def main():
    folder = Path({folder!r})
    target = QemuTarget(profile(image(folder, sector(IDLE))))
    await target.start(Journal(folder / "journal.jsonl"))
    await target.go()
    print(target.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_kill_9_of_the_harness_leaves_no_qemu(tmp_path: Path) -> None:
    code = HOLDER.format(root=ROOT, tests=str(Path(__file__).parent), folder=str(tmp_path))
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    qemu = os.pidfd_open(pid)
    assert "qemu-system" in Path(f"/proc/{pid}/cmdline").read_text()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert select.select([qemu], [], [], 10)[0], "QEMU outlived the harness"
    os.close(qemu)
