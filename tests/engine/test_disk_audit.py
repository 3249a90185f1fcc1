"""What the guest acknowledged against what stands on its disk."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.engine.disk_audit import DiskAudit
from harness.errors import LabError
from harness.evidence.journal import Journal
from harness.targets.base import Target
from harness.targets.served_disk import ServedDisk


def record(sequence: int, data: bytes) -> bytes:
    body = (b"RLG1" + struct.pack("<QI", sequence, len(data)) + data).ljust(508, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))


class Talk:
    """A journal in which a guest was commanded, and what the audit wrote there of the disk."""

    def __init__(self, folder: Path, *sectors: bytes) -> None:
        image = folder / "disk.img"
        image.write_bytes(b"".join(sectors).ljust(64 * 512, b"\0"))
        self.disk = ServedDisk("disk0")
        self.disk.plug(image, throw_away=True).close()
        self.journal = Journal(folder / "journal.jsonl")
        self.seen: list[dict[str, Any]] = []
        self.journal.listen(lambda event: self.seen.append(dict(event.data)) if event.kind == "disk.log" else None)
        target = SimpleNamespace(name="guest", launch=SimpleNamespace(served=(self.disk,)))
        self.audit = DiskAudit(cast(Target, target), self.journal)

    def say(self, *exchanges: tuple[str, str]) -> list[int]:
        """Commands with the words of their replies; returns the numbers of the records that were lost."""
        for number, (asked, said) in enumerate(exchanges, 1):
            self.journal.append("control.send", cseq=number, payload=asked)
            self.journal.append("control.reply", cseq=number, ok=said.startswith("ok"), payload=said)
        self.audit.look()
        return list(self.seen[-1]["lost"])


ONE, TWO = ("disk do=append data=one", "ok seq=1"), ("disk do=store data=two", "ok seq=2")
FLUSH = ("disk do=flush", "ok")


def test_a_flushed_record_has_to_be_there(tmp_path: Path) -> None:
    talk = Talk(tmp_path, record(1, b"one"))
    assert talk.say(ONE, FLUSH, TWO) == []
    assert talk.seen[-1]["acknowledged"] == 1
    assert talk.say(FLUSH) == [2]


def test_another_record_under_its_number_is_no_substitute(tmp_path: Path) -> None:
    assert Talk(tmp_path, record(1, b"two")).say(ONE, FLUSH) == [1]


@pytest.mark.parametrize("end", [[], [("disk do=flush", "state flush")], [("query", "ok flushed=9")]])
def test_what_no_flush_acknowledged_may_be_lost(tmp_path: Path, end: list[tuple[str, str]]) -> None:
    assert Talk(tmp_path).say(ONE, TWO, *end) == []


def test_the_state_acknowledges_what_it_counts_as_flushed(tmp_path: Path) -> None:
    assert Talk(tmp_path).say(ONE, TWO, ("disk do=state", "ok records=2 flushed=1")) == [1]


def test_what_was_trimmed_away_need_not_be_there_and_the_next_number_goes_on(tmp_path: Path) -> None:
    talk = Talk(tmp_path, record(3, b"three"))
    three = ("disk do=append data=three", "ok seq=3")
    assert talk.say(ONE, TWO, FLUSH, ("disk do=trim", "ok"), three, FLUSH) == []
    assert talk.seen[-1] | {"digest": ""} == {
        "disk": "disk0", "first": 3, "records": 1, "torn": False, "digest": "", "acknowledged": 1, "lost": [],
    }  # fmt: skip


def test_what_waited_for_a_flush_when_the_power_went_was_not_acknowledged(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.say(ONE)
    talk.journal.append("epoch", number=1, why="power-cut")
    assert talk.say(FLUSH) == []


def test_without_a_disk_that_we_serve_nothing_can_be_said(tmp_path: Path) -> None:
    target = SimpleNamespace(name="board")
    with pytest.raises(LabError, match="board has no disk"):
        DiskAudit(cast(Target, target), Journal(tmp_path / "j")).look()
