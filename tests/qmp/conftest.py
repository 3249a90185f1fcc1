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


class Refusal(str):
    """The sentence of a QMP error."""


class FakeQemu:
    """The far end of a session. `replies` maps a command to its result, a Refusal, or None for silence."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.replies: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []
        self._writer: asyncio.StreamWriter | None = None
        self._arrived = asyncio.Event()

    async def got(self, command: str) -> None:
        """Return once *command* has arrived."""
        while not any(request["execute"] == command for request in self.seen):
            self._arrived.clear()
            await self._arrived.wait()

    async def serve(self, greeting: Any = GREETING) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self.sock)
        self.say(greeting)
        text = ""
        try:
            while data := await reader.read(4096):
                text += data.decode()
                while text:  # requests follow each other without a newline
                    request, end = json.JSONDecoder().raw_decode(text)
                    text = text[end:].lstrip()
                    self._answer(request)
        finally:
            self._writer.close()

    def _answer(self, request: dict[str, Any]) -> None:
        self.seen.append(request)
        self._arrived.set()
        reply = self.replies.get(request["execute"], {})
        if isinstance(reply, Refusal):
            self.say({"error": {"class": "GenericError", "desc": str(reply)}, "id": request.get("id")})
        elif reply is not None:
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

        asyncio.run(main())
        journal.close()

    return run
