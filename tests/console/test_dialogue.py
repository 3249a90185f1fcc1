"""Dialogue with a real shell on a pty, and with a scripted guest."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pexpect import EOF, TIMEOUT

from harness.console.dialogue import Dialogue, DialogueTimeoutError
from harness.console.pump import Console
from harness.console.socket_port import SocketPort
from harness.errors import TargetLost, UsageError
from harness.evidence.journal import Journal

Play = Callable[[Console, socket.socket], Awaitable[None]]


def with_guest(tmp_path: Path, play: Play) -> None:
    """Run *play* with a console and the guest's end of it."""

    async def run() -> None:
        ours, guest = socket.socketpair()
        journal = Journal(tmp_path / "journal.jsonl")
        port = SocketPort(ours)
        console = Console(port, journal, tmp_path / "serial.bin")
        pump = asyncio.create_task(console.run())
        try:
            async with asyncio.timeout(30):
                await play(console, guest)
        finally:
            guest.close()
            await pump
            await port.close()
            console.close()
            journal.close()

    asyncio.run(run())


def test_a_dialogue_with_a_real_shell(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        environment = {"PS1": "boot# ", "PATH": os.environ["PATH"]}
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-i", stdin=guest, stdout=guest, stderr=guest, env=environment, start_new_session=True
        )
        try:
            async with Dialogue(console, newline="\n") as talk:
                await talk.expect(["boot# "], 20)
                await talk.sendline("echo $((6*7))")
                assert await talk.expect(["no such", r"(\d{1,9})\n"], 20) == 1
                assert talk.after == "42\n"
                await talk.expect(["boot# "], 20)
                await talk.sendline("exit")
                guest.close()
                assert await talk.expect([EOF], 20) == 0
        finally:
            if shell.returncode is None:
                shell.kill()
            await shell.wait()

    with_guest(tmp_path, play)


def test_a_login_is_answered_step_by_step(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        async with Dialogue(console) as talk:
            guest.sendall(b"Welcome\r\nlogin: ")
            assert await talk.expect(["login: ", "#"], 10) == 0
            assert talk.before == "Welcome\r\n"
            await talk.sendline("root")
            assert await asyncio.to_thread(guest.recv, 100) == b"root\r"
            guest.sendall(b"root\r\n# ")
            assert await talk.expect(["login: ", "# "], 10) == 1

    with_guest(tmp_path, play)


def test_a_prompt_that_stands_there_already_is_seen(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        seen = asyncio.Event()
        console.on_chunk.append(lambda chunk: seen.set())
        guest.sendall(b"old line\nlogin: ")
        await seen.wait()
        async with Dialogue(console) as talk:
            assert await talk.expect(["old", "login: "], 10) == 1
            await talk.send("x")
        async with Dialogue(console) as talk:
            assert await talk.expect(["login: ", TIMEOUT], 0.01) == 1  # it was answered

    with_guest(tmp_path, play)


def test_a_timeout_says_what_came_instead(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        async with Dialogue(console) as talk:
            guest.sendall(b"kernel panic\x1b[0m")
            await talk.expect(["panic"], 10)
            guest.sendall(b" - not syncing")
            await talk.expect([" - "], 10)
            with pytest.raises(DialogueTimeoutError, match="no match for 'login: '"):
                await talk.expect(["login: "], 0.05)
            assert await talk.expect(["login: ", TIMEOUT], 0.01) == 1
            assert "not syncing" in talk.before

    with_guest(tmp_path, play)


def test_the_end_of_the_console_is_told(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        async with Dialogue(console) as talk:
            guest.sendall(b"bye\n")
            guest.close()
            with pytest.raises(TargetLost, match="console ended"):
                await talk.expect(["login: "], 10)
            assert await talk.expect(["login: ", EOF], 10) == 1
        async with Dialogue(console) as talk:
            assert await talk.expect([EOF], 10) == 0

    with_guest(tmp_path, play)


def test_a_cancelled_expect_gives_the_stream_back(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        async with Dialogue(console) as talk:
            waiting = asyncio.create_task(talk.expect(["never"], 1000))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            guest.sendall(b"login: ")
            assert await talk.expect(["login: "], 10) == 0

    with_guest(tmp_path, play)


@pytest.mark.parametrize("pattern", ["", ".*", "x+", "(", "a|"])
def test_a_pattern_without_bounds_is_refused(tmp_path: Path, pattern: str) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        async with Dialogue(console) as talk:
            with pytest.raises(UsageError):
                await talk.expect([pattern], 1)
            with pytest.raises(UsageError):
                await talk.expect([], 1)

    with_guest(tmp_path, play)


def test_a_match_across_reads_of_a_flood_is_found_in_bounded_memory(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        def flood() -> None:
            for _ in range(200):
                guest.sendall(b"x" * 10_000)
            guest.sendall(b"nee" + b"dle\n")

        async with Dialogue(console) as talk:
            waiting = asyncio.create_task(talk.expect(["xneedle"], 25))
            await asyncio.to_thread(flood)
            assert await waiting == 0
            assert len(talk.before) <= 256 * 1024
            assert talk._feed.dropped + len(talk.before) > 0

    with_guest(tmp_path, play)


def test_what_nobody_waits_for_is_dropped_from_its_start(tmp_path: Path) -> None:
    async def play(console: Console, guest: socket.socket) -> None:
        received = asyncio.Event()

        async with Dialogue(console) as talk:
            console.on_chunk.append(lambda chunk: received.set() if chunk.data.endswith(b"end") else None)
            await asyncio.to_thread(guest.sendall, b"start" + b"x" * (2 << 20) + b"end")
            await received.wait()
            assert talk.dropped == (1 << 20) + 8
            assert await talk.expect(["start", "end"], 20) == 1

    with_guest(tmp_path, play)
