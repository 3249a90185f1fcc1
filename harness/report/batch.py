"""One page over many runs: their verdicts, what the failures have in common, and a way into each run's own report."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.judge.verdict import Check, CheckStatus
from harness.report.fault_view import told
from harness.report.html import write_page
from harness.report.pages import stored_verdict
from harness.report.pictures import BUDGET, Album, Picture
from harness.report.triage_view import TriageView, triage_view
from harness.report.words import clip, plural
from harness.verdicts import LAB, PRODUCT, Verdict, worst

ROWS = 5000  # of the table: those that did not pass first
_DETAILED = 300  # rows whose bundle is read for what failed
_CHECKS = 6  # unmet ones of a run
_PICTURES = 60  # pictures of failed frames
_GROUPS = 50


class Part(NamedTuple):
    """Another run that belongs to a row: a repetition, or a node of a cluster."""

    name: str
    verdict: str
    mood: str
    fingerprint: str
    href: str


@dataclass(frozen=True, slots=True)
class Row:
    """One run. Texts are cut; `href` leads to its own report, or is empty."""

    number: int
    scenario: str
    verdict: str
    mood: str  # good, bad, warn or none
    cause: str
    word: str  # stable: of the first cause
    seed: str
    clock: str
    image: str
    fingerprint: str
    unlike: bool  # the same image, scenario and seed had another fingerprint
    host_s: float
    guest_s: float | None
    frames: int
    markers: int
    faults: str
    href: str
    note: str = ""
    unmet: list[tuple[int, str, str]] = field(default_factory=list)  # step, what, why
    more_unmet: int = 0
    triage: TriageView | None = None
    picture: Picture | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def folds(self) -> bool:
        """Whether there is more to say than the line does."""
        return bool(self.cause or self.unmet or self.triage or self.picture or self.parts or self.note or self.faults)


class Group(NamedTuple):
    """Failures of one kind."""

    key: str
    mood: str
    verdict: str
    what: str
    runs: int
    scenarios: str


@dataclass(frozen=True, slots=True)
class BatchPage:
    """The whole page."""

    title: str
    verdict: str
    mood: str
    counts: list[tuple[str, str, int]]  # verdict, mood, runs
    total: int
    figures: list[tuple[str, str]]
    groups: list[Group]
    rows: list[Row]
    album: list[Picture]
    notes: list[str]


def write_batch(target: Path, runs: Sequence[Mapping[str, Any]], *, title: str = "Runs", verdict: str = "") -> Path:
    """Write the page of *runs* (as `harness.report.summary.run_json` gives them), whole or not at all.

    The same bundles give the same bytes. What of the runs is not told is counted on the page.

    :param verdict: of the batch; default: the worst of the runs.
    :raises OSError: if it cannot be written.
    """
    return write_page(target, "batch", gather(target.absolute().parent, runs, title, verdict))


def run_of(bundle: Bundle) -> dict[str, Any]:
    """The run in *bundle*, in the shape of `run_json`; one that was never judged is INCONCLUSIVE and says so."""
    try:
        manifest = bundle.read_json("manifest.json")
    except UsageError:
        manifest = {}
    run: dict[str, Any] = {
        "scenario": manifest.get("scenario", bundle.path.name),
        "bundle": str(bundle.path),
        "seed": manifest.get("seed"),
        "clock": manifest.get("clock"),
    }
    verdict = stored_verdict(bundle)
    if verdict is None:
        cause = "the bundle has no verdict: its run did not come to its end, or it is damaged"
        return run | {"verdict": str(Verdict.INCONCLUSIVE), "first_cause": f"not-judged: {cause}"}
    first = verdict.first_cause
    return run | {
        "verdict": str(verdict.verdict),
        "first_cause": None if first is None else f"{first.cause}: {first.what}",
        "fingerprint": verdict.fingerprint,
        "frames_checked": verdict.frames_checked,
        "markers": verdict.markers,
        "faults": verdict.recovery,
        "host_s": verdict.host_s,
        "guest_s": verdict.guest_s,
    }


def gather(folder: Path, runs: Sequence[Mapping[str, Any]], title: str, verdict: str) -> BatchPage:
    """What the page in *folder* shows of *runs*."""
    kinds = [Verdict(run["verdict"]) for run in runs]
    overall = Verdict(verdict) if verdict else worst(kinds) if kinds else Verdict.NOTHING_CHECKED
    order = sorted(range(len(runs)), key=lambda i: (_RANK[_mood(kinds[i])], i))[:ROWS]
    reader = _Reader(folder, _unlike(runs))
    rows = [reader.row(i + 1, runs[i], detailed=place < _DETAILED) for place, i in enumerate(order)]
    counts = Counter(kinds)
    host = sum(float(run.get("host_s") or 0) for run in runs)
    guest = sum(float(run.get("guest_s") or 0) for run in runs)
    notes = (
        [] if len(rows) == len(runs) else [f"{plural(len(runs) - len(rows), 'further run')} that passed are counted"]
    )
    different = sum(row.unlike for row in rows)
    if different:
        notes.append(
            f"{plural(different, 'run')} had another fingerprint than one of the same image, scenario and seed"
        )
    return BatchPage(
        title=clip(title, 120),
        verdict=str(overall).replace("_", " "),
        mood=_mood(overall),
        counts=[(str(v).replace("_", " "), _mood(v), counts[v]) for v in Verdict if counts[v]],
        total=len(runs),
        figures=[
            ("runs", f"{len(runs):,}"),
            ("passed", f"{counts[Verdict.PASS]:,}"),
            ("frames checked", f"{sum(int(run.get('frames_checked') or 0) for run in runs):,}"),
            ("host time", f"{host:,.1f} s"),
            *([("guest time", f"{guest:,.1f} s")] if guest else []),
        ],
        groups=_groups(rows),
        rows=rows,
        album=reader.pictures,
        notes=notes,
    )


_RANK = {"bad": 0, "warn": 1, "none": 2, "good": 3}


def _mood(verdict: Verdict) -> str:
    return "bad" if verdict in PRODUCT else "warn" if verdict in LAB else "good" if verdict is Verdict.PASS else "none"


def _unlike(runs: Iterable[Mapping[str, Any]]) -> set[int]:
    """Ids of the runs that share image, scenario, seed and clock with one that has another fingerprint."""
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for run in runs:
        if run.get("fingerprint") and run.get("bundle"):
            try:
                digest = str(Bundle(Path(run["bundle"])).read_json("manifest.json").get("image_digest"))
            except UsageError:
                continue
            alike[digest, str(run["scenario"]), str(run.get("seed")), str(run.get("clock"))].append(run)
    return {id(run) for same in alike.values() if len({r["fingerprint"] for r in same}) > 1 for run in same}


def _groups(rows: Sequence[Row]) -> list[Group]:
    """What did not pass, by the signature of its crash, else by the word of its first cause."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.mood in {"bad", "warn"}:
            key = f"{row.triage.title}  {row.triage.signature}" if row.triage else row.word
            found[row.verdict, key].append(row)
    groups = []
    for (verdict, key), same in sorted(found.items(), key=lambda entry: (_RANK[entry[1][0].mood], -len(entry[1]))):
        names = Counter(row.scenario for row in same)
        some = ", ".join(f"{name} ×{n}" if n > 1 else name for name, n in names.most_common(6))
        what = same[0].cause.removeprefix(f"{key}: ")
        groups.append(Group(key, same[0].mood, verdict, what, len(same), clip(some, 200)))
    return groups[:_GROUPS]


class _Reader:
    """Reads bundles for their rows, pictures within one budget."""

    def __init__(self, folder: Path, unlike: set[int]) -> None:
        self._folder = folder
        self._unlike = unlike
        self._left = BUDGET
        self.pictures: list[Picture] = []

    def row(self, number: int, run: Mapping[str, Any], *, detailed: bool) -> Row:
        verdict = Verdict(run["verdict"])
        cause = str(run.get("first_cause") or "")
        bundle = Bundle(Path(run["bundle"])) if run.get("bundle") else None
        judged = stored_verdict(bundle) if bundle is not None and detailed and verdict is not Verdict.PASS else None
        unmet = [c for c in judged.checks if c.status is CheckStatus.BROKEN] if judged else []
        known = run.get("quarantine")
        faults = run.get("faults")
        return Row(
            number=number,
            scenario=clip(run["scenario"], 120),
            verdict=str(verdict).replace("_", " "),
            mood=_mood(verdict),
            cause=clip(cause, 600),
            word=clip(cause.partition(":")[0] or str(verdict), 60),
            seed=clip(run.get("seed") if run.get("seed") is not None else "", 20),
            clock=clip(run.get("clock") or "", 20),
            image=clip(run.get("image") or "", 60),
            fingerprint=clip(run.get("fingerprint") or "", 64),
            unlike=id(run) in self._unlike,
            host_s=float(run.get("host_s") or 0),
            guest_s=run.get("guest_s"),
            frames=int(run.get("frames_checked") or 0),
            markers=int(run.get("markers") or 0),
            faults=told(faults) if isinstance(faults, Mapping) else "",
            href=self._href(bundle),
            note=clip(f"quarantined: {known}", 300) if known else "",
            unmet=[
                (0 if c.step is None else c.step + 1, clip(c.what, 200), clip(c.reason, 300)) for c in unmet[:_CHECKS]
            ],
            more_unmet=max(len(unmet) - _CHECKS, 0),
            triage=triage_view(bundle) if bundle is not None and judged else None,
            picture=self._picture(bundle, unmet) if bundle is not None else None,
            parts=self._parts(bundle, run),
        )

    def _href(self, bundle: Bundle | None) -> str:
        """The report of *bundle* where there is one, relative to the page: both can be moved together."""
        if bundle is None or not (bundle.path / "report.html").is_file():
            return ""
        return "./" + quote(os.path.relpath(bundle.path.absolute() / "report.html", self._folder))

    def _parts(self, bundle: Bundle | None, run: Mapping[str, Any]) -> list[Part]:
        parts = []
        for n, one in enumerate(run.get("repeats") or (), 1):
            parts.append(self._part(f"run {n}", one))
        if bundle is not None:
            for file in sorted(bundle.path.glob("nodes/*/journal.jsonl"))[:32]:
                parts.append(self._part(f"node {file.parent.name}", run_of(Bundle(file.parent))))
        return parts

    def _part(self, name: str, run: Mapping[str, Any]) -> Part:
        verdict = Verdict(run["verdict"])
        bundle = Bundle(Path(run["bundle"])) if run.get("bundle") else None
        fingerprint = clip(run.get("fingerprint") or "", 64)
        return Part(clip(name, 80), str(verdict).replace("_", " "), _mood(verdict), fingerprint, self._href(bundle))

    def _picture(self, bundle: Bundle, unmet: Sequence[Check]) -> Picture | None:
        """What was seen where the first frame check failed, while there is room."""
        file = next((c.evidence[-1].get("file") for c in unmet if c.kind == "frame" and c.evidence), None)
        if not file or len(self.pictures) >= _PICTURES:
            return None
        album = Album(bundle.path, left=self._left, prefix=f"run-{len(self.pictures) + 1}")
        picture = album.add(file)
        self._left = album.left
        if picture is not None:
            self.pictures.append(picture)
        return picture
