"""The journal survives being cut anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.journal import Journal, read_events


def _write(path: Path, count: int = 5) -> None:
    journal = Journal(path)
    for index in range(count):
        journal.append("tick", index=index, text="ünïcode \x1b[31m <b>")
    journal.close()


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.append("first", guest_us=7, words=["a", 1, None])
    journal.close()
    (event,) = read_events(tmp_path / "j")
    assert (event.seq, event.kind, event.guest_us, event.data) == (0, "first", 7, {"words": ["a", 1, None]})


def test_a_journal_cut_at_any_byte_reads_up_to_its_last_whole_event(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    _write(whole)
    data = whole.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == 0x0A]
    for cut in range(len(data) + 1):
        part = tmp_path / "part"
        part.write_bytes(data[:cut])
        events = list(read_events(part))
        assert len(events) == sum(1 for end in ends if end <= cut)
        assert [e.seq for e in events] == list(range(len(events)))


@pytest.mark.parametrize("damage", [b"garbage\n", b'{"seq": 7, "host_ns": 0, "kind": "x"}\n', b"[]\n", b"null\n"])
def test_reading_stops_at_a_damaged_event(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j"
    _write(path, 2)
    with path.open("ab") as stream:
        stream.write(damage)
        stream.write(b'{"seq":2,"host_ns":1,"kind":"late"}\n')
    assert [e.kind for e in read_events(path)] == ["tick", "tick"]


def test_listeners_hear_events_in_order_and_after_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    heard: list[int] = []

    def listen(event: object) -> None:
        heard.append(len(list(read_events(tmp_path / "j"))))

    journal.listen(listen)
    journal.append("a")
    journal.append("b")
    assert heard == [1, 2]
