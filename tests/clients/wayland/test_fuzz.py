"""Whatever comes over the wire: a message, or the right typed error; never a crash, a hang or another message."""

import asyncio
import base64
import struct
from collections import deque
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.clients.codec import Reply
from harness.clients.wayland.codec import decode, encode
from harness.clients.wayland.connection import Connection
from harness.clients.wayland.errors import Fault, PeerError, WireError
from harness.clients.wayland.framing import Frame, FrameSplitter
from harness.clients.wayland.objects import Side
from harness.clients.wayland.recording import Chunk, Reader, calls, load
from harness.clients.wayland.transport import Received
from harness.clients.wayland.tunnel import TunnelTransport
from harness.errors import ProtocolError, UsageError

from .strategies import MESSAGES, unhurried

SESSIONS = {path.stem: load(path) for path in sorted((Path(__file__).parent / "sessions").glob("*.jsonl"))}
"""Of Weston 10 with its demo clients, recorded by the proxy."""

sides = st.sampled_from(Side)
chunks = st.builds(Chunk, sides, st.binary(max_size=60), st.integers(0, 2))


def understood(session):
    """The messages up to the first error, and the error; None if there was none."""
    found = []
    try:
        for call in calls(session):
            found.append(call)  # what came before an error counts
    except WireError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_is_whole_and_encodes_to_its_bytes(name):
    session = SESSIONS[name]
    found, error = understood(session)
    assert error is None
    for side in Side:
        sent = b"".join(chunk.data for chunk in session if chunk.side is side)
        assert b"".join(call.encode().data for call in found if call.side is side) == sent


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_cut_after_any_byte_is_the_messages_before_and_says_whether_one_is_unfinished(name):
    session = SESSIONS[name]
    whole, _ = understood(session)
    for n, chunk in enumerate(session):
        reader = Reader()
        before = [call for earlier in session[:n] for call in reader.feed(earlier)]
        splitter = FrameSplitter()
        for side_chunk in [earlier for earlier in session[:n] if earlier.side is chunk.side]:
            splitter.feed(side_chunk.data)
        for at in range(len(chunk.data)):
            before += reader.feed(Chunk(chunk.side, chunk.data[at : at + 1], 0 if at else chunk.fds))
            splitter.feed(chunk.data[at : at + 1])
            if splitter.pending:
                with pytest.raises(WireError) as raised:
                    reader.finish()
                assert raised.value.fault is Fault.UNFINISHED
        assert before == whole[: len(before)]


@given(st.lists(chunks, max_size=12))
@unhurried
def test_arbitrary_bytes_are_messages_or_a_wire_error(session):
    understood(session)


@given(st.sampled_from(sorted(SESSIONS)), st.data())
@settings(unhurried, max_examples=200)
def test_a_damaged_session_is_understood_up_to_the_damage(name, data):
    session = SESSIONS[name]
    whole, _ = understood(session)
    n = data.draw(st.integers(0, len(session) - 1))
    chunk = session[n]
    at = data.draw(st.integers(0, len(chunk.data) - 1))
    head, tail = chunk.data[:at], chunk.data[at:]
    new = data.draw(
        st.sampled_from(
            [
                head + bytes([tail[0] ^ data.draw(st.integers(1, 255))]) + tail[1:],
                head + data.draw(st.binary(min_size=1, max_size=8)) + tail,
                head + tail[data.draw(st.integers(1, 8)) :],
                head + head + tail,
            ]
        )
    )
    damaged = [*session[:n], Chunk(chunk.side, new, chunk.fds), *session[n + 1 :]]
    found, error = understood(damaged)
    reader = Reader()
    safe = sum(len(list(reader.feed(earlier))) for earlier in session[:n])
    assert found[:safe] == whole[:safe]
    assert error is None or isinstance(error.fault, Fault)


@given(st.sampled_from(sorted(SESSIONS)), st.data())
@unhurried
def test_chunks_in_another_order_are_understood_or_refused(name, data):
    understood(data.draw(st.permutations(SESSIONS[name][:12])))


bodies = st.lists(st.one_of(st.integers(0, 12), st.integers(0, 0xFFFFFFFF)), max_size=10).map(
    lambda words: struct.pack(f"<{len(words)}I", *words)
)


@given(st.sampled_from(MESSAGES), bodies, st.lists(st.builds(object), max_size=2))
@settings(unhurried, max_examples=500)
@example(MESSAGES[0], b"", [])
def test_what_decodes_encodes_to_the_same_bytes(message, body, fds):
    frame = Frame(5, message.opcode, body)
    left = deque(fds)
    try:
        decoded = decode(frame, message, left)
    except WireError:
        return
    encoded = encode(5, message, decoded.values, decoded.padding)
    assert encoded.data == frame.to_bytes()
    assert [*encoded.fds, *left] == fds


async def until_it_ends(connection):
    while True:
        await connection.roundtrip()


class Babble:
    """A `Transport` whose compositor says *pieces* and ends."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    async def send(self, data, fds):
        pass

    async def recv(self):
        return self.pieces.pop(0) if self.pieces else Received(closed=True)

    async def close(self):
        pass


words = st.builds(
    lambda id_, opcode, body: Frame(id_, opcode, body).to_bytes(), st.integers(0, 4), st.integers(0, 3), bodies
)


@given(st.lists(st.builds(Received, st.binary(max_size=40) | words, st.lists(st.just("fd"), max_size=1).map(tuple))))
@unhurried
def test_a_connection_to_a_babbling_compositor_ends_in_a_typed_error(pieces):
    async def run():
        async with Connection(Babble(pieces)) as connection:
            with pytest.raises(PeerError):
                await until_it_ends(connection)

    asyncio.run(run())


answers = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60) | st.builds(
    lambda queued, data, rest: f"ok queued={queued} data={base64.b64encode(data).decode()}{rest}",
    st.integers(-1, 3) | st.text(max_size=3),
    st.binary(max_size=40),
    st.sampled_from(["", " closed=1", " fds=1", " fds=", " fds=1,2,x"]),
)


@given(st.lists(st.builds(Reply, st.just(1), st.booleans(), answers), max_size=6))
@unhurried
def test_a_tunnel_to_a_babbling_guest_ends_in_a_typed_error_or_says_that_it_is_idle(replies):
    class Guest:
        async def command(self, _):
            return replies.pop(0) if replies else Reply(1, True, "ok queued=0 data= closed=1")

    async def run():
        async with Connection(TunnelTransport(Guest(), 0)) as connection:
            try:
                await connection.roundtrip()
            except (PeerError, ProtocolError):
                replies.clear()

    asyncio.run(run())


@given(st.text(max_size=40) | st.sampled_from(['{"side":"client"}', '{"side":1,"data":"","fds":0}', "[]", "1"]))
@unhurried
def test_a_line_that_is_no_chunk_is_refused(line):
    with pytest.raises(UsageError):
        Chunk.from_json(line)
