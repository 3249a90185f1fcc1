"""What is left of a run whose harness was killed: its evidence is kept, and says of itself that it is not whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Journal

if TYPE_CHECKING:
    from harness.judge.verdict import RunVerdict
    from harness.scenario.model import Scenario


def finished(path: Path) -> RunVerdict | None:
    """The verdict in the bundle *path* if its run came to its own end: it is written last, whole or not at all."""
    from harness.judge.verdict import RunVerdict

    try:
        return RunVerdict.from_json(Bundle.open(path).read_json("verdict.json"))
    except UsageError:
        return None


def bury(path: Path, scenario: Scenario, signal: str | None = None, said: str = "") -> RunVerdict:
    """Judge the run in the bundle *path* by what is there (nothing, maybe) and write its verdict.

    :param signal: name of the signal that asked for its end, if one did: the run is interrupted then.
    :param said: the last words of the process that it died in.
    """
    from harness.judge.rejudge import recorded, rejudge

    there = finished(path)
    if there is not None:
        return there
    bundle = Bundle(path) if path.is_dir() else Bundle.make(path)
    new = not bundle.journal.exists()
    journal = Journal.reopen(bundle.journal)
    try:
        if new:
            journal.append("run.start", scenario=scenario.name, seed=scenario.seed)
        if said:
            journal.append("note", text=f"the worker process said: {said[-400:]}")
        if signal is not None:
            journal.append("run.interrupted", signal=signal)
    finally:
        journal.close()
    try:
        verdict = rejudge(bundle, recorded(bundle)[0])
    except UsageError as error:  # after the death of the host files may be missing that were never forced to the disk
        verdict = _lost(error.what)
    bundle.write_json("verdict.json", verdict.to_json(), durable=True)
    return verdict


def _lost(why: str) -> RunVerdict:
    from harness.judge.verdict import Finding, RunVerdict
    from harness.verdicts import Verdict

    finding = Finding(Verdict.INCONCLUSIVE, "harness-died", f"the harness was killed, and its evidence: {why}", 0)
    return RunVerdict(
        verdict=finding.verdict,
        first_cause=finding,
        findings=[finding],
        checks=[],
        fingerprint=None,
        frames_checked=0,
        markers=0,
        markers_lost=0,
        epochs=1,
        guest_s=None,
        host_s=0.0,
        interrupted=False,
        notes=[],
    )
