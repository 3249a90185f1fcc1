"""Streams out of bundles and logs."""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.console.safe import safe
from harness.console.stream import ConsoleStream
from harness.console.text import render
from harness.console.types import Chunk, Line
from harness.diff.model import Ending, Picture, Stream
from harness.diff.signature import LONGEST, words
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event, read_events
from harness.judge.crash_rules import built_in_deaths
from harness.judge.facts import GuestFacts
from harness.judge.guest_clock import GuestClock
from harness.markers.match import Pattern
from harness.markers.parser import MarkerParser
from harness.markers.scan import scan
from harness.markers.schema import PLAN, Schema, load_schema
from harness.markers.types import Marker, MarkerFlag
from harness.verdicts import PRODUCT

MOST = 1_000_000  # markers of one stream; a marker takes about 700 bytes
_NOT_ITS_OWN = MarkerFlag.ECHO | MarkerFlag.AGAIN
_HARMED = MarkerFlag.TORN | MarkerFlag.DAMAGED
_KMSG = re.compile(rb"(?:<[0-9]{1,3}>)?\[ *([0-9]{1,9})\.([0-9]{6})\]")
_KMSG_LONG = 48  # bytes of it, and of what may stand between it and a marker
_CLUSTER = "inputs/cluster.json"
_NEWLINE = 0x0A
_STEADY = frozenset({"virtual", "record"})


def of_path(path: Path, schema: Schema = PLAN, prefixes: Collection[str] | None = None) -> Stream:
    """`of_bundle` for a bundle's folder, else `of_log`.

    :raises harness.errors.UsageError: if it cannot be read.
    """
    return of_bundle(path) if path.is_dir() else of_log(path, schema, prefixes)


def of_bundle(path: Path) -> Stream:
    """The markers of a run's bundle, with its boots, guest times, pictures and how it ended.

    :raises harness.errors.UsageError: if it is no bundle, or damaged.
    """
    bundle = Bundle.open(path)
    if (path / _CLUSTER).is_file():
        raise UsageError(f"{path} is the bundle of several guests", "compare the bundles of its guests, in its folders")
    manifest = bundle.read_json("manifest.json") if (path / "manifest.json").exists() else {}
    schema_file = GuestFacts.from_json(manifest.get("facts", {})).schema_path(path)
    schema = load_schema(schema_file) if schema_file else PLAN
    pictures: list[Picture] = []
    parser = MarkerParser(schema)
    clock = _Clock()
    sieve = _Sieve()
    for marker in _bundle_markers(bundle, parser, pictures):
        if sieve.take(marker):
            clock.take(marker, None)
    return Stream(
        name=path.name,
        markers=sieve.markers,
        guest_us=clock.times,
        serial=bundle.serial if bundle.serial.is_file() else None,
        pictures=pictures,
        ending=_verdict_ending(bundle),
        steady=str(manifest.get("clock", "wall")) in _STEADY,
        schema=schema,
        lost=parser.lost + sieve.harmed,
        truncated=sieve.full,
    )


def of_log(path: Path, schema: Schema = PLAN, prefixes: Collection[str] | None = None) -> Stream:
    """The markers of any text log, with the times of the kernel's log where they have one. A crash text that no
    healthy boot prints is how it ended.

    :raises harness.errors.UsageError: if it cannot be read.
    """
    parser = MarkerParser(schema, prefixes)
    clock = _Clock()
    sieve = _Sieve()
    data = _mapped(path)
    for marker in scan(path, parser):
        if sieve.take(marker):
            clock.take(marker, _line_time(data, marker.offset))
    return Stream(
        name=path.name,
        markers=sieve.markers,
        guest_us=clock.times,
        serial=path,
        ending=_text_ending(path, data),
        schema=schema if prefixes is None else replace(schema, prefixes=tuple(prefixes)),
        lost=parser.lost + sieve.harmed,
        truncated=sieve.full,
    )


class _Sieve:
    """Keeps the markers that the guest itself printed, whole, once."""

    def __init__(self) -> None:
        self.markers: list[Marker] = []
        self.harmed = 0
        self.full = False

    def take(self, marker: Marker) -> bool:
        if marker.flags is not MarkerFlag.NONE:
            if marker.flags & _NOT_ITS_OWN:
                return False
            if marker.flags & _HARMED:
                self.harmed += 1
                return False
        if len(self.markers) >= MOST:
            self.full = True
            return False
        self.markers.append(marker)
        return True


class _Clock:
    """Guest time of each marker in its boot: that of its line, or of the rendezvous that it is."""

    def __init__(self) -> None:
        self.times: list[int | None] = []
        self._clock = GuestClock()
        self._epoch = 0

    def take(self, marker: Marker, line_us: int | None) -> None:
        if marker.epoch != self._epoch:
            self._epoch = marker.epoch
            self._clock.new_boot()
        told = marker.family == "CONTROL" and self._clock.take(marker)
        self.times.append(self._clock.now_us if told else line_us)


def _bundle_markers(bundle: Bundle, parser: MarkerParser, pictures: list[Picture]) -> Iterator[Marker]:
    """What the judge sees of the console, in the order of the journal; notes the pictures on the way."""
    console = ConsoleStream()
    received = 0
    try:
        with bundle.serial.open("rb") as serial:
            for event in read_events(bundle.journal):
                lines: list[Line] = []
                match event.kind:
                    case "serial":
                        offset, length = int(event.data["offset"]), int(event.data["len"])
                        serial.seek(offset)
                        received = offset + length
                        lines = console.feed(Chunk(offset, serial.read(length), event.host_ns))
                    case "epoch":
                        lines = console.new_epoch(int(event.data["number"]))
                    case "console.send" | "typed":
                        console.sent(str(event.data.get("text", "")))
                    case "frame":
                        pictures.append(_picture(bundle, event, received))
                    case _:
                        continue
                for line in lines:
                    yield from parser.feed(line)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UsageError(f"the bundle {bundle.path} is damaged: {error}") from error
    for line in console.finish():
        yield from parser.feed(line)
    yield from parser.finish()


def _picture(bundle: Bundle, event: Event, received: int) -> Picture:
    name = event.data.get("file")
    file = bundle.path / str(name) if name else None
    if file is not None and (not file.is_file() or bundle.path.resolve() not in file.resolve().parents):
        file = None
    return Picture(str(event.data.get("name", "")), str(event.data.get("digest", "")), file, received)


def _verdict_ending(bundle: Bundle) -> Ending | None:
    """What its verdict says, where that is about the product."""
    if not (bundle.path / "verdict.json").is_file():
        return None
    verdict = bundle.read_json("verdict.json")
    first = verdict.get("first_cause")
    if not isinstance(first, Mapping) or first.get("verdict") not in {str(one) for one in PRODUCT}:
        return None
    kind, cause, what = str(first["verdict"]).lower(), str(first.get("cause", "")), str(first.get("what", ""))
    evidence = first.get("evidence")
    evidence = evidence if isinstance(evidence, Mapping) else {}
    signature = cause
    if kind == "crash" and (told := _triaged(bundle, verdict)):
        signature = told
    elif cause == "crash-text":
        signature = words(what.partition(": ")[2] or what)
    elif kind == "fail":
        check = _check(verdict, first.get("step"))
        signature = f"{cause}: {words(check)}" if check else cause
    offset = evidence.get("offset")
    return Ending(kind, signature, what, offset if isinstance(offset, int) else None)


def _triaged(bundle: Bundle, verdict: Mapping[str, Any]) -> str:
    """What triage calls the crash, with triage's signature; "" if it says nothing."""
    from harness.judge.verdict import RunVerdict
    from harness.triage.run import stored, triage_bundle

    found = stored(bundle)
    if found is None:
        try:
            found = triage_bundle(bundle, RunVerdict.from_json(verdict)).to_json()
        except (OSError, UsageError, KeyError, TypeError, ValueError):  # without a triage a crash has a cause still
            return ""
    return _titled(str(found.get("title", "")), str(found.get("signature", "")))


def _titled(title: str, signature: str) -> str:
    return f"{safe(title, LONGEST)} [{safe(signature, 40)}]" if title and signature else ""


def _check(verdict: Mapping[str, Any], step: object) -> str:
    checks = verdict.get("checks")
    found = (
        c for c in (checks if isinstance(checks, list) else []) if isinstance(c, Mapping) and c.get("step") == step
    )
    return str(next(found, {}).get("what", ""))


def _mapped(path: Path) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if stream.seek(0, 2) else b""
    except ValueError:
        return b""
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _line_time(data: mmap.mmap | bytes, offset: int) -> int | None:
    """The time that the kernel's log puts in front of a line, in microseconds."""
    if not offset or data[offset - 1] == _NEWLINE:
        return None
    window = data[max(offset - _KMSG_LONG, 0) : offset]
    found = _KMSG.match(window[window.rfind(b"\n") + 1 :]) if b"]" in window else None
    return int(found[1]) * 1_000_000 + int(found[2]) if found else None


_NEEDLES = re.compile(
    rb"panic|PANIC|BUG|Oops|Unable to handle| \[#|EXCEPTION|nhandled exception|general protection|X64 Exception"
    rb"|Synchronous Exception at|ASSERT|Abort\" handler|Guru Medi|KERNEL_SECURITY_CHECK"
    rb"|ZEPHYR FATAL|Fatal trap"
)
"""What each of the built-in crash texts has in it: only such lines are looked at."""
_CRASH_LINE = 400  # characters of it that are kept


def _text_ending(path: Path, data: mmap.mmap | bytes) -> Ending | None:
    """The first text that says that a kernel died."""
    patterns = [Pattern.parse(source) for source in built_in_deaths()]
    for found in _NEEDLES.finditer(data):
        start = data.rfind(b"\n", max(found.start() - _CRASH_LINE, 0), found.start()) + 1
        end = data.find(b"\n", found.end(), found.end() + _CRASH_LINE)
        start = start or max(found.start() - _CRASH_LINE, 0)
        text = render(data[start : end if end >= 0 else found.end() + _CRASH_LINE])[0]
        for span in filter(None, (one.match_line(text) for one in patterns)):
            told = _triaged_log(path) or words(text[span[0] :])
            return Ending("crash", told, text[span[0] :], start)
    return None


def _triaged_log(path: Path) -> str:
    """What `harness triage` calls the crash in a log, with its signature; "" if it knows none."""
    from harness.triage.run import triage_log

    found = triage_log(path)
    return _titled(found[0].full_title, found[0].signature) if found else ""
