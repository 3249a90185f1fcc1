"""What a finished cluster's evidence tells of each guest, on the one time axis of the cluster's journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event, read_events
from harness.judge.evaluator import Evaluator
from harness.judge.exits import leaves
from harness.judge.rejudge import rejudge
from harness.judge.verdict import RunVerdict
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario.cluster.lives import Life, moves, scenario_of
from harness.scenario.cluster.model import Cluster


@dataclass(frozen=True, slots=True)
class Hearing:
    """A node says that it hears a peer, or that it does so no more. Times are ns since the cluster's run began."""

    at_ns: int
    node: str
    peer: str  # the peer's node
    up: bool
    seq: int  # of the node's journal


@dataclass(slots=True)
class Told:
    """One life of a node, judged again."""

    life: Life
    verdict: RunVerdict
    times: list[int]  # of the events of its journal, by seq
    up_ns: int | None = None  # its boot step was done
    down_ns: int | None = None  # it left, or its QEMU was gone
    hearings: list[Hearing] = field(default_factory=list)

    def is_up(self, at_ns: int) -> bool:
        return self.up_ns is not None and self.up_ns <= at_ns and (self.down_ns is None or at_ns < self.down_ns)


@dataclass(frozen=True, slots=True)
class FaultTime:
    """One fault of the link. `undone_ns` is None where the journal does not tell; `frames` felt it."""

    what: str
    between: tuple[str, ...]
    begin: Event
    undone: Event | None

    @property
    def undone_ns(self) -> int | None:
        return None if self.undone is None else self.undone.host_ns

    @property
    def frames(self) -> int:
        return 0 if self.undone is None else int(self.undone.data.get("frames", 0))

    def touches(self, a: str, b: str) -> bool:
        """Whether it can keep one of the two from hearing the other."""
        return self.between[0] in {a, b} if len(self.between) == 1 else {a, b} == set(self.between)


@dataclass(frozen=True, slots=True)
class History:
    """All of it. *events* are those of the cluster's own journal."""

    cluster: Cluster
    events: Sequence[Event]
    told: Sequence[Told]
    faults: Sequence[FaultTime]

    @property
    def begin_ns(self) -> int | None:
        """When all nodes were up for the first time; None if they never were."""
        firsts = [t.up_ns for t in self.told if t.life.number == 1]
        if len(firsts) < len(self.cluster.nodes) or None in firsts:
            return None
        return max(ns for ns in firsts if ns is not None)

    @property
    def end_ns(self) -> int:
        """When the nodes began to be shut down for good, or the steps were over."""
        steps = [item.step.do for item in self.cluster.plan]
        while steps and steps[-1] in {"shutdown", "expect-exit"}:
            steps.pop()
        for event in self.events:
            if event.kind == "steps.end" or (event.kind == "step.begin" and int(event.data["index"]) >= len(steps)):
                return event.host_ns
        return self._failed_ns()

    @property
    def complete(self) -> bool:
        """Whether all steps were played: only then does what did not happen by the end tell something."""
        return any(event.kind == "steps.end" for event in self.events)

    @property
    def slowdown(self) -> float:
        """Of the host's limits, when it was played."""
        return float(self.events[0].data.get("slowdown", 1.0)) if self.events else 1.0

    def _failed_ns(self) -> int:
        """Of a run that broke off: when the step that did not come to its end did so."""
        ends = [e.host_ns for e in self.events if e.kind == "step.end" and e.data.get("status") != "done"]
        return ends[0] if ends else max((e.host_ns for e in self.events), default=0)


def read_history(bundle: Bundle, cluster: Cluster) -> History:
    """Judge every node of *bundle* again, by the rules of *cluster*.

    :raises UsageError: if the bundle is damaged, or other steps were played.
    """
    events = list(read_events(bundle.journal))
    lives = {life.folder: life for life in moves(cluster)[1]}
    peers = {node.peer: node.name for node in cluster.nodes}
    told = []
    for event in events:
        folder = str(event.data.get("folder", ""))
        if event.kind == "node.begin" and folder in lives and (bundle.path / folder / "journal.jsonl").is_file():
            told.append(_told(bundle, cluster, lives[folder], int(event.data["offset_ns"]), peers))
    return History(cluster, events, told, list(_faults(events)))


def _told(bundle: Bundle, cluster: Cluster, life: Life, offset_ns: int, peers: Mapping[str, str]) -> Told:
    part = Bundle.open(bundle.path / life.folder)
    up, lost = Pattern.parse(cluster.peers.up), Pattern.parse(cluster.peers.lost)
    hearings: list[Hearing] = []

    def watch(evaluator: Evaluator) -> None:
        def note(marker: Marker) -> None:
            for pattern, is_up in ((up, True), (lost, False)):
                peer = peers.get(_after(pattern, marker))
                if marker.trusted and peer is not None and pattern.match_marker(marker):
                    at = evaluator.findings.host_ns + offset_ns
                    hearings.append(Hearing(at, life.node, peer, is_up, evaluator.findings.seq))

        evaluator.on_marker.append(note)

    verdict = rejudge(part, scenario_of(cluster, life), watch=watch)
    out = Told(life, verdict, [], hearings=hearings)
    for event in read_events(part.journal):
        at = event.host_ns + offset_ns
        out.times.append(at)
        if event.kind == "step.end" and event.data.get("index") == 0 and event.data.get("status") == "done":
            out.up_ns = at
        if out.down_ns is None and (event.kind == "target.exit" or (event.kind == "qmp.event" and leaves(event))):
            out.down_ns = at
    return out


def _after(pattern: Pattern, marker: Marker) -> str:
    """The token of *marker* that follows those of *pattern*."""
    tokens = marker.text.partition("*")[0].split(":")
    place = pattern.source.count(":") + 1
    return tokens[place] if len(tokens) > place else ""


def _faults(events: Sequence[Event]) -> Iterator[FaultTime]:
    undone = {int(e.data["fault"]): e for e in events if e.kind == "link.undone"}
    for event in events:
        if event.kind == "link.fault":
            between = tuple(str(node) for node in event.data["between"])
            yield FaultTime(str(event.data["what"]), between, event, undone.get(int(event.data["fault"])))
