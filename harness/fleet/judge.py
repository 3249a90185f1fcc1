"""The verdict on a cluster: a pure function of its bundle, as that of one run is. Runs nothing, needs no QEMU."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event
from harness.fleet.history import History, Told, read_history
from harness.fleet.limits import Broken, judge_limits, why_starved
from harness.judge.conclude import conclude, final
from harness.judge.verdict import Check, Finding, RunVerdict
from harness.scenario.cluster.lives import moves
from harness.scenario.cluster.model import Cluster
from harness.scenario.cluster.stored import from_json
from harness.verdicts import Verdict

STORED = "inputs/cluster.json"
_AFTERMATH = frozenset({"not-reached", "nothing-checked", "harness-died"})  # of a node: its cause is elsewhere


def is_cluster(bundle: Bundle) -> bool:
    """Whether *bundle* is that of a cluster."""
    return (bundle.path / STORED).is_file()


def stored_cluster(bundle: Bundle) -> Cluster:
    """The cluster that was played.

    :raises UsageError: if the bundle is damaged.
    """
    return from_json(bundle.read_json(STORED))


def judge_cluster(bundle: Bundle, cluster: Cluster) -> RunVerdict:
    """The verdict on *bundle* by the rules of *cluster*: its own, or one with other limits.

    A finding names its node in `what` and `evidence`; it is at the place in the cluster's journal at which it was made.

    :raises UsageError: if the bundle is damaged, or other steps were played.
    """
    history = read_history(bundle, cluster)
    limits = list(judge_limits(history))
    findings = [*_of_nodes(history), *_of_cluster(history)]
    findings += [_limit_finding(history, broken) for _, broken in limits if broken is not None]
    deciding = [item for item in findings if item[1].cause not in _AFTERMATH]
    ordered = [finding for _, finding in sorted(deciding or findings, key=lambda item: item[0])]
    checks = final([*_checks(history), *(check for check, _ in limits)])
    ended = any(event.kind == "run.end" for event in history.events)
    verdict, ordered = conclude(ordered, checks, ended=ended, seq=_seq(history, 1 << 62))
    parts = [told.verdict for told in history.told]
    return RunVerdict(
        verdict=verdict,
        first_cause=ordered[0] if ordered else None,
        findings=ordered,
        checks=checks,
        fingerprint=None,
        frames_checked=sum(part.frames_checked for part in parts),
        markers=sum(part.markers for part in parts),
        markers_lost=sum(part.markers_lost for part in parts),
        epochs=sum(part.epochs for part in parts),
        guest_s=None,
        host_s=round(max((e.host_ns for e in history.events), default=0) / 1e9, 3),
        interrupted=any(event.kind == "run.interrupted" for event in history.events),
        notes=_notes(history),
    )


def _of_nodes(history: History) -> Iterator[tuple[int, Finding]]:
    places = _places(history)
    for told in history.told:
        for found in told.verdict.findings:
            if found.cause == "nothing-checked":
                continue  # of one node; the cluster as a whole may have checked enough
            finding = _unless_starved(history, told, found)
            at = told.times[finding.seq] if finding.seq < len(told.times) else 0
            step = None if finding.step is None else places.get((told.life.folder, finding.step))
            yield (
                at,
                replace(
                    finding,
                    what=f"node {told.life.name}: {finding.what}",
                    seq=_seq(history, at),
                    step=step,
                    evidence={**finding.evidence, "node": told.life.node, "bundle": told.life.folder},
                ),
            )


def _unless_starved(history: History, told: Told, finding: Finding) -> Finding:
    """A peer that was not to be lost, and was because the host starved it: nobody's fault."""
    for lost in told.hearings:
        if lost.seq == finding.seq and not lost.up and finding.cause in {"expectation", "forbidden"}:
            why = why_starved(history, lost)
            if why:
                what = f"{finding.what}; {why}"
                return replace(finding, verdict=Verdict.INCONCLUSIVE, cause="host-starved", what=what)
    return finding


def _of_cluster(history: History) -> Iterator[tuple[int, Finding]]:
    for event in history.events:
        if event.kind == "run.interrupted":
            by = event.data.get("signal", "the user")
            yield event.host_ns, Finding(Verdict.INCONCLUSIVE, "interrupted", f"interrupted by {by}", event.seq)
        elif event.kind == "lab.error":
            cause, what = str(event.data.get("cause", "lab")), str(event.data.get("what", ""))
            yield event.host_ns, Finding(Verdict.INCONCLUSIVE, cause, what, event.seq)


def _limit_finding(history: History, broken: Broken) -> tuple[int, Finding]:
    seq = _seq(history, broken.at_ns)
    step = next((int(e.data["index"]) for e in reversed(history.events[: seq + 1]) if e.kind == "step.begin"), None)
    return broken.at_ns, Finding(broken.verdict, broken.cause, broken.what, seq, step, dict(broken.evidence))


def _checks(history: History) -> Iterator[Check]:
    """Those of every life that was to be, in the order of the cluster's steps."""
    places, told = _places(history), {t.life.folder: t for t in history.told}
    rows: list[tuple[int, Check]] = []
    for life in moves(history.cluster)[1]:
        if life.folder not in told:
            rows.append((len(rows), Check(places.get((life.folder, 0)), "ready", f"{life.name}: boot")))
            continue
        for check in told[life.folder].verdict.checks:
            step = None if check.step is None else places.get((life.folder, check.step))
            rows.append((len(history.cluster.plan) if step is None else step, _named(told[life.folder], check, step)))
    yield from (check for _, check in sorted(rows, key=lambda row: row[0]))


def _named(told: Told, check: Check, step: int | None) -> Check:
    return replace(check, step=step, what=f"{told.life.name}: {check.what}")


def _places(history: History) -> dict[tuple[str, int], int]:
    """The cluster's step that a life's step belongs to, by the life's folder and the index in it."""
    return {
        (turn.life.folder, turn.index): number
        for number, item in enumerate(moves(history.cluster)[0])
        for turns in item.turns.values()
        for turn in turns
    }


def _seq(history: History, at_ns: int) -> int:
    """The last event of the cluster's journal up to *at_ns*."""
    return max(0, bisect_right(history.events, at_ns, key=_time) - 1)


def _time(event: Event) -> int:
    return event.host_ns


def _notes(history: History) -> list[str]:
    own = [str(event.data.get("text", "")) for event in history.events if event.kind == "note"]
    return [*own, *(f"{t.life.name}: {note}" for t in history.told for note in t.verdict.notes)]
