"""The post mortem of a machine whose monitor is silent, slow or gone: it takes its time and no more."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness import timeouts
from harness.errors import TargetLost
from harness.evidence.journal import Journal
from harness.qmp.session import QmpSession
from harness.targets import postmortem as module
from harness.targets.host import ThreadTime, host_sample
from harness.targets.postmortem import sample_machine
from harness.targets.process import ChildProcess

REGISTERS = (Path(__file__).parent / "registers" / "x86-long-mode.txt").read_text()


class Monitor(QmpSession):
    """A session whose answers are the test's: texts, errors to raise, or None for silence."""

    def __init__(self, journal: Journal, *answers: Any) -> None:
        super().__init__(journal)
        self._answers = list(answers)

    async def execute(self, command: str, /, within: float | None = None, **arguments: Any) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def look(tmp_path: Path, *answers: Any) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        journal = Journal(tmp_path / "journal.jsonl")
        child = ChildProcess.spawn(["sleep", "60"])
        since = host_sample(child.pid, [child.pid])
        try:
            return await sample_machine(child, Monitor(journal, *answers), [child.pid], since)
        finally:
            await child.end()
            journal.close()

    seen = asyncio.run(main())
    assert json.loads(json.dumps(seen)) == seen
    return seen


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUTS", replace(timeouts.TIMEOUTS, postmortem=0.2))


def test_a_monitor_that_says_nothing_has_not_answered(tmp_path: Path) -> None:
    seen = look(tmp_path, None)
    assert (seen["qmp_answered"], seen["qmp_status"], seen["rip_samples"]) == (False, None, [])
    assert (seen["halted"], seen["interrupts_enabled"], seen["registers_identical"]) == (None, None, None)


def test_what_was_seen_until_the_monitor_fell_silent_is_kept(tmp_path: Path) -> None:
    seen = look(tmp_path, {"status": "running"}, REGISTERS, REGISTERS, None)
    assert (seen["qmp_answered"], seen["qmp_status"]) == (True, "running")
    assert seen["rip_samples"] == ["0x100ede", "0x100ede"]
    assert (seen["halted"], seen["interrupts_enabled"]) == (True, True)


def test_a_monitor_that_goes_away_and_one_that_talks_nonsense_are_survived(tmp_path: Path) -> None:
    assert not look(tmp_path, TargetLost("gone"))["qmp_answered"]
    assert look(tmp_path, {"status": "running"}, "nonsense")["rip_samples"] == []


def test_a_cpu_counts_as_halted_only_if_every_sample_is_and_as_masked_only_if_none_is_not(tmp_path: Path) -> None:
    busy = REGISTERS.replace("RFL=00000202", "RFL=00000002").replace("HLT=1", "HLT=0")
    seen = look(tmp_path, {"status": "paused"}, REGISTERS, busy, REGISTERS)
    assert len(seen["rip_samples"]) == 5
    assert (seen["halted"], seen["interrupts_enabled"], seen["registers_identical"]) == (False, True, False)
    masked = look(tmp_path, {"status": "paused"}, busy)
    assert (masked["halted"], masked["interrupts_enabled"], masked["registers_identical"]) == (False, False, True)


def test_a_cpu_that_gets_no_time_between_two_samples_is_not_sampled_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identical registers would say nothing."""
    monkeypatch.setattr(module, "thread_time", lambda pid, thread: ThreadTime(1, 1))
    busy = REGISTERS.replace("HLT=1", "HLT=0")
    assert len(look(tmp_path, {"status": "running"}, busy)["rip_samples"]) == 1


def test_what_may_be_a_loop_without_interrupts_is_watched_for_its_share_of_cpu_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = count(step=1_000_000)  # ns; each look at the thread's time
    monkeypatch.setattr(module, "thread_time", lambda pid, thread: ThreadTime(next(times), 1))
    monkeypatch.setattr(module, "_PACE", 0)
    busy = REGISTERS.replace("HLT=1", "HLT=0")
    assert len(look(tmp_path, {"status": "running"}, busy)["rip_samples"]) == 5
    masked = look(tmp_path, {"status": "running"}, busy.replace("RFL=00000202", "RFL=00000002"))
    assert len(masked["rip_samples"]) > 5
    assert masked["sampled_cpu_s"] >= 0.02
