"""A QMP server to talk to: what it says is up to the test."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence.journal import Journal
from harness.qmp.session import QmpSession

GREETING = {
    "QMP": {
        "version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": "Debian"},
        "capabilities": ["oob"],
    }
}


class FakeQemu:
    """The far end of a session. `replies` maps a command to its result, an exception text, or None for silence."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.replies: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, greeting: Any = GREETING) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self.sock)
        self.say(greeting)
        while line := await reader.readline():
            request = json.loads(line)
            self.seen.append(request)
            name = request["execute"]
            reply = self.replies.get(name, {})
            if reply is None:
                continue
            if isinstance(reply, str):
                self.say({"error": {"class": "GenericError", "desc": reply}, "id": request.get("id")})
            else:
                self.say({"return": reply, "id": request.get("id")})

    def say(self, message: Any) -> None:
        assert self._writer is not None
        self._writer.write(json.dumps(message).encode() + b"\n")

    def event(self, name: str, **data: Any) -> None:
        self.say({"event": name, "data": data, "timestamp": {"seconds": 10, "microseconds": 500000}})

    def die(self) -> None:
        assert self._writer is not None
        self._writer.transport.abort()


Body = Callable[[QmpSession, FakeQemu], Awaitable[None]]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def talk(journal: Journal) -> Callable[[Body], None]:
    """Runs a test's body with a connected session and the far end of it."""

    def run(body: Body) -> None:
        async def main() -> None:
            near, far = socket.socketpair()
            qemu = FakeQemu(far)
            server = asyncio.create_task(qemu.serve())
            session = QmpSession(journal)
            try:
                async with asyncio.timeout(20):
                    await session.connect(near, 42)
                    await body(session, qemu)
            finally:
                await session.close()
                server.cancel()
                await asyncio.gather(server, return_exceptions=True)
                if qemu._writer is not None:
                    qemu._writer.close()

        asyncio.run(main())
        journal.close()

    return run
