"""The control link: one command at a time, each answered, sent again under its own number when the answer was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from harness.clients.codec import SEQUENCE_LIMIT, ControlDecoder, Garbage, Reply, encode, pick
from harness.console.types import BytePort
from harness.errors import ForgottenError, LabError, ProtocolError, TargetLost, UsageError
from harness.evidence.journal import Journal
from harness.timeouts import TIMEOUTS, host

REPEATS = 3  # further attempts of one command; a line that damages four answers in a row is broken, not noisy
Send = Callable[[bytes], Awaitable[None]]
_NOTED = 100  # damaged and stray lines that go to the journal; a guest may send them without end


class ControlLink:
    """The host's end of the control protocol, on a port of its own or inline on the console.

    Journal events: `control.send` {cseq, payload} and `control.reply` {cseq, ok, payload} once for each command;
    `control.repeat` {cseq, attempt, why}, `control.timeout` {cseq, seconds}, `control.forgotten` {cseq} if it begins
    anew; of `control.garbage` {why, text} and `control.stray` {cseq, ok, payload} the first hundred.

    :param port: the control port; `run` drains it.
    :param journal: where to write what passes.
    :param send: in inline mode (no port) sends all of the bytes to the guest; `feed_line` then gets each console line.
    :param repeat_after: seconds of silence after which a command is sent again. None (for a line that loses nothing) is
        never: a byte that arrives while the guest works on a long command makes a virtual run depend on host time.
    :param first: the first sequence number; on a guest that was commanded before, the one after its last.
    """

    def __init__(
        self,
        port: BytePort | None,
        journal: Journal,
        *,
        send: Send | None = None,
        repeat_after: float | None = None,
        first: int = 1,
    ) -> None:
        write = port.write if port is not None else send
        if write is None:
            raise UsageError("a control link needs a port or a way to send")
        self._port = port
        self._send = write
        self._journal = journal
        self.repeat_after = repeat_after
        self._last_frame = b""
        self._next = first
        self.last_sequence = 0  # of the last command of this boot, 0 before the first
        self._turn = asyncio.Lock()
        self._expected: int | None = None
        self._inbox: asyncio.Queue[Reply | Garbage | LabError] = asyncio.Queue()
        self._decoder = ControlDecoder()
        self._lost: TargetLost | None = None
        self._noted = 0

    @classmethod
    def inline(cls, send: Send, journal: Journal, *, repeat_after: float | None = None, first: int = 1) -> Self:
        """A link between the markers of the console."""
        return cls(None, journal, send=send, repeat_after=repeat_after, first=first)

    async def run(self) -> None:
        """The reader task: drain the port until it ends. In inline mode there is nothing to read: it returns at once.

        :raises harness.errors.TargetLost: if the port dropped; commands raise it too.
        """
        if self._port is None:
            return
        try:
            while data := await self._port.read():
                for item in self._decoder.feed(data):
                    self._take(item)
        except TargetLost as error:
            self.lose(error)
            raise
        finally:
            self.lose(TargetLost("the control port is closed"))

    def forget(self) -> None:
        """A new boot epoch begins: what was half received belongs to the old one."""
        self._decoder = ControlDecoder()
        self._lost = None
        if self._expected is not None:
            self._journal.append("control.forgotten", cseq=self._expected)
            self._inbox.put_nowait(ForgottenError(f"control command {self._expected} was lost with its machine"))
        self.last_sequence = 0

    async def command(self, payload: str, timeout: float | None = None) -> Reply:
        """Send one command and return the guest's answer, be it a refusal. Waits its turn: one is in flight.

        :param timeout: host seconds, already stretched; None is `TIMEOUTS.control_reply`.
        :raises harness.errors.UsageError: for a payload that the protocol cannot carry.
        :raises TimeoutError: if the guest did not answer in time.
        :raises harness.errors.ProtocolError: if answers came, but `REPEATS` + 1 of them could not be read.
        :raises harness.errors.TargetLost: if the port is gone.
        :raises harness.errors.ForgottenError: if the machine was started anew meanwhile.
        """
        limit = host(TIMEOUTS.control_reply) if timeout is None else timeout
        async with self._turn:
            if self._lost is not None:
                raise self._lost
            sequence = self._next
            frame = encode(sequence, payload)
            self._next = sequence % SEQUENCE_LIMIT + 1
            self._inbox = asyncio.Queue()
            self._expected = self.last_sequence = sequence
            self._last_frame = frame
            self._journal.append("control.send", cseq=sequence, payload=payload)
            try:
                async with asyncio.timeout(limit):
                    await self._send(frame)
                    reply = await self._answer(sequence, frame)
            except TimeoutError:
                self._journal.append("control.timeout", cseq=sequence, seconds=limit)
                raise TimeoutError(f"no answer to control command {sequence} ({payload}) within {limit:g} s") from None
            finally:
                self._expected = None
            self._journal.append("control.reply", cseq=sequence, ok=reply.ok, payload=reply.payload)
            return reply

    async def again(self) -> bool:
        """Send the last command of this boot once more; the guest answers it as before, does nothing, and says that it
        waits. Returns whether there was one. Writes `control.repeat`.

        :raises harness.errors.TargetLost: if the port is gone.
        """
        async with self._turn:
            if not self.last_sequence:
                return False
            self._journal.append("control.repeat", cseq=self.last_sequence, attempt=0, why="no rendezvous")
            await self._send(b"\n" + self._last_frame)
            return True

    def feed_line(self, text: str) -> bool:
        """One line of the console, in inline mode. Returns whether it held a reply, whole or damaged."""
        found = pick(text)
        if found is not None:
            self._take(found)
        return found is not None

    def lose(self, error: TargetLost) -> None:
        """The guest is gone: the command in flight and every later one raise *error*. The first one counts."""
        if self._lost is None:
            self._lost = error
            self._inbox.put_nowait(error)

    async def _answer(self, sequence: int, frame: bytes) -> Reply:
        attempt = 1
        while not isinstance(got := await self._reply_or_trouble(sequence), Reply):
            if attempt > REPEATS:
                raise ProtocolError(
                    f"control command {sequence} was sent {attempt} times and never answered readably (last: {got})",
                    "see the control.garbage events of the journal: a wrong line speed, or two programs on one port?",
                )
            self._journal.append("control.repeat", cseq=sequence, attempt=attempt, why=got)
            await self._send(b"\n" + frame)  # an empty line flushes what the guest may hold of the one that it got half
            attempt += 1
        return got

    async def _reply_or_trouble(self, sequence: int) -> Reply | str:
        try:
            async with asyncio.timeout(self.repeat_after):
                got = await self._inbox.get()
            while isinstance(got, Garbage) and not self._inbox.empty():  # a burst of noise counts once
                got = self._inbox.get_nowait()
        except TimeoutError:
            return "silence"
        match got:
            case LabError():
                raise got
            case Garbage(why=why):
                return why
            case Reply(seq=0):
                return f"guest:{got.reason}"
            case Reply():
                return got

    def _take(self, item: Reply | Garbage) -> None:
        match item:
            case Garbage(why=why, text=text):
                self._note("control.garbage", {"why": why, "text": text})
                if why != "type" and self._expected is not None:
                    self._inbox.put_nowait(item)
            case Reply(seq=seq) if self._expected is not None and seq in (self._expected, 0):
                self._inbox.put_nowait(item)
            case Reply(seq=seq, ok=ok, payload=payload):
                self._note("control.stray", {"cseq": seq, "ok": ok, "payload": payload})

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        self._noted += 1
        if self._noted <= _NOTED:
            self._journal.append(kind, **data)
