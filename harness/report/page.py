"""What the report says, gathered from a bundle and its verdict; the template says how it looks."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event
from harness.judge.verdict import Check, CheckStatus, Finding, RunVerdict
from harness.report import command_line
from harness.report.fault_view import FaultView, fault_view
from harness.report.frame_view import FrameView, frame_view
from harness.report.journal_scan import Item, Scan, Spoken, StepTime
from harness.report.journal_scan import scan as scan_journal
from harness.report.pictures import Album
from harness.report.serial_view import SerialView, describe, serial_view
from harness.report.timeline import Timeline, draw
from harness.report.triage_view import TriageView, triage_view
from harness.report.words import Chip, chips, clip, label_of, plural, seconds
from harness.verdicts import LAB, PRODUCT, Verdict

MARKERS = 50_000  # that the timeline tells of
CHECKS = 1000  # listed; those that were met are left out first
_EVIDENCE = 12  # entries of one check
_TEXT = 16 * 1024  # characters of a text that is shown whole
_STAMP = re.compile(r"(\d{8}T\d{6}Z)-")  # at the start of a bundle's name
_MEANS = {
    Verdict.PASS: "Everything that was to be checked was checked and was right.",
    Verdict.FAIL: "The product is wrong.",
    Verdict.CRASH: "The product died.",
    Verdict.HANG: "The product stopped making progress.",
    Verdict.NONDETERMINISM: "Same inputs, two answers.",
    Verdict.INCONCLUSIVE: "The host, the lab or the harness failed: nothing is said about the product.",
    Verdict.NOTHING_CHECKED: "Nothing was checked.",
    Verdict.SKIPPED: "Not run.",
    Verdict.FLAKY: "Passed only on a retry.",
}
_PROMISES = {"identity": "identity strip", "exit_device": "exit device", "inline_control": "control on the console"}
_FILES = (
    "manifest.json",
    "journal.jsonl",
    "serial.bin",
    "verdict.json",
    "triage.json",
    "memory.elf",
    "junit.xml",
    "coverage.info",
    "inputs",
    "frames",
)


class Fact(NamedTuple):
    name: str
    value: str
    mono: bool = False


class CheckRow(NamedTuple):
    """One check as listed; `status` is a CheckStatus word."""

    status: str
    step: int
    time: str
    kind: str
    what: str
    reason: str
    evidence: list[list[Chip]]
    more: int  # entries that are not shown
    href: str


class FindingRow(NamedTuple):
    mood: str
    verdict: str
    cause: str
    what: str
    time: str
    step: int
    evidence: list[Chip]


@dataclass(frozen=True, slots=True)
class Sample:
    """One post mortem: plain values, and texts of several lines."""

    time: str
    facts: list[Fact] = field(default_factory=list)
    texts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    title: str
    scenario: str
    mood: str  # good, bad, warn or none
    verdict: str
    means: str
    cause: FindingRow | None
    cause_places: list[Chip]
    cause_evidence: list[Chip]
    figures: list[Fact]
    facts: list[Fact]
    command: str
    command_by_hand: str
    manifest: str
    checks: list[CheckRow]
    checks_met: int
    checks_total: int
    findings: list[FindingRow]
    triage: TriageView | None
    faults: FaultView | None
    frames: FrameView
    album: Album
    timeline: Timeline
    serial: SerialView
    serial_note: str
    samples: list[Sample]
    exit: list[Fact]
    stderr: str
    notes: list[str]
    files: list[Fact]


def gather(bundle: Bundle, verdict: RunVerdict) -> Page:
    """Read what the report shows; reads pictures up to a budget, of everything else only parts.

    :raises OSError: if the journal or the serial log cannot be read.
    """
    manifest, notes = _manifest(bundle), [clip(note, 500) for note in verdict.notes]
    first = verdict.first_cause
    span_ns = round(verdict.host_s * 1e9)
    cause_at = _offset(first)
    seen = scan_journal(
        bundle.journal,
        span_ns,
        spoken=_spoken(bundle, manifest),
        wanted={f.seq for f in verdict.findings},
        near=cause_at,
        broken={
            c.step
            for c in verdict.checks
            if c.kind == "frame" and c.step is not None and c.status is CheckStatus.BROKEN
        },
    )
    serial = _serial(bundle, seen, first, cause_at)
    lines = serial.numbers
    album = Album(bundle.path)
    frames = frame_view(verdict.checks, seen.frames, album, lines)
    findings = [_finding(f, seen, lines) for f in verdict.findings]
    flags = [
        Item(at, at, f"{f.cause}: {clip(f.what)}", "bad")
        for f in verdict.findings
        if (at := seen.times.get(f.seq)) is not None
    ]
    argv = [str(word) for word in seen.start.get("argv") or ()]
    return Page(
        title=f"{verdict.verdict} {clip(manifest.get('scenario'), 80)}",
        scenario=clip(manifest.get("scenario", "unknown scenario"), 120),
        mood=_mood(verdict.verdict),
        verdict=str(verdict.verdict).replace("_", " "),
        means=_MEANS[verdict.verdict],
        cause=findings[0] if findings else None,
        cause_places=_places(first, seen, serial, frames) if first else [],
        cause_evidence=[chip for chip in findings[0].evidence if chip.label not in {"byte", "line"}]
        if findings
        else [],
        figures=_figures(verdict),
        facts=_facts(bundle, manifest, verdict, seen),
        command=command_line.lines(argv),
        command_by_hand=command_line.lines(command_line.by_hand(argv)),
        manifest=clip_text(json.dumps(manifest, indent=1, ensure_ascii=False)),
        checks=_checks(verdict.checks, seen.steps, frames, lines),
        checks_met=sum(c.status is CheckStatus.MET for c in verdict.checks),
        checks_total=len(verdict.checks),
        findings=findings,
        triage=triage_view(bundle),
        faults=fault_view(verdict.faults, verdict.recovery),
        frames=frames,
        album=album,
        timeline=draw(seen.lanes.values(), flags, span_ns, {f"#L{n}" for n in lines} | frames.anchors),
        serial=serial,
        serial_note=describe(serial, seen.received, seen.dropped),
        samples=[_sample(event) for event in seen.postmortems],
        exit=[Fact(str(c.label), c.value, c.mono) for c in chips(seen.exit, (), skip={"stderr"})],
        stderr=clip_text(str(seen.exit.get("stderr") or "")),
        notes=notes,
        files=[Fact(name, quote(name)) for name in _FILES if (bundle.path / name).exists()]
        + [Fact(part, quote(f"{part}/report.html")) for part in _nodes(bundle)],
    )


def clip_text(text: str) -> str:
    """A text of several lines, cut where it is too long for a page."""
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}\n… {plural(len(text) - _TEXT, 'character')} more"


def _spoken(bundle: Bundle, manifest: Mapping[str, Any]) -> Iterator[Spoken]:
    """The markers of the console, up to a limit: of more the timeline would show a density anyway."""
    from harness.judge.facts import GuestFacts
    from harness.markers.parser import MarkerParser
    from harness.markers.scan import scan
    from harness.markers.schema import PLAN, load_schema

    if not bundle.serial.is_file():
        return
    try:
        file = GuestFacts.from_json(manifest.get("facts") or {}).schema_path(bundle.path)
        parser = MarkerParser(load_schema(file) if file else PLAN)
        for marker in islice(scan(bundle.serial, parser), MARKERS):
            yield Spoken(marker.offset, marker.line, clip(marker.text, 120), marker.trusted)
    except (UsageError, TypeError, ValueError):
        return  # a bundle that is damaged there still has its report


def _nodes(bundle: Bundle) -> list[str]:
    """The bundles of a cluster's nodes within its own; each has a page."""
    return sorted(str(file.parent.relative_to(bundle.path)) for file in bundle.path.glob("nodes/*/journal.jsonl"))


def _manifest(bundle: Bundle) -> dict[str, Any]:
    """A run that died early, or a bundle that was cut, still gets its report."""
    try:
        return bundle.read_json("manifest.json")
    except UsageError as error:
        return {"error": error.what}


def _mood(verdict: Verdict) -> str:
    return "bad" if verdict in PRODUCT else "warn" if verdict in LAB else "good" if verdict is Verdict.PASS else "none"


def _offset(first: Finding | None) -> int | None:
    offset = first.evidence.get("offset") if first else None
    return offset if isinstance(offset, int) and offset >= 0 else None


def _serial(bundle: Bundle, seen: Scan, first: Finding | None, cause_at: int | None) -> SerialView:
    return serial_view(
        bundle.serial,
        epochs=seen.epochs,
        arrivals=seen.arrivals,
        cause_at=cause_at,
        mark_at=seen.places.get(first.seq) if first else None,
        mark=f"{first.cause}, {seconds(seen.times[first.seq])}" if first and first.seq in seen.times else "",
    )


def _figures(verdict: RunVerdict) -> list[Fact]:
    met = sum(c.status is CheckStatus.MET for c in verdict.checks)
    lost = f", {verdict.markers_lost:,} lost" if verdict.markers_lost else ""
    figures = [
        Fact("checks met", f"{met:,} of {len(verdict.checks):,}"),
        Fact("frames checked", f"{verdict.frames_checked:,}"),
        Fact("markers", f"{verdict.markers:,}{lost}"),
        Fact("host time", f"{verdict.host_s:.3f} s"),
    ]
    if verdict.guest_s is not None:
        figures.append(Fact("guest time", f"{verdict.guest_s:.6f} s"))
    if verdict.epochs > 1:
        figures.append(Fact("boot epochs", str(verdict.epochs)))
    return figures


def _places(first: Finding, seen: Scan, serial: SerialView, frames: FrameView) -> list[Chip]:
    """Where the first cause is: step, time, journal, and links to where the page shows it."""
    places = []
    if first.step is not None:
        ran = seen.steps.get(first.step)
        places.append(Chip("step", f"{first.step + 1}{f' ({clip(ran.what, 120)})' if ran else ''}", mono=False))
    if first.seq in seen.times:
        places.append(Chip("at", seconds(seen.times[first.seq]), "#timeline", mono=False))
    places.append(Chip("journal event", str(first.seq), mono=False))
    line = next((row.number for row in serial.rows if row.kind == "cause"), None)
    if line is not None:
        places.append(Chip("serial line", str(line), f"#L{line}", mono=False))
    elif any(row.kind == "mark" for row in serial.rows):
        places.append(Chip("serial", "output until then", "#cause", mono=False))
    shot = next((s for s in frames.failed if first.step is not None and s.step == first.step + 1), None)
    if shot is not None:
        places.append(Chip("frame", shot.name, f"#sheet-{shot.anchor}", mono=False))
    return places


def _facts(bundle: Bundle, manifest: Mapping[str, Any], verdict: RunVerdict, seen: Scan) -> list[Fact]:
    host, guest = manifest.get("host") or {}, manifest.get("facts") or {}
    stamp = _STAMP.match(bundle.path.name)
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.strptime(stamp[1], "%Y%m%dT%H%M%SZ")) if stamp else None
    reproducible = manifest.get("reproducible")
    clock = f"{manifest.get('clock')}{'' if reproducible else ', not reproducible'}" if manifest.get("clock") else None
    promises = [words for key, words in _PROMISES.items() if guest.get(key)]
    promises += [f"oracle {guest['oracle']}"] if guest.get("oracle") not in {None, "none"} else []
    known = {"target", "argv", "life", "pid", "clock", "seed"}
    pairs: list[tuple[str, object, bool]] = [
        ("image", manifest.get("image"), True),
        ("image digest", manifest.get("image_digest"), True),
        ("guest promises", ", ".join(promises), False),
        ("seed", manifest.get("seed"), True),
        ("clock", clock, False),
        (
            "fingerprint",
            verdict.fingerprint or "none: only a reproducible run has one",
            verdict.fingerprint is not None,
        ),
        ("target", seen.start.get("target"), False),
        *((label_of(str(key)), value, True) for key, value in list(seen.start.items())[:20] if key not in known),
        ("machine starts", seen.starts if seen.starts > 1 else None, False),
        ("started", started, False),
        ("host", host.get("system"), False),
        ("host CPUs", host.get("cpus"), False),
        ("harness", manifest.get("harness"), False),
        ("Python", host.get("python"), False),
        ("bundle", bundle.path.name, True),
        ("manifest", manifest.get("error"), False),
    ]
    return [Fact(clip(name, 40), clip(value), mono) for name, value, mono in pairs if value not in (None, "")]


def _checks(
    checks: list[Check], steps: Mapping[int, StepTime], frames: FrameView, lines: Container[int]
) -> list[CheckRow]:
    room = CHECKS - sum(c.status is not CheckStatus.MET for c in checks)
    rows = []
    shots = {shot.step: shot for shot in frames.shots}
    for check in checks:
        if check.status is CheckStatus.MET:
            room -= 1
            if room < 0:
                continue
        ran = steps.get(-1 if check.step is None else check.step)
        shot = shots.get(0 if check.step is None else check.step + 1) if check.kind == "frame" else None
        rows.append(
            CheckRow(
                status=str(check.status),
                step=0 if check.step is None else check.step + 1,
                time=seconds(ran.end_ns if ran.end_ns is not None else ran.begin_ns) if ran else "",
                kind=check.kind,
                what=clip(check.what),
                reason=clip(check.reason, 500),
                evidence=[
                    chips(entry, lines, skip={"expected_file", "difference_file"})
                    for entry in check.evidence[:_EVIDENCE]
                ],
                more=max(len(check.evidence) - _EVIDENCE, 0),
                href=f"#{shot.anchor}" if shot else "",
            )
        )
    return rows[:CHECKS]


def _finding(finding: Finding, seen: Scan, lines: Container[int]) -> FindingRow:
    sample = any(dict(finding.evidence) == dict(event.data) for event in seen.postmortems)  # has a section of its own
    return FindingRow(
        _mood(finding.verdict),
        str(finding.verdict),
        clip(finding.cause, 60),
        clip(finding.what, 1000),
        seconds(seen.times[finding.seq]) if finding.seq in seen.times else "",
        0 if finding.step is None else finding.step + 1,
        [] if sample else chips(finding.evidence, lines, skip={"file"})[:20],
    )


def _sample(event: Event) -> Sample:
    sample = Sample(seconds(event.host_ns))
    for key, value in list(event.data.items())[:100]:
        name = label_of(key)
        if isinstance(value, str) and "\n" in value.strip():
            sample.texts.append(Fact(name, clip_text(value.replace("\r\n", "\n").strip("\n"))))
        elif isinstance(value, list) and value and all(isinstance(v, str | int) for v in value):
            sample.facts.append(Fact(name, clip("  ".join(clip(v, 40) for v in value[:32])), mono=True))
        elif isinstance(value, dict):
            sample.facts.extend(Fact(f"{name}: {clip(k, 20)}", clip(v), mono=True) for k, v in list(value.items())[:64])
        else:
            sample.facts.extend(Fact(chip.label, chip.value, chip.mono) for chip in chips({key: value}, ()))
    return sample
