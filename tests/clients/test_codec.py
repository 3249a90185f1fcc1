"""Control frames: what is sent is what arrives, and damage is seen."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients.codec import LINE_LIMIT, PAYLOAD_LIMIT, ControlDecoder, Garbage, Reply, decode, encode, pick
from harness.errors import UsageError

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=PAYLOAD_LIMIT)
ok_payload = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200).map(lambda s: f"ok {s}")
sequences = st.integers(1, 0xFFFF)


def test_the_example_of_the_protocol_page_is_what_encode_makes():
    assert encode(1, "create id=1 x=0 y=0 w=9") == b"~C00010017 create id=1 x=0 y=0 w=9 bd6b4b55\n"


def test_crc_covers_type_letter_to_last_payload_byte():
    line = encode(0xFFFF, "hello").decode()
    assert line.startswith("~Cffff0005 hello ")
    assert int(line[-9:-1], 16) == zlib.crc32(b"Cffff0005 hello")


@given(sequences, ok_payload)
def test_a_reply_survives_the_way(sequence, payload):
    assert decode(encode(sequence, payload, "R").decode().rstrip("\n")) == Reply(sequence, True, payload)


@given(sequences, printable)
def test_a_refusal_survives_the_way(sequence, payload):
    reply = decode(encode(sequence, payload, "E").decode()[:-1])
    assert isinstance(reply, Reply)
    assert not reply.ok
    assert reply.payload == payload


@given(sequences, ok_payload, st.data())
def test_one_changed_byte_never_yields_a_reply(sequence, payload, data):
    frame = bytearray(encode(sequence, payload, "R"))
    at = data.draw(st.integers(0, len(frame) - 2))
    frame[at] ^= data.draw(st.integers(1, 255))
    assert all(isinstance(item, Garbage) for item in ControlDecoder().feed(bytes(frame)))


@given(st.lists(st.tuples(sequences, ok_payload), max_size=8), st.data())
def test_replies_are_the_same_however_the_bytes_are_cut(replies, data):
    stream = b"".join(encode(n, p, "R") for n, p in replies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = ControlDecoder()
    found = [item for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) for item in decoder.feed(stream[a:b])]
    assert found == [Reply(n, True, p) for n, p in replies]


@given(st.binary(max_size=5000))
def test_any_bytes_are_survived_and_the_next_frame_is_read(noise):
    decoder = ControlDecoder()
    decoder.feed(noise)
    assert decoder.feed(b"\n" + encode(7, "ok", "R"))[-1] == Reply(7, True, "ok")


def test_a_line_without_end_is_dropped_once_and_held_in_bounded_memory():
    decoder = ControlDecoder()
    items = [item for _ in range(1000) for item in decoder.feed(b"x" * 1000)]
    assert [item.why for item in items] == ["overlong"]
    assert len(decoder._line) <= LINE_LIMIT + 1
    assert decoder.feed(b"tail\n" + encode(1, "ok", "R")) == [Reply(1, True, "ok")]


def test_the_longest_payload_passes_and_one_more_is_refused():
    frame = encode(0xFFFF, "ok" + "x" * (PAYLOAD_LIMIT - 2), "E")
    assert isinstance(ControlDecoder().feed(frame)[0], Reply)
    with pytest.raises(UsageError, match="longer than 1024"):
        encode(1, "x" * (PAYLOAD_LIMIT + 1))


@pytest.mark.parametrize("payload", ["", "a\nb", "a\x7f", "ü", "\t"])
def test_a_payload_that_is_not_printable_ascii_is_refused(payload):
    with pytest.raises(UsageError, match="printable"):
        encode(1, payload)


@pytest.mark.parametrize("sequence", [0, -1, 0x10000])
def test_a_command_needs_a_sequence_number_the_guest_can_answer(sequence):
    with pytest.raises(UsageError, match="sequence"):
        encode(sequence, "hello")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("RAYOS_SOAK:START", "form"),
        (encode(1, "hello").decode()[:-1], "type"),
        (encode(1, "fine", "R").decode()[:-1], "syntax"),
        ("~R00010002 ok 00000000", "crc"),
        (f"~R00010003 ok {zlib.crc32(b'R00010003 ok'):08x}", "length"),
        ("~R00010002 ok 12", "form"),
        ("~" * (LINE_LIMIT + 1), "overlong"),
    ],
)
def test_each_kind_of_damage_has_its_name(line, why):
    found = decode(line)
    assert isinstance(found, Garbage)
    assert found.why == why


def test_words_of_a_reply_and_reason_of_a_refusal():
    reply = Reply(1, True, "ok ticks=5 crc=00ff empty= odd ticks=6 a=b=c")
    assert dict(reply.words) == {"ticks": "5", "crc": "00ff", "empty": "", "a": "b=c"}
    assert reply.reason == ""
    assert Reply(1, False, "id 7 is taken").reason == "id"


def test_a_reply_is_picked_out_of_a_console_line_behind_other_text():
    frame = encode(3, "ok us=5", "R").decode()[:-1]
    assert pick(frame) == Reply(3, True, "ok us=5")
    assert pick(f"RAYOS_SOAK:STA{frame}") == Reply(3, True, "ok us=5")
    assert pick(f"~R00030007 ok~ ~~ {frame}") == Reply(3, True, "ok us=5")


def test_a_console_line_without_a_reply_is_none_and_a_damaged_one_is_garbage():
    assert pick("ls ~ ~R ~Rayos") is None
    assert pick(encode(3, "hello").decode()) is None  # our own, echoed
    damaged = pick(encode(3, "ok us=5", "R").decode()[:-2])
    assert isinstance(damaged, Garbage)


def test_crlf_line_ends_are_read():
    assert ControlDecoder().feed(encode(1, "ok", "R")[:-1] + b"\r\n") == [Reply(1, True, "ok")]
