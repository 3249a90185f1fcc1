"""The tunnel of the Weston guest, run here: bytes and descriptors cross it whole, both its ends stay small, ends and
refusals have their types. (tests/system/test_weston_wayland.py has it in the guest, before the real compositor.)
"""

import asyncio
import os
import random
import signal
import socket
import struct
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.clients.wayland import port as port_module
from harness.clients.wayland.errors import Refused
from harness.clients.wayland.port import CONNECTIONS, WaylandPort
from harness.clients.wayland.sockets import recv_fds, send_fds
from harness.errors import LabError, ProtocolError, TargetLost, UsageError
from harness.timeouts import host

ROOT = Path(__file__).parents[3]
LIMIT = host(60.0)
MAIN = r"""
#include "agent.h"
#include <stdlib.h>
#include <sys/wait.h>
static int port;
int open_virtual(const char *name) { (void)name; return port; }
void reset_signals(void) {}
int main(int count, char **words)
{
    int status;
    port = atoi(words[count - 1]);
    start_tunnel();
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The agent's tunnel as a program of its own; its argument is the descriptor of the port."""
    folder = tmp_path_factory.mktemp("tunnel")
    (folder / "main.c").write_text(MAIN)
    sources = [folder / "main.c", ROOT / "images/weston/agent/tunnel.c"]
    headers = [f"-I{ROOT / name}" for name in ("images/weston/agent", "images/weston/client", "images/reference/kit")]
    strict = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    subprocess.run(["gcc", *strict, *headers, "-o", folder / "tunnel", *sources], check=True)
    return folder / "tunnel"


class Ends:
    """The host's end, and the compositor's: a socket where connections arrive and somebody else has to answer."""

    def __init__(self, wayland, listening, process):
        self.wayland, self.process = wayland, process
        self.ends_with = 0  # it does when the host lets go of the port
        self.sockets = []
        self._listening = listening

    async def connect(self):
        """A connection: the client's end and the compositor's."""
        opening = asyncio.create_task(self.wayland.open())
        compositor, _ = await asyncio.get_running_loop().sock_accept(self._listening)
        compositor.setblocking(False)
        self.sockets.append(compositor)
        return await opening, compositor

    def signal(self, number):
        os.killpg(self.process.pid, number)


@pytest.fixture
def play(program, tmp_path):
    """Runs a coroutine function with `Ends`."""

    def start(port):
        return subprocess.Popen([program, str(port)], env=environment, pass_fds=[port], start_new_session=True)

    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0"}

    @asynccontextmanager
    async def ends():
        wayland = WaylandPort()
        with socket.socket(socket.AF_UNIX) as listening, wayland.plug() as far:
            listening.bind(str(tmp_path / "wayland-0"))
            listening.listen()
            listening.setblocking(False)
            process = start(far.fileno())
            far.close()
            try:
                both = Ends(wayland, listening, process)
                async with wayland:
                    yield both
                assert process.wait(LIMIT) == both.ends_with
                for compositor in both.sockets:
                    compositor.close()
            finally:
                process.kill()
                process.wait()

    async def run(body):
        async with asyncio.timeout(LIMIT), ends() as both:
            await body(both)

    return lambda body: asyncio.run(run(body))


async def take(transport, count):
    """So many bytes, and the files that came with them."""
    found, files = bytearray(), []
    while len(found) < count:
        received = await transport.recv()
        assert not received.closed
        found += received.data
        files += received.fds
    return bytes(found), files


async def hear(compositor, count):
    found, fds = bytearray(), []
    while len(found) < count:
        data, new = await recv_fds(compositor)
        assert data
        found += data
        fds += new
    return bytes(found), fds


def test_bytes_and_what_is_behind_descriptors_cross_whole_both_ways(play):
    rng = random.Random(5)
    data, content, answer = rng.randbytes(300_000), rng.randbytes(150_000), rng.randbytes(200_000)

    async def body(ends):
        transport, compositor = await ends.connect()
        memory = await transport.memory(200_000)
        await memory.put(7, content)
        heard, _ = await asyncio.gather(hear(compositor, len(data)), transport.send(data, [memory]))
        (fd,) = heard[1]
        assert heard[0] == data
        assert os.pread(fd, 300_000, 0) == bytes(7) + content + bytes(200_000 - 7 - len(content))
        os.pwrite(fd, b"later", 0)
        taken, _ = await asyncio.gather(take(transport, len(answer)), send_fds(compositor, answer, [fd, fd]))
        assert taken[0] == answer
        assert [(await file.read(0, 8)) for file in taken[1]] == [b"later" + bytes(2) + content[:1]] * 2
        await memory.put(199_998, b"me")
        assert (await taken[1][1].read(150_000))[-3:] == b"\0me"
        os.close(fd)

    play(body)


def test_a_pipe_gives_what_the_compositors_client_wrote_and_ends_with_it(play, monkeypatch):
    async def body(ends):
        transport, compositor = await ends.connect()
        pipe = await transport.pipe()
        await transport.send(b"here", [pipe])
        _, (fd,) = await hear(compositor, 4)
        reading = asyncio.create_task(pipe.read())
        os.set_blocking(fd, False)
        os.write(fd, b"x" * 60_000)
        os.close(fd)
        assert await reading == b"x" * 60_000

        monkeypatch.setattr(port_module, "READ_MOST", 100)
        endless = await transport.memory(200)
        with pytest.raises(LabError, match="goes on after 100 bytes"):
            await endless.read()
        assert await endless.read(0, 200) == bytes(200)

    play(body)


def test_a_client_that_takes_nothing_makes_the_compositor_wait_and_nobody_else(play):
    data = random.Random(6).randbytes(4 << 20)

    async def body(ends):
        slow, compositor = await ends.connect()
        other, its = await ends.connect()
        accepted = 0

        async def say():
            nonlocal accepted
            for start in range(0, len(data), 4096):
                await send_fds(compositor, data[start : start + 4096], [])
                accepted = start + 4096

        saying = asyncio.create_task(say())
        for _ in range(300):  # enough for all of the data, were it taken
            await send_fds(its, bytes(16_000), [])
            await take(other, 16_000)
        assert accepted < 1 << 20, "a window of 64 KiB, and what the kernel's buffers hold"
        assert (await take(slow, len(data)))[0] == data
        await saying

    play(body)


@pytest.mark.long  # it waits 5 s for the compositor
def test_a_compositor_that_takes_nothing_loses_the_connection_and_is_named(play):
    async def body(ends):
        transport, compositor = await ends.connect()
        await transport.send(bytes(1 << 20), [])
        with pytest.raises(Refused, match=r"what was sent: ETIMEDOUT"):
            await transport.recv()
        assert (await transport.recv()).closed
        compositor.close()
        await (await ends.connect())[0].close()

    play(body)


def test_more_memory_than_the_guest_has_to_give_is_refused_by_name_until_some_is_closed(play):
    async def body(ends):
        transport, _ = await ends.connect()
        first = await transport.memory(40 << 20)
        second = await transport.memory(40 << 20)
        with pytest.raises(Refused, match=r"file 2: ENOMEM"):
            await transport.recv()
        with pytest.raises(Refused, match=r"file 2: EBADF"):
            await second.read(0, 1)
        await first.close()
        assert await (await transport.memory(40 << 20)).read(0, 1) == b"\0"

    play(body)


def test_what_cannot_cross_is_refused_before_it_is_sent(play):
    async def body(ends):
        transport, _ = await ends.connect()
        other, _ = await ends.connect()
        with pytest.raises(UsageError, match=r"3 cannot go through the port: send what memory\(\) or pipe\(\) gives"):
            await transport.send(b"x", [3])
        with pytest.raises(UsageError, match="is of another connection"):
            await transport.send(b"x", [await other.memory(4)])
        for _ in range(2, CONNECTIONS):
            await ends.connect()
        with pytest.raises(UsageError, match="8 connections are open"):
            await ends.wayland.open()

    play(body)


def test_where_no_compositor_listens_a_connection_is_refused_and_its_number_is_free_again(play, tmp_path):
    async def body(ends):
        (tmp_path / "wayland-0").rename(tmp_path / "away")
        for _ in range(CONNECTIONS + 1):
            with pytest.raises(Refused, match="the connection: ENOENT"):
                await ends.wayland.open()
        (tmp_path / "away").rename(tmp_path / "wayland-0")
        await ends.connect()

    play(body)


def test_a_connection_hears_nothing_of_the_one_that_had_its_number_before(play):
    async def body(ends):
        for _ in range(5):
            old, compositor = await ends.connect()
            await send_fds(compositor, b"old" * 10_000, [])
            await old.send(b"x", [await old.memory(1 << 40)])  # refused as well
            await old.close()  # all of it is on its way
            new, compositor = await ends.connect()
            await send_fds(compositor, b"new", [])
            assert (await new.recv()).data == b"new"
            await new.close()

    play(body)


def test_a_write_that_was_given_up_half_way_does_not_tear_the_stream(play, monkeypatch):
    monkeypatch.setattr(port_module, "_SEND_BUFFER", 4096)  # a message goes in pieces
    content = random.Random(7).randbytes(8 << 20)

    async def body(ends):
        transport, _ = await ends.connect()
        memory = await transport.memory(len(content))
        ends.signal(signal.SIGSTOP)
        writing = asyncio.create_task(memory.put(0, content))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not writing.done(), "more than a socket holds"
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        ends.signal(signal.SIGCONT)
        await memory.put(0, content)
        assert await memory.read() == content

    play(body)


def test_a_machine_that_goes_ends_what_waits_for_it_and_what_comes_later(play):
    async def body(ends):
        transport, compositor = await ends.connect()
        pipe = await transport.pipe()
        await transport.send(b"here", [pipe])
        _, fds = await hear(compositor, 4)  # kept open: nothing comes, and no end
        waiting = [asyncio.create_task(transport.recv()), asyncio.create_task(pipe.read())]
        await (await transport.memory(4)).read(0, 1)  # both have begun to wait
        ends.signal(signal.SIGKILL)
        for task in waiting:
            with pytest.raises(TargetLost, match="the machine with the Wayland port is gone"):
                await task
        with pytest.raises(TargetLost):
            await transport.recv()
        with pytest.raises(TargetLost):
            await ends.wayland.open()
        await transport.close()
        os.close(*fds)
        ends.ends_with = -signal.SIGKILL

    play(body)


def test_the_answer_to_an_opening_that_was_given_up_is_not_taken_for_that_of_the_next():
    async def body():
        wayland = WaylandPort()
        with wayland.plug() as far:
            async with asyncio.timeout(LIMIT), wayland:
                with pytest.raises(LabError, match="did not answer on its Wayland port within 0 s"):
                    await wayland.open(timeout=0)
                opening = asyncio.create_task(wayland.open())
                await asyncio.sleep(0)
                for token, errno in ((1, 111), (2, 0)):
                    far.send(struct.pack("<5I", ord("O"), 1, 8, token, errno))
                await opening

    asyncio.run(body())


@pytest.mark.parametrize(
    "said",
    [b"D\0\0\0\1\0\0\0\0\0\0\7", b"?\0\0\0\1\0\0\0\0\0\0\0", b"D\0\0\0\1\0\0\0\2\0\0\0xx"],
    ids=["long", "kind", "short"],
)
def test_a_guest_that_says_something_else_is_told_as_a_protocol_error(said):
    async def body():
        wayland = WaylandPort()
        with wayland.plug() as far:
            far.setblocking(False)
            async with asyncio.timeout(LIMIT), wayland:
                opening = asyncio.create_task(wayland.open())
                asked = await asyncio.get_running_loop().sock_recv(far, 100)
                far.send(b"O\0\0\0\1\0\0\0\x08\0\0\0" + asked[12:16] + bytes(4) + said)
                transport = await opening
                with pytest.raises(ProtocolError, match="is not what a tunnel says"):
                    await transport.recv()

    asyncio.run(body())
