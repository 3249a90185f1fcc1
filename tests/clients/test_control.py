"""The control link: one in flight, numbered, repeated under the same number, never silently lost."""

import asyncio
import re

import pytest

from harness.clients.codec import encode
from harness.clients.control import REPEATS, ControlLink
from harness.errors import ForgottenError, ProtocolError, TargetLost, UsageError
from harness.evidence.journal import Journal, read_events


class FakeGuest:
    """A port whose other end answers as *answer* says, from (sequence, payload, how often seen) to bytes or None."""

    def __init__(self, answer):
        self.answer = answer
        self.seen = []
        self.bytes = asyncio.Queue()

    async def read(self):
        data = await self.bytes.get()
        if isinstance(data, Exception):
            raise data
        return data

    async def write(self, data):
        sequence, payload = re.fullmatch(rb"\n?~C(....).... (.*) ........\n", data).groups()
        self.seen.append((int(sequence, 16), payload.decode()))
        out = self.answer(*self.seen[-1], self.seen.count(self.seen[-1]))
        if out is not None:
            self.bytes.put_nowait(out)

    async def close(self):
        pass


def play(tmp_path, answer, body, **options):
    """Run *body(link, guest)* and return its result with the journal's events."""

    async def run():
        guest = FakeGuest(answer)
        link = ControlLink(guest, journal, **options)
        reader = asyncio.create_task(link.run())
        try:
            return await body(link, guest)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    journal = Journal(tmp_path / "journal.jsonl")
    result = asyncio.run(run())
    journal.close()
    return result, [(e.kind, dict(e.data)) for e in read_events(tmp_path / "journal.jsonl")]


def test_a_command_is_answered_and_both_are_in_the_journal(tmp_path):
    async def body(link, guest):
        return await link.command("hello"), await link.command("frames n=2")

    (hello, frames), events = play(tmp_path, lambda n, p, _: encode(n, f"ok verb={p.split()[0]}", "R"), body)
    assert hello.ok
    assert frames.words == {"verb": "frames"}
    assert events == [
        ("control.send", {"cseq": 1, "payload": "hello"}),
        ("control.reply", {"cseq": 1, "ok": True, "payload": "ok verb=hello"}),
        ("control.send", {"cseq": 2, "payload": "frames n=2"}),
        ("control.reply", {"cseq": 2, "ok": True, "payload": "ok verb=frames"}),
    ]


def test_a_refusal_is_a_reply_with_its_reason(tmp_path):
    async def body(link, guest):
        return await link.command("create id=1")

    reply, events = play(tmp_path, lambda n, p, _: encode(n, "id 1 exists", "E"), body)
    assert (reply.ok, reply.reason) == (False, "id")
    assert events[-1] == ("control.reply", {"cseq": 1, "ok": False, "payload": "id 1 exists"})


def test_a_damaged_reply_makes_the_same_number_go_out_again(tmp_path):
    async def body(link, guest):
        reply = await link.command("redraw id=1")
        return reply, guest.seen

    def answer(n, p, times):
        return encode(n, "ok", "R")[:-4] + b"zz0\n" if times == 1 else encode(n, "ok", "R")

    (reply, seen), events = play(tmp_path, answer, body)
    assert reply.ok
    assert seen == [(1, "redraw id=1")] * 2
    assert [kind for kind, _ in events] == ["control.send", "control.garbage", "control.repeat", "control.reply"]


def test_a_command_the_guest_could_not_read_goes_out_again(tmp_path):
    async def body(link, guest):
        return await link.command("query"), guest.seen

    (reply, seen), events = play(
        tmp_path, lambda n, p, times: encode(0, "crc", "E") if times == 1 else encode(n, "ok", "R"), body
    )
    assert reply.ok
    assert len(seen) == 2
    assert ("control.repeat", {"cseq": 1, "attempt": 1, "why": "guest:crc"}) in events


def test_a_lost_reply_is_asked_for_again_after_silence(tmp_path):
    async def body(link, guest):
        return await link.command("query"), guest.seen

    (_, seen), events = play(
        tmp_path, lambda n, p, times: None if times < 3 else encode(n, "ok", "R"), body, repeat_after=0.01
    )
    assert seen == [(1, "query")] * 3
    assert [d["why"] for k, d in events if k == "control.repeat"] == ["silence", "silence"]


def test_a_line_that_damages_every_answer_is_given_up_with_its_reason(tmp_path):
    async def body(link, guest):
        with pytest.raises(ProtocolError, match="never answered readably"):
            await link.command("query")
        return guest.seen

    seen, _ = play(tmp_path, lambda *_: b"~R0001 garbage\n", body)
    assert seen == [(1, "query")] * (REPEATS + 1)


def test_a_silent_guest_is_a_timeout_in_the_journal_and_nothing_is_sent_twice(tmp_path):
    async def body(link, guest):
        with pytest.raises(TimeoutError, match="control command 1"):
            await link.command("query", timeout=0.02)
        return guest.seen

    seen, events = play(tmp_path, lambda *_: None, body)
    assert seen == [(1, "query")]
    assert events[-1] == ("control.timeout", {"cseq": 1, "seconds": 0.02})


def test_a_late_reply_is_not_taken_for_the_answer_to_the_next_command(tmp_path):
    async def body(link, guest):
        with pytest.raises(TimeoutError):
            await link.command("query", timeout=0.02)
        return await link.command("hello")

    def answer(n, p, _):
        return None if n == 1 else encode(1, "ok late=1", "R") + encode(2, "ok now=1", "R")

    reply, events = play(tmp_path, answer, body)
    assert reply.words == {"now": "1"}
    assert ("control.stray", {"cseq": 1, "ok": True, "payload": "ok late=1"}) in events


def test_a_reply_behind_garbage_in_the_same_read_is_not_lost(tmp_path):
    async def body(link, guest):
        return await link.command("query")

    reply, _ = play(tmp_path, lambda n, p, times: b"noise\n" + encode(n, f"ok t={times}", "R"), body)
    assert reply.words["t"] == "1"


def test_the_echo_of_our_own_command_is_no_reason_to_repeat(tmp_path):
    async def body(link, guest):
        return await link.command("query"), guest.seen

    (_, seen), _ = play(tmp_path, lambda n, p, _: encode(n, p) + encode(n, "ok", "R"), body)
    assert len(seen) == 1


def test_two_callers_have_one_command_in_flight(tmp_path):
    async def body(link, guest):
        first = asyncio.create_task(link.command("a"))
        second = asyncio.create_task(link.command("b"))
        for _ in range(20):
            await asyncio.sleep(0)
        in_flight = list(guest.seen)
        guest.bytes.put_nowait(encode(1, "ok", "R"))
        guest.bytes.put_nowait(encode(2, "ok", "R"))
        await first
        return in_flight, (await asyncio.gather(second, return_exceptions=True))

    (in_flight, _), events = play(tmp_path, lambda n, p, _: None if n == 1 else encode(n, "ok", "R"), body)
    assert in_flight == [(1, "a")]
    assert [k for k, _ in events if k in ("control.send", "control.reply")][:3] == [
        "control.send",
        "control.reply",
        "control.send",
    ]


def test_sequence_numbers_wrap_to_one(tmp_path):
    async def body(link, guest):
        await link.command("a")
        await link.command("b")
        return [n for n, _ in guest.seen]

    seen, _ = play(tmp_path, lambda n, p, _: encode(n, "ok", "R"), body, first=0xFFFF)
    assert seen == [0xFFFF, 1]


@pytest.mark.parametrize("end", [b"", TargetLost("gone")])
def test_a_port_that_closes_fails_the_command_in_flight_and_the_next(tmp_path, end):
    async def body(link, guest):
        with pytest.raises(TargetLost):
            await link.command("a")
        with pytest.raises(TargetLost):
            await link.command("b")
        return len(guest.seen)

    seen, _ = play(tmp_path, lambda *_: end, body)
    assert seen == 1


def test_a_payload_that_cannot_be_sent_uses_up_no_number(tmp_path):
    async def body(link, guest):
        with pytest.raises(UsageError):
            await link.command("a\nb")
        await link.command("a")
        return guest.seen

    seen, events = play(tmp_path, lambda n, p, _: encode(n, "ok", "R"), body)
    assert seen == [(1, "a")]
    assert len(events) == 2


def test_a_flood_of_garbage_does_not_fill_the_journal(tmp_path):
    async def body(link, guest):
        guest.bytes.put_nowait(b"noise\n" * 5000)
        guest.bytes.put_nowait(encode(9, "ok", "R"))
        return (await link.command("query")).ok

    ok, events = play(tmp_path, lambda n, p, _: encode(n, "ok", "R"), body)
    assert ok
    assert 100 < len(events) < 110


def test_inline_replies_come_from_the_consoles_lines(tmp_path):
    async def run():
        sent = []

        async def send(data):
            sent.append(data)
            assert link.feed_line("RAYOS_SOAK:CLIENT_CREATED:1") is False
            assert link.feed_line("torn" + encode(1, "ok", "R").decode()[:-1]) is True

        link = ControlLink.inline(send, journal)
        await link.run()
        return await link.command("create id=1"), sent

    journal = Journal(tmp_path / "j")
    reply, sent = asyncio.run(run())
    assert reply.ok
    assert sent == [encode(1, "create id=1")]


def test_a_command_whose_machine_begins_anew_is_given_up_and_the_next_one_is_answered(tmp_path):
    async def body(link, guest):
        guest.answer = lambda *_: link.forget()
        with pytest.raises(ForgottenError):
            await link.command("disk do=flush")
        guest.answer = lambda n, *_: encode(n, "ok", "R")
        return await link.command("query")

    reply, events = play(tmp_path, None, body)
    assert reply.ok
    assert [kind for kind, _ in events] == ["control.send", "control.forgotten", "control.send", "control.reply"]


def test_a_new_epoch_forgets_the_half_reply_of_the_old_one(tmp_path):
    async def body(link, guest):
        with pytest.raises(TimeoutError):
            await link.command("crash kind=reboot", timeout=0.02)
        link.forget()
        return await link.command("hello")

    reply, events = play(tmp_path, lambda n, p, _: b"~R0001" if n == 1 else encode(n, "ok", "R"), body)
    assert reply.ok
    assert "control.garbage" not in [kind for kind, _ in events]


def test_a_link_without_a_way_to_send_is_refused(tmp_path):
    with pytest.raises(UsageError, match="port"):
        ControlLink(None, Journal(tmp_path / "j"))
