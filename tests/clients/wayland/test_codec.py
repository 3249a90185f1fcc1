"""Messages to bytes and back: what is sent is what is read, and every way to be wrong has its name."""

import struct
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients.wayland.codec import Encoded, NewId, decode, encode
from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import MESSAGE_LIMIT, Frame, FrameSplitter
from harness.clients.wayland.protocol import standard
from harness.errors import UsageError

from .strategies import ids, messages, unhurried

I = standard()  # noqa: E741
ATTACH = I["wl_surface"].request("attach")
TITLE = I["xdg_toplevel"].request("set_title")
ACCEPT = I["wl_data_offer"].request("accept")
BIND = I["wl_registry"].request("bind")
POOL = I["wl_shm"].request("create_pool")
MOTION = I["wl_pointer"].events[2]
ENTER = I["wl_keyboard"].events[1]


def frame(data):
    (found,) = FrameSplitter().feed(data)
    return found


def words(*values):
    return struct.pack(f"<{len(values)}I", *values)


@pytest.mark.parametrize(
    ("message", "values", "body"),
    [
        (ATTACH, (None, -1, 7), words(0, 0xFFFFFFFF, 7)),
        (TITLE, ("abc",), words(4) + b"abc\0"),
        (TITLE, ("abcd",), words(5) + b"abcd\0\0\0\0"),
        (TITLE, ("",), words(1) + b"\0\0\0\0"),
        (TITLE, ("\udcff",), words(2) + b"\xff\0\0\0"),
        (ACCEPT, (9, None), words(9, 0)),
        (BIND, (3, NewId("wl_shm", 1, 5)), words(3, 7) + b"wl_shm\0\0" + words(1, 5)),
        (MOTION, (1, -0.5, 256.00390625), words(1, 0xFFFFFF80, 0x10001)),
        (ENTER, (1, 2, b"\1\2\3\4\5"), words(1, 2, 5) + b"\1\2\3\4\5\0\0\0"),
    ],
)
def test_a_message_is_these_bytes(message, values, body):
    data = struct.pack("<II", 77, (8 + len(body)) << 16 | message.opcode) + body
    assert encode(77, message, values) == Encoded(data)
    assert decode(frame(data), message, deque()).values == values


def test_descriptors_go_beside_the_bytes_in_order():
    encoded = encode(3, POOL, (4, "the fd", 4096))
    assert encoded == Encoded(words(3, 16 << 16, 4, 4096), ("the fd",))
    fds = deque(["the fd", "the next one"])
    assert decode(frame(encoded.data), POOL, fds).values == (4, "the fd", 4096)
    assert fds == deque(["the next one"])


@given(ids, messages, st.binary(max_size=12))
@unhurried
def test_every_message_with_any_values_comes_back_and_its_bytes_too(sender, drawn, padding):
    message, values = drawn
    encoded = encode(sender, message, values, padding)
    fds = deque(encoded.fds)
    decoded = decode(frame(encoded.data), message, fds)
    assert decoded.values == values
    assert not fds
    assert encode(sender, message, decoded.values, decoded.padding) == encoded


def test_padding_is_zero_unless_said_otherwise_and_a_decoder_sees_what_it_was():
    assert decode(frame(encode(1, TITLE, ("abcd",)).data), TITLE, deque()).padding == b"\0\0\0"
    dirty = encode(1, TITLE, ("abcd",), b"\0x").data
    assert dirty.endswith(b"abcd\0\0x\0")
    assert decode(frame(dirty), TITLE, deque()).padding == b"\0x\0"


@pytest.mark.parametrize(
    ("message", "body", "fault"),
    [
        (ATTACH, words(1, 2), Fault.TRUNCATED),
        (ATTACH, words(1, 2, 3, 4), Fault.TRAILING),
        (TITLE, b"", Fault.TRUNCATED),
        (TITLE, words(0), Fault.NULL),
        (TITLE, words(4) + b"abcd", Fault.UNTERMINATED),
        (TITLE, words(4) + b"a\0c\0", Fault.INNER_NUL),
        (TITLE, words(5) + b"abc\0", Fault.TRUNCATED),
        (TITLE, words(0xFFFFFFFF) + b"abc\0", Fault.TRUNCATED),
        (ENTER, words(1, 2, 9) + bytes(8), Fault.TRUNCATED),
        (ENTER, words(1, 0, 0), Fault.NULL),
        (I["wl_display"].request("sync"), words(0), Fault.NULL),
        (BIND, words(3, 0, 1, 5), Fault.NULL),
        (BIND, words(3, 7) + b"wl_shm\0\0" + words(1), Fault.TRUNCATED),
        (BIND, words(3, 7) + b"wl_shm\0\0" + words(1, 0), Fault.NULL),
        (POOL, words(4, 4096), Fault.FD),
    ],
)
def test_each_wrong_body_has_its_fault_and_says_where(message, body, fault):
    with pytest.raises(WireError) as raised:
        decode(Frame(77, message.opcode, body), message, deque())
    assert (raised.value.fault, raised.value.object_id, raised.value.opcode) == (fault, 77, message.opcode)
    assert message.name in raised.value.detail


@pytest.mark.parametrize(
    ("message", "values"),
    [
        (ATTACH, (None, 1)),
        (ATTACH, (None, 1 << 31, 0)),
        (ATTACH, (0, 1, 0)),
        (ATTACH, (-1, 1, 0)),
        (ATTACH, (None, 1.5, 0)),
        (ATTACH, ("surface", 1, 0)),
        (TITLE, (None,)),
        (TITLE, ("a\0b",)),
        (TITLE, (b"abc",)),
        (TITLE, ("x" * MESSAGE_LIMIT,)),
        (MOTION, (1, float("nan"), 0)),
        (MOTION, (1, 1e10, 0)),
        (ENTER, (1, 2, "abc")),
        (ENTER, (1, None, b"")),
        (BIND, (3, 5)),
    ],
)
def test_values_that_the_wire_cannot_carry_are_refused(message, values):
    with pytest.raises(UsageError):
        encode(1, message, values)


@pytest.mark.parametrize(("value", "word"), [(0.001953125, 0), (0.005859375, 2), (-0.001953125, 0), (1 / 3, 85)])
def test_fixed_rounds_to_the_nearest_with_ties_to_even(value, word):
    assert encode(1, MOTION, (0, value, 0)).data[12:16] == words(word)


def test_the_longest_message_passes_and_one_word_more_is_refused():
    longest = "x" * (MESSAGE_LIMIT - 8 - 4 - 1)
    data = encode(1, TITLE, (longest,)).data
    assert len(data) == MESSAGE_LIMIT
    assert decode(frame(data), TITLE, deque()).values == (longest,)
    with pytest.raises(UsageError, match="longer than 4096"):
        encode(1, TITLE, (longest + "x",))


@pytest.mark.parametrize("size", [0, 4, 7, 9, 10, MESSAGE_LIMIT + 4, 0xFFFC])
def test_a_header_that_cannot_be_right_ends_the_stream(size):
    splitter = FrameSplitter()
    good = Frame(1, 0, b"").to_bytes()
    first, second = splitter.feed(good + words(5, size << 16 | 3) + good)
    assert first == Frame(1, 0, b"")
    assert isinstance(second, WireError)
    assert (second.fault, second.object_id, second.opcode) == (Fault.SIZE, 5, 3)
    assert splitter.feed(good) == []
    assert splitter.pending == 0


@given(st.lists(st.binary(max_size=5).map(lambda b: Frame(len(b), 3, b * 4)), max_size=8), st.data())
@unhurried
def test_frames_are_the_same_however_the_stream_is_cut(frames, data):
    stream = b"".join(item.to_bytes() for item in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    splitter = FrameSplitter()
    assert [
        f for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) for f in splitter.feed(stream[a:b])
    ] == frames
    splitter.finish()


def test_a_stream_that_ends_inside_a_message_is_unfinished_and_little_is_held():
    splitter = FrameSplitter()
    data = Frame(1, 0, bytes(MESSAGE_LIMIT - 8)).to_bytes()
    assert len(splitter.feed(data * 50 + data[:-4])) == 50
    assert splitter.pending == MESSAGE_LIMIT - 4
    with pytest.raises(WireError, match="unfinished"):
        splitter.finish()
