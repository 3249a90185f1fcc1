"""Child processes: their end, their last words, and that none outlives the harness."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import timeouts
from harness.errors import LabError, UsageError
from harness.targets import process as module
from harness.targets import spawn
from harness.targets.process import ChildProcess, proc_state


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main

    asyncio.run(bounded())


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -11 $$", -11), ("kill $$", -15)]
)
def test_the_return_code_is_as_in_subprocess(script: str, code: int) -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sh", "-c", script])
        assert await child.wait() == code
        assert child.returncode == code

    run(main())


def test_no_zombie_is_left_once_the_end_was_seen() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["true"])
        await child.wait()
        assert proc_state(child.pid) == ""

    run(main())


def test_all_who_wait_are_told_and_one_who_gives_up_disturbs_nobody() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["cat", "/dev/stdin"])
        await child.wait()  # no standard input: it ends at once
        sleeper = ChildProcess.spawn(["sleep", "60"])
        first, second = (asyncio.create_task(sleeper.wait()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        sleeper.signal(signal.SIGKILL)
        assert await second == -9
        sleeper.signal(signal.SIGKILL)  # nothing to hit

    run(main())


def test_what_it_said_is_kept_also_when_it_is_much() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sh", "-c", "echo first; seq 100000; echo last words >&2; exit 1"])
        await child.wait()
        assert child.output.endswith("99999\n100000\nlast words")
        assert len(child.output) <= module.TAIL
        assert "first" not in child.output

    run(main())


def test_a_missing_program_is_the_callers_error() -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="there is no program 'no-such-program'"):
            ChildProcess.spawn(["no-such-program"])

    run(main())


def test_only_the_descriptors_named_are_inherited() -> None:
    async def main() -> None:
        read, write = os.pipe()
        other = os.open("/dev/null", os.O_RDONLY)
        child = ChildProcess.spawn(["ls", "/proc/self/fd"], pass_fds=[write])
        os.close(write)
        await child.wait()
        seen = {int(word) for word in child.output.split()}
        assert write in seen
        assert other not in seen
        assert not seen & {read}
        os.close(read)
        os.close(other)

    run(main())


def test_arguments_pass_the_guard_unchanged() -> None:
    async def main() -> None:
        words = ["a b", "$HOME", "`x`", "'", '"', "", "*", "\n", "é"]
        child = ChildProcess.spawn(["printf", "<%s>", *words])
        await child.wait()
        assert child.output == "".join(f"<{word}>" for word in words)

    run(main())


def test_it_has_a_process_group_of_its_own() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sleep", "60"])
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
        await child.end()

    run(main())


def test_its_children_go_with_it() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sh", "-c", "sleep 60 & echo $!; exec sleep 0"])
        await child.wait()
        grandchild = int(child.output)
        assert proc_state(grandchild) in {"", "Z"} or _gone(grandchild)

    run(main())


def _gone(pid: int) -> bool:
    """Wait for the end of a process that is not ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


async def said_something(child: ChildProcess) -> None:
    """Return once the child has printed."""
    loop = asyncio.get_running_loop()
    printed = loop.create_future()
    tail = child._output
    loop.add_reader(tail._descriptor, lambda: (tail.pull(), printed.done() or printed.set_result(None)))
    await printed


@pytest.fixture
def short_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUTS", replace(timeouts.TIMEOUTS, stop_soft=0.05, stop_term=0.05))


@pytest.mark.usefixtures("short_ladder")
@pytest.mark.parametrize(
    ("script", "soft", "code"),
    [
        ("exec sleep 60", None, -15),
        ("trap 'exit 3' TERM; echo; while :; do sleep 0.01; done", None, 3),
        ("trap '' TERM; echo; while :; do sleep 0.01; done", None, -9),
        ("exec sleep 60", "refuses", -15),
        ("exec sleep 60", "hangs", -15),
        ("trap 'exit 4' INT; echo; while :; do sleep 0.01; done", "works", 4),
    ],
)
def test_the_ladder_ends_it_whatever_it_does(script: str, soft: str | None, code: int) -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sh", "-c", script])
        if "echo" in script:
            await said_something(child)  # its trap is set by then

        async def ask() -> None:
            match soft:
                case "refuses":
                    raise LabError("no")
                case "hangs":
                    await asyncio.Event().wait()
                case "works":
                    child.signal(signal.SIGINT)

        assert await child.end(ask if soft else None) == code
        assert await child.end() == code

    run(main())


@pytest.mark.usefixtures("short_ladder")
def test_a_stopped_process_is_ended_too() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sleep", "60"])
        child.signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WSTOPPED)
        assert await child.end() == -9

    run(main())


def test_it_is_killed_when_its_ending_is_cancelled() -> None:
    async def main() -> None:
        child = ChildProcess.spawn(["sh", "-c", "trap '' TERM; exec sleep 60"])
        ending = asyncio.create_task(child.end(asyncio.Event().wait))
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        assert await child.wait() == -9

    run(main())


HOLDER = """
import asyncio, sys
sys.path.insert(0, {root!r})
from harness.targets.process import ChildProcess
async def main():
    child = ChildProcess.spawn(["sleep", "600"])
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
ROOT = str(Path(__file__).parents[2])


def test_kill_9_of_the_harness_leaves_no_child() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER.format(root=ROOT)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert proc_state(pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert _gone(pid)


def test_a_child_whose_parent_died_before_it_asked_for_the_signal_does_not_start() -> None:
    """What the guard sees then: a parent that is not the one that was named."""
    done = subprocess.run(
        ["/bin/sh", "-c", spawn._GUARD, "1234567", "echo", "started"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (125, b"")


def test_the_child_goes_when_the_thread_that_spawned_it_ends() -> None:
    children: list[ChildProcess] = []

    def thread() -> None:
        async def main() -> None:
            child = ChildProcess.spawn(["sh", "-c", "echo; exec sleep 600"])
            await said_something(child)
            children.append(child)

        asyncio.run(main())

    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    assert children[0]._popen.wait(10) == -9
