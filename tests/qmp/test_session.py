"""The QMP session against a server that answers, refuses, is silent, floods and dies."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import timeouts
from harness.errors import LabError, ProtocolError, TargetLost
from harness.evidence.journal import Event, Journal
from harness.qmp import session as module
from harness.qmp.input import Key, VmStoppedError, send_event
from harness.qmp.session import QmpError, QmpEvent, QmpSession, QmpTimeoutError

from .conftest import FakeQemu, Refusal

Talk = Callable[..., None]


def test_a_command_goes_out_with_its_arguments_and_its_result_comes_back(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["query-status"] = {"status": "running"}
        assert await session.execute("query-status") == {"status": "running"}
        qemu.replies["human-monitor-command"] = "text\r\n"
        assert await session.hmp("info cpus") == "text\r\n"
        assert qemu.seen[-1]["arguments"] == {"command-line": "info cpus"}
        assert session.version == "7.2.22 (Debian)"
        assert session.pid == 42

    talk(body)


def test_a_refusal_is_typed_and_names_the_command(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["eject"] = Refusal("Device 'x' not found")
        with pytest.raises(QmpError, match="QEMU refused eject: Device 'x' not found") as caught:
            await session.execute("eject")
        assert (caught.value.command, caught.value.error_class) == ("eject", "GenericError")

    talk(body)


def test_silence_ends_at_the_deadline_and_the_session_goes_on(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["stop"] = None
        with pytest.raises(QmpTimeoutError, match="did not answer stop"):
            await session.execute("stop", 0.01)
        qemu.say({"return": {}, "id": qemu.seen[-1]["id"]})  # the late reply is nobody's
        assert await session.execute("cont") == {}

    talk(body)


def test_one_deadline_holds_for_a_failed_command_and_all_that_clean_up_behind_it(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["screendump"] = qemu.replies["cont"] = None
        with session.bounded(0.01), session.bounded(1000):
            for command in ("screendump", "cont", "query-status"):
                with pytest.raises(QmpTimeoutError, match=f"did not answer {command} within 0"):
                    await session.execute(command)
        assert await session.execute("query-status") == {}  # and for nothing behind it

    talk(body)


def test_a_death_during_a_command_is_a_lost_target(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["stop"] = None
        pending = asyncio.create_task(session.execute("stop"))
        await qemu.got("stop")
        qemu.die()
        with pytest.raises(TargetLost, match="went away during stop"):
            await pending
        await session.wait_closed()
        assert not session.alive
        with pytest.raises(TargetLost):
            await session.execute("cont")

    talk(body)


def test_nothing_is_printed_when_the_other_end_goes(talk: Talk, capfd: pytest.CaptureFixture[str]) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        waiting = session.next_event("SHUTDOWN")  # and nobody ever looks
        qemu.die()
        await session.wait_closed()
        assert waiting.done()

    talk(body)
    assert capfd.readouterr() == ("", "")


def test_an_event_is_in_the_journal_before_a_listener_hears_of_it(talk: Talk, journal: Journal) -> None:
    order: list[str] = []
    journal.listen(lambda event: order.append(f"journal {event.data['name']}"))

    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        session.listen(lambda event: order.append(f"listener {event.name} {event.timestamp}"))
        seen = session.next_event("STOP")
        qemu.event("STOP", reason="x")
        assert (await seen).data == {"reason": "x"}

    talk(body)
    assert order == ["journal STOP", "listener STOP 10.5"]


def test_the_journal_has_name_data_and_the_time_of_qemu(talk: Talk, journal: Journal) -> None:
    events: list[Event] = []
    journal.listen(events.append)

    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        seen = session.next_event("SHUTDOWN")
        qemu.event("SHUTDOWN", guest=True, reason="guest-reset")
        await seen

    talk(body)
    assert events[0].kind == "qmp.event"
    assert events[0].data == {
        "name": "SHUTDOWN",
        "data": {"guest": True, "reason": "guest-reset"},
        "timestamp": 10.5,
    }
    json.dumps(events[0].to_json())


def test_an_event_that_comes_with_the_reply_of_its_cause_is_not_missed(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        seen = session.next_event("RESUME", "STOP")
        qemu.event("OTHER")
        qemu.event("STOP")
        await session.execute("stop")
        assert (await seen).name == "STOP"

    talk(body)


def test_an_event_that_does_not_come_ends_at_the_deadline(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        with pytest.raises(QmpTimeoutError, match="no RESET event within"):
            await session.wait_event("RESET", within=0.01)
        assert not session._waiting

    talk(body)


def test_who_waits_for_an_event_hears_of_the_death(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        waiting = asyncio.create_task(session.wait_event("RESET"))
        await asyncio.sleep(0)
        qemu.die()
        with pytest.raises(TargetLost):
            await waiting
        with pytest.raises(TargetLost):
            await session.next_event("RESET")

    talk(body)


def test_the_iterator_gives_all_events_and_ends_with_the_connection(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        names: list[str] = []

        async def collect() -> None:
            async for event in session.events():
                names.append(event.name)

        collector = asyncio.create_task(collect())
        await asyncio.sleep(0)
        for number in range(100):
            qemu.event(f"E{number}")
        await session.execute("query-status")
        qemu.die()
        await collector
        assert names == [f"E{number}" for number in range(100)]
        assert [event async for event in session.events()] == []

    talk(body)


def test_events_that_one_iterator_leaves_unread_do_not_fill_the_memory(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENT_BACKLOG", 10)

    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        stream = session.events()
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        for number in range(50):
            qemu.event(f"E{number}")
        await session.execute("query-status")
        assert (await first).name == "E0"
        with pytest.raises(LabError, match="left unread"):
            assert [event.name async for event in stream] == []
        assert not session._queues

    talk(body)


def test_events_are_kept_by_nobody(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        for _ in range(100):
            qemu.event("E")
        await session.execute("query-status")
        client = session._client
        assert client is not None
        assert all(not listener.history and listener.empty() for listener in client._listeners)

    talk(body)


def test_a_listener_that_fails_is_not_silenced(journal: Journal) -> None:
    async def main() -> None:
        near, far = socket.socketpair()
        qemu = FakeQemu(far)
        server = asyncio.create_task(qemu.serve())
        session = QmpSession(journal)

        def fail(event: QmpEvent) -> None:
            raise RuntimeError("a bug")

        session.listen(fail)
        await session.connect(near)
        qemu.event("E")
        await session.wait_closed()
        with pytest.raises(RuntimeError, match="a bug"):
            await session.close()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)

    asyncio.run(main())


def test_the_session_can_be_connected_to_the_next_life(journal: Journal) -> None:
    async def main() -> None:
        session = QmpSession(journal)
        heard: list[str] = []
        session.listen(lambda event: heard.append(event.name))
        for life in ("FIRST", "SECOND"):
            near, far = socket.socketpair()
            qemu = FakeQemu(far)
            server = asyncio.create_task(qemu.serve())
            await session.connect(near)
            qemu.event(life)
            await session.execute("query-status")
            qemu.die()
            await session.wait_closed()
            await session.close()
            await server
        assert heard == ["FIRST", "SECOND"]

    asyncio.run(main())


@pytest.mark.parametrize("greeting", [{"hello": 1}, "text", []])
def test_what_does_not_greet_as_qemu_is_a_protocol_error(journal: Journal, greeting: object) -> None:
    async def main() -> None:
        near, far = socket.socketpair()
        server = asyncio.create_task(FakeQemu(far).serve(greeting))
        with pytest.raises(ProtocolError, match="no QMP greeting"):
            await QmpSession(journal).connect(near)
        await server

    asyncio.run(main())


def test_an_end_that_hangs_up_before_greeting_is_a_lost_target(journal: Journal) -> None:
    async def main() -> None:
        near, far = socket.socketpair()
        far.close()
        with pytest.raises(TargetLost, match="closed its monitor before it was ready"):
            await QmpSession(journal).connect(near)
        assert near.fileno() == -1

    asyncio.run(main())


def test_an_end_that_never_greets_ends_at_the_deadline(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUTS", replace(timeouts.TIMEOUTS, qmp_connect=0.01))

    async def main() -> None:
        near, far = socket.socketpair()
        with far, pytest.raises(TargetLost, match="did not greet"):
            await QmpSession(journal).connect(near)
        assert near.fileno() == -1

    asyncio.run(main())


def test_input_to_a_stopped_machine_says_that_it_is_stopped(talk: Talk) -> None:
    async def body(session: QmpSession, qemu: FakeQemu) -> None:
        qemu.replies["input-send-event"] = Refusal("VM not running")
        with pytest.raises(VmStoppedError, match="key a down: the machine is stopped"):
            await send_event(session, Key("a", True))
        qemu.replies["input-send-event"] = Refusal("Input handler not found for event type key")
        with pytest.raises(QmpError, match="handler not found"):
            await send_event(session, Key("a", True))

    talk(body)


def test_closing_twice_and_before_connecting_is_fine(journal: Journal, tmp_path: Path) -> None:
    async def main() -> None:
        session = QmpSession(journal)
        await session.close()
        await session.close()
        with pytest.raises(TargetLost):
            await session.execute("cont")

    asyncio.run(main())
