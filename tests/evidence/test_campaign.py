"""The journal of a campaign: readable when cut at any byte, one writer, whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.evidence.campaign import FILE, CampaignJournal, Unit, read

OPTIONS = {"seed": None, "runs_dir": None}
PLAN = [{"scenario": "one"}, {"scenario": "two"}]
RESULT = {"verdict": "PASS", "interrupted": False}


def _journal(folder: Path) -> CampaignJournal:
    journal = CampaignJournal.create(folder, OPTIONS, PLAN)
    journal.begin(Unit(0, 0), folder / "runs/a")
    journal.end(Unit(0, 0), folder / "runs/a", RESULT)
    journal.begin(Unit(1, 0), folder / "runs/b")
    return journal


def test_a_journal_cut_at_any_byte_is_resumed_and_goes_on(tmp_path: Path) -> None:
    _journal(tmp_path / "whole").close()
    whole = (tmp_path / "whole" / FILE).read_bytes()
    head = whole.index(b"\n") + 1
    for length in range(head, len(whole) + 1):
        folder = tmp_path / "cut"
        folder.mkdir(exist_ok=True)
        (folder / FILE).write_bytes(whole[:length])
        journal = CampaignJournal.resume(folder)
        lines = whole[:length].count(b"\n")
        assert set(journal.progress.finished) == ({Unit(0, 0)} if lines > 2 else set())
        assert set(journal.progress.begun) == {
            *({Unit(0, 0)} if lines == 2 else set()),
            *({Unit(1, 0)} if lines == 4 else set()),
        }
        journal.append("mark")
        journal.close()
        events, size = read(folder / FILE)
        assert [event["seq"] for event in events] == list(range(lines + 1))
        assert (events[-1]["kind"], size) == ("mark", (folder / FILE).stat().st_size)


def test_a_journal_without_its_whole_first_line_is_no_campaign(tmp_path: Path) -> None:
    _journal(tmp_path).close()
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(data[: data.index(b"\n")])
    with pytest.raises(UsageError, match="not the journal of a campaign"):
        CampaignJournal.resume(tmp_path)


def test_damage_before_the_last_line_is_refused_with_its_place(tmp_path: Path) -> None:
    _journal(tmp_path).close()
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join([lines[0], b"{\n", *lines[2:]]))
    with pytest.raises(UsageError, match=re.escape(f"{FILE}:2: the journal is damaged")):
        CampaignJournal.resume(tmp_path)
    (tmp_path / FILE).write_bytes(b"".join([lines[0], *lines[2:]]))  # a line is missing
    with pytest.raises(UsageError, match=re.escape(f"{FILE}:2: the journal is damaged")):
        CampaignJournal.resume(tmp_path)


def test_an_interrupted_a_torn_and_a_refused_run_have_still_to_be_played(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    journal.end(Unit(1, 0), tmp_path / "runs/b", {"verdict": "INCONCLUSIVE", "interrupted": True})
    journal.begin(Unit(1, 1), tmp_path / "runs/c")
    journal.append("run.torn", item=1, turn=1, bundle="runs/c")
    journal.begin(Unit(1, 2), tmp_path / "runs/d")
    journal.append("run.failed", item=1, turn=2, what="no such device", hint="")
    journal.close()
    progress = CampaignJournal.resume(tmp_path).progress
    assert (set(progress.finished), progress.begun) == ({Unit(0, 0)}, {})


def test_a_campaign_has_one_writer_at_a_time_and_one_beginning(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    for take in (CampaignJournal.resume, lambda folder: CampaignJournal.create(folder, OPTIONS, PLAN)):
        with pytest.raises(UsageError, match="another harness is at work"):
            take(tmp_path)
    journal.close()
    with pytest.raises(UsageError, match=r"there is a campaign in .* already"):
        CampaignJournal.create(tmp_path, OPTIONS, PLAN)
    CampaignJournal.resume(tmp_path).close()


def test_a_campaign_that_was_moved_finds_its_bundles(tmp_path: Path) -> None:
    journal = _journal(tmp_path / "before")
    journal.end(Unit(1, 0), Path("/elsewhere/b"), RESULT)
    journal.close()
    (tmp_path / "before").rename(tmp_path / "after")
    finished = CampaignJournal.resume(tmp_path / "after").progress.finished
    assert finished[Unit(0, 0)]["bundle"] == str(tmp_path / "after/runs/a")
    assert finished[Unit(1, 0)]["bundle"] == "/elsewhere/b"


def test_what_is_no_campaign_is_told_with_how_to_begin_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no campaign") as error:
        CampaignJournal.resume(tmp_path)
    assert "--campaign" in error.value.hint
    with pytest.raises(UsageError, match="there is no campaign"):
        CampaignJournal.resume(tmp_path / "nowhere")
    (tmp_path / FILE).write_text(json.dumps({"seq": 0, "kind": "run.start"}) + "\n")
    with pytest.raises(UsageError, match="not the journal of a campaign"):
        CampaignJournal.resume(tmp_path)
