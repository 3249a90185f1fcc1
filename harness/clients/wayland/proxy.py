"""A proxy between Wayland clients and a compositor that passes bytes and descriptors on and records both sides."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self

from harness.clients.wayland.objects import Side
from harness.clients.wayland.recording import Chunk
from harness.clients.wayland.sockets import recv_fds, send_fds

Listener = Callable[[int, Chunk], None]


class RecordingProxy:
    """Listens on one unix socket and connects each client to another. Made by `open`; a context manager.

    `sessions` has the chunks of each connection, in the order in which they came: one is recorded before the other side
    can answer it.
    """

    def __init__(self, listening: socket.socket, compositor: Path, listener: Listener | None) -> None:
        self._listening = listening
        self._compositor = compositor
        self._listener = listener
        self._tasks: set[asyncio.Task[None]] = set()
        self.sessions: list[list[Chunk]] = []

    @classmethod
    def open(cls, path: Path, compositor: Path, listener: Listener | None = None) -> Self:
        """Listen at *path* from now on.

        :param listener: called with the number of the connection and each chunk, once recorded.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        listening.listen()
        listening.setblocking(False)
        return cls(listening, compositor, listener)

    async def __aenter__(self) -> Self:
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop listening, and wait until the connections have ended by themselves; after an exception end them.

        :raises OSError: if the compositor could not be reached for a client.
        """
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listening.close()
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if kind is None and isinstance(result, BaseException):
                raise result

    async def _accept(self) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(self._listening)
            self.sessions.append([])
            self._tasks.add(asyncio.create_task(self._connect(len(self.sessions) - 1, client)))

    async def _connect(self, number: int, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as compositor:
            client.setblocking(False)
            compositor.setblocking(False)
            await asyncio.get_running_loop().sock_connect(compositor, str(self._compositor))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(number, Side.CLIENT, client, compositor))
                both.create_task(self._pass(number, Side.SERVER, compositor, client))

    async def _pass(self, number: int, side: Side, source: socket.socket, sink: socket.socket) -> None:
        while True:
            data, fds = await recv_fds(source)
            try:
                if data:
                    chunk = Chunk(side, data, len(fds))
                    self.sessions[number].append(chunk)
                    if self._listener is not None:
                        self._listener(number, chunk)
                    await send_fds(sink, data, fds)
                else:
                    sink.shutdown(socket.SHUT_WR)
                    return
            except (BrokenPipeError, ConnectionResetError):
                pass  # the sink is gone: what the source still says is recorded all the same
            except OSError:
                return  # shutdown of what is not connected any more
            finally:
                for fd in fds:
                    os.close(fd)
