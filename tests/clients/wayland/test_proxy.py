"""The proxy passes everything on, both ways, and writes down what it was."""

import asyncio
import os
import socket
import tempfile
from pathlib import Path

import pytest

from harness.clients.wayland.objects import Side
from harness.clients.wayland.proxy import RecordingProxy
from harness.clients.wayland.sockets import SocketTransport, recv_fds, send_fds
from harness.errors import LabError, UsageError
from harness.timeouts import host

LIMIT = host(30.0)


def play(body):
    """Run *body(client, server, proxy)*: two ends that only meet in a proxy. Gives the recorded session."""

    async def run():
        with tempfile.TemporaryDirectory(prefix="proxy-") as name, socket.socket(socket.AF_UNIX) as listening:
            folder = Path(name)
            listening.bind(str(folder / "server"))
            listening.listen()
            listening.setblocking(False)
            async with asyncio.timeout(LIMIT), RecordingProxy.open(folder / "proxy", folder / "server") as proxy:
                client = await SocketTransport.connect(folder / "proxy")
                server = SocketTransport((await asyncio.get_running_loop().sock_accept(listening))[0])
                try:
                    await body(client, server, proxy)
                finally:
                    await client.close()
                    await server.close()
            return proxy.sessions

    return asyncio.run(run())


async def receive(transport, length):
    data, files = b"", []
    while len(data) < length:
        received = await transport.recv()
        assert not received.closed
        data += received.data
        files += received.fds
    return data, [await file.read() for file in files]


def test_bytes_and_descriptors_go_through_both_ways_and_are_recorded():
    async def body(client, server, _):
        for side, other in ((client, server), (server, client)):
            files = [await side.memory(3) for _ in range(3)]
            for n, file in enumerate(files):
                await file.put(0, b"fd%d" % n)
            await side.send(b"one two", files)
            await side.send(b"three", [])
            assert await receive(other, 12) == (b"one twothree", [b"fd0", b"fd1", b"fd2"])

    (session,) = play(body)
    for side in Side:
        mine = [chunk for chunk in session if chunk.side is side]
        assert b"".join(chunk.data for chunk in mine) == b"one twothree"
        assert sum(chunk.fds for chunk in mine) == 3


def test_more_than_a_sockets_buffer_holds_goes_through():
    data = os.urandom(3_000_000)

    async def body(client, server, _):
        sending = asyncio.create_task(client.send(data, [await client.memory(1)]))
        assert await receive(server, len(data)) == (data, [b"\0"])
        await sending

    (session,) = play(body)
    assert b"".join(chunk.data for chunk in session) == data


@pytest.mark.parametrize("who", [0, 1])
def test_the_end_of_one_side_is_the_end_of_the_other(who):
    async def body(*ends_and_proxy):
        ends = ends_and_proxy[:2]
        await ends[0].send(b"last words", [])
        assert (await receive(ends[1], 10))[0] == b"last words"
        await ends[who].close()
        assert (await ends[1 - who].recv()).closed

    play(body)


def test_what_one_side_says_to_one_that_is_gone_is_no_error():
    async def body(client, server, _):
        await server.close()
        assert (await client.recv()).closed
        for _ in range(3):
            await client.send(b"anybody?", [])

    play(body)


def test_no_descriptor_of_the_proxy_stays_open():
    before = len(list(Path("/proc/self/fd").iterdir()))

    async def body(client, server, _):
        for _ in range(20):
            await client.send(b"x", [await client.memory(1)])
        await receive(server, 20)
        await server.close()

    play(body)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_knows_its_bounds():
    async def run():
        ours, theirs = socket.socketpair()
        with theirs:
            transport = SocketTransport(ours)
            file = await transport.memory(16)
            await file.fill(4, [(3, 0x01020304)])
            assert await file.read() == bytes(4) + b"\4\3\2\1" * 3
            assert await file.read(5, 2) == b"\3\2"
            for at, length in [(-1, 1), (16, 1), (0, 17)]:
                with pytest.raises(UsageError, match="not inside a file of 16"):
                    await file.put(at, bytes(length))
            await transport.close()
            await transport.close()

    asyncio.run(run())


def test_a_socket_without_a_compositor_is_the_labs_fault(tmp_path):
    with pytest.raises(LabError, match="no compositor"):
        asyncio.run(SocketTransport.connect(tmp_path / "nobody"))


def test_a_descriptor_comes_no_later_than_its_bytes():
    async def run():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            await send_fds(ours, b"abc", [0, 1])
            data, fds = await recv_fds(theirs)
            for fd in fds:
                os.close(fd)
            assert (data, len(fds)) == (b"abc", 2)

    asyncio.run(run())
