"""Where two runs part that should be the same: the first event that differs, with what was around it in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from harness.console.safe import safe
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.fingerprint import Trace
from harness.evidence.journal import read_events
from harness.judge.proof_check import KIND as PROOF
from harness.judge.rejudge import recorded, rejudge

CONTEXT = 10  # lines of each run that are shown
_BEFORE = 6  # of them before the event that differs

Record = tuple[str, ...]
"""What a fingerprint is made of: `("M", epoch, text)` or `("F", name, digest)`."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """`event` counts from 1; `first` and `second` are up to ten lines of each run; > marks the one that differs.

    `runs` are the numbers of the two, from 1.
    """

    event: int
    what: str
    runs: tuple[int, int]
    first: tuple[str, ...]
    second: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"around event {self.event}, where they part",
            *(f"  run {self.runs[0]}  {line}" for line in self.first),
            *(f"  run {self.runs[1]}  {line}" for line in self.second),
        ]


def parting(first: Bundle, second: Bundle, runs: tuple[int, int] = (1, 2)) -> Divergence | None:
    """Judge both bundles again and find the first event of their fingerprints that differs; None if none does.

    :raises UsageError: if a bundle is damaged or gone.
    """
    ours, theirs = _trace(first), _trace(second)
    found = compare(ours, theirs, runs)
    if found is None:
        return None
    at = found.event - 1
    here = [records[at] for records in (ours, theirs) if at < len(records)]
    if any(record[:2] == ("F", PROOF) or _ready(record) is not None for record in here):
        # The frames of an interval are one digest, which stands behind the rendezvous that ends it: which of them?
        settled = 1 + sum(record[:2] == ("F", PROOF) for record in ours[:at])
        frames, others = (list(_proved(bundle, settled)) for bundle in (first, second))
        return compare(frames, others, runs, "the proved frames") or found
    return found


def compare(
    ours: Sequence[Record], theirs: Sequence[Record], runs: tuple[int, int] = (1, 2), of: str = "the fingerprint"
) -> Divergence | None:
    """The first record that differs; *runs* are the numbers that the two are told by, *of* says what they make up."""
    for index, (mine, other) in enumerate(zip_longest(ours, theirs)):
        if mine != other:
            what = _sentence(f"event {index + 1} of {of}", mine, other, runs)
            return Divergence(index + 1, what, runs, _around(ours, index), _around(theirs, index))
    return None


def tails(first: Bundle, runs: tuple[int, int] = (1, 2)) -> Divergence:
    """For runs whose fingerprints are equal although they ended differently: the last that both have in common.

    :raises UsageError: if a bundle is damaged or gone.
    """
    records = _trace(first)
    what = f"none of the {len(records)} events of the fingerprint: the runs part after its end"
    around = _around(records, len(records))
    return Divergence(len(records) + 1, what, runs, around, around)


def _trace(bundle: Bundle) -> list[Record]:
    if not bundle.journal.is_file():
        raise UsageError(f"the bundle {bundle.path} is gone")
    trace = Trace()
    rejudge(bundle, recorded(bundle)[0], trace)
    return trace.records


def _proved(bundle: Bundle, settled: int) -> Iterator[Record]:
    """The frames that were proved until the guest had settled so often, one by one."""
    for event in read_events(bundle.journal):
        if settled and event.kind == "proof":
            settled -= bool(event.data["settled"])
            columns = zip(event.data["us"], event.data["crc"], event.data["digest"], strict=True)
            for number, (us, crc, digest) in enumerate(columns, int(event.data["first"])):
                yield "F", f"frame {number} at {us} us, tiles {crc}", str(digest)


def _sentence(number: str, mine: Record | None, other: Record | None, runs: tuple[int, int]) -> str:
    one, two = (f"run {run}" for run in runs)
    if mine is None or other is None:
        longer, shorter = (one, two) if other is None else (two, one)
        return f"{number}: {_told(mine or other or ())} in {longer}, and {shorter} had ended before it"
    if mine[0] == other[0] == "F" and mine[1] == other[1]:
        return f"{number}: the pixels of {mine[1]} (digest {mine[2]} in {one}, {other[2]} in {two})"
    if mine[0] == other[0] == "M":
        times = _ready(mine), _ready(other)
        if None not in times and times[0] != times[1]:
            return f"{number}: the guest's time, {mine[2]} in {one} and {other[2]} in {two}"
    return f"{number}: {_told(mine)} in {one}, {_told(other)} in {two}"


def _ready(record: Record) -> str | None:
    """The guest time of a rendezvous (docs/protocol.md), None for what is none."""
    parts = record[2].split(":")
    return parts[3] if record[0] == "M" and parts[:2] == ["RAYOS_CONTROL", "READY"] and len(parts) == 4 else None


def _told(record: Record) -> str:
    if record[0] == "M":
        return f"the marker {safe(record[2], 200)}"
    return f"{safe(record[1], 100)} with the digest {record[2]}"


def _around(records: Sequence[Record], index: int) -> tuple[str, ...]:
    start = max(0, index - _BEFORE)
    lines = [
        f"{'>' if number == index else ' '} {number + 1:>5}  {_line(records[number])}"
        for number in range(start, min(len(records), start + CONTEXT))
    ]
    if index >= len(records):
        lines.append(f"> {len(records) + 1:>5}  (nothing more)")
    return tuple(lines[-CONTEXT:])


def _line(record: Record) -> str:
    if record[0] == "M":
        boot = f"  (boot {int(record[1]) + 1})" if record[1] != "0" else ""
        return f"{safe(record[2], 200)}{boot}"
    return f"[frame] {safe(record[1], 100)}  {record[2]}"
