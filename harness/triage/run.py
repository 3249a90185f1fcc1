"""Triage of a bundle: a pure function of its files, and of the file with symbols as long as that is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO

from harness.console.safe import safe
from harness.console.text import render
from harness.errors import UsageError
from harness.evidence.bundle import Bundle, sha256_file
from harness.evidence.journal import read_events
from harness.judge.crash_rules import Rules
from harness.judge.verdict import Finding, RunVerdict
from harness.triage.backtrace import Frame, Program, of_machine, of_text
from harness.triage.classify import classify, culprit
from harness.triage.report import Triage
from harness.triage.text import TextCrash, find_crashes, number, principal
from harness.verdicts import Verdict

FILE = "triage.json"
TAIL = 4096  # bytes of the console's end that are shown
_BEFORE, _AFTER = 1 << 20, 4 << 20  # bytes of the console around the first cause that are searched
_SLIDE = re.compile(r"Kernel Offset: (0x[0-9a-f]{1,16}) from")
_CAUSES = frozenset({"host-starved", "expectation"})  # not CRASH or HANG, but a wait that ended unmet


def calls_for_triage(verdict: RunVerdict) -> bool:
    """Whether the run crashed or stood still, so that somebody will ask where."""
    first = verdict.first_cause
    if first is None:
        return False
    waited = first.cause in _CAUSES and "rip_samples" in first.evidence
    return verdict.verdict in {Verdict.CRASH, Verdict.HANG} or waited


def triage_bundle(
    bundle: Bundle,
    verdict: RunVerdict,
    *,
    rules: Sequence[Path] = (),
    symbols: Path | None = None,
    slide: int | None = None,
) -> Triage:
    """Say what happened in a judged run.

    :param rules: files that extend those of the run's image and the built-in ones.
    :param symbols: an ELF file instead of the one that the manifest names.
    :param slide: what the machine's addresses are more than the file's; default: what the guest printed, else 0.
    :raises UsageError: for rules or symbols that cannot be read.
    :raises OSError: if the bundle cannot be.
    """
    known = Rules.load(*rules, *sorted((bundle.inputs / "triage").glob("*.toml")))
    sample, machine, dump, boots = _seen(bundle)
    first = verdict.first_cause
    at = first.evidence.get("offset") if first is not None else None
    notes: list[str] = []
    with ExitStack() as stack:
        stream = stack.enter_context(bundle.serial.open("rb")) if bundle.serial.is_file() else None
        size = bundle.serial.stat().st_size if stream is not None else 0
        crashes = _crashes(stream, size, at if isinstance(at, int) else None, boots, known)
        crash = principal(crashes)
        tail = _tail(stream, size)
        program = None
        file = symbols or _symbols(bundle, notes)
        if file is not None:
            offset = slide if slide is not None else _printed_slide(crashes)
            try:
                program = stack.enter_context(closing(Program.open(file, offset)))
            except UsageError as error:
                if symbols is not None:
                    raise
                notes.append(f"no symbols: {error.what}")
        frames, source = of_machine(machine, program), "stack"
        if not any(frame.function for frame in frames) and crash is not None and crash.trace:
            frames, source = of_text(crash.trace, program), "call trace"
        said = _said(first, known, crash)
        if sample.get("qmp_answered") is False:
            notes.append("QEMU did not answer after the end: no registers, no stack")
        found = classify(first.cause if first is not None else "", crash, sample, said=said, received=size)
        where = _where(found.kind, crash, frames, program, known)
    return Triage(
        kind=found.kind,
        title=found.title,
        what=found.what,
        where=where,
        frames=frames,
        frames_from=source if frames else "",
        crash=crash,
        also=[other.title for other in crashes if other is not crash][:10],
        registers=_registers(machine, crash),
        cpus=list(machine.get("cpus", []))[:64] if isinstance(machine.get("cpus"), list) else [],
        last_serial=tail,
        last_good_frame=_last_good_frame(verdict),
        memory_dump=dump,
        notes=notes,
    )


def triage_log(
    file: Path, *, rules: Sequence[Path] = (), symbols: Path | None = None, slide: int | None = None
) -> list[Triage]:
    """Every crash in a serial log, the first that is not minor first.

    :raises UsageError: for a file that cannot be read.
    """
    known = Rules.load(*rules)
    try:
        with file.open("rb") as stream:
            crashes = find_crashes(stream, known)
            tail = _tail(stream, file.stat().st_size)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    first = principal(crashes)
    out = []
    with ExitStack() as stack:
        program = None
        if symbols is not None:
            offset = slide if slide is not None else _printed_slide(crashes)
            program = stack.enter_context(closing(Program.open(symbols, offset)))
        for crash in sorted(crashes, key=lambda one: one is not first):
            frames = of_text(crash.trace, program)
            where = _where(crash.kind, crash, frames, program, known)
            out.append(
                Triage(
                    crash.kind,
                    crash.title,
                    "",
                    where,
                    frames,
                    "call trace" if frames else "",
                    crash,
                    registers=crash.registers,
                    last_serial=tail if crash is first else "",
                )
            )
    return out


def keep(bundle: Bundle, verdict: RunVerdict) -> Triage | None:
    """Triage a run that calls for it, and write `triage.json` into its bundle; None for others.

    It is *about* the run: what stands in its way is told in a note of the answer, or gives none at all.
    """
    if not calls_for_triage(verdict):
        return None
    try:
        found = triage_bundle(bundle, verdict)
        bundle.write_json(FILE, found.to_json())
    except (OSError, UsageError):
        return None
    return found


def stored(bundle: Bundle) -> dict[str, Any] | None:
    """What `keep` wrote, None if nothing did or it is damaged."""
    try:
        data = json.loads((bundle.path / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _seen(bundle: Bundle) -> tuple[Mapping[str, Any], Mapping[str, Any], str, list[int]]:
    """The last post mortem and machine state, the memory dump's name, and at which bytes the guest booted again."""
    sample: Mapping[str, Any] = {}
    machine: Mapping[str, Any] = {}
    dump, received, boots = "", 0, []
    for event in read_events(bundle.journal):
        match event.kind:
            case "serial":
                received = int(event.data["offset"]) + int(event.data["len"])
            case "epoch":
                boots.append(received)
            case "postmortem":
                sample = event.data
            case "machine":
                machine = event.data
            case "memory.dump":
                dump = str(event.data.get("file", ""))
    return sample, machine, dump, boots


def _crashes(stream: BinaryIO | None, size: int, at: int | None, boots: Sequence[int], rules: Rules) -> list[TextCrash]:
    """What was recognised in the boot of the first cause, around it or, if it has no place, at the end."""
    if stream is None:
        return []
    middle = size if at is None else at
    begin = max(
        middle - (_AFTER if at is None else _BEFORE), max((boot for boot in boots if boot <= middle), default=0)
    )
    return find_crashes(stream, rules, begin, min(size, middle + _AFTER))


def _tail(stream: BinaryIO | None, size: int) -> str:
    if stream is None:
        return ""
    stream.seek(max(size - TAIL, 0))
    return "\n".join(safe(render(line)[0], TAIL) for line in stream.read(TAIL).split(b"\n")).strip("\n")


def _symbols(bundle: Bundle, notes: list[str]) -> Path | None:
    """The file that the manifest names, if it is still what it was."""
    try:
        recorded = bundle.read_json("manifest.json").get("symbols")
    except UsageError:
        return None
    if not isinstance(recorded, dict) or "path" not in recorded:
        return None
    file = Path(str(recorded["path"]))
    try:
        same = file.stat().st_size == recorded.get("size")
        if same and recorded.get("sha256"):
            same = sha256_file(file) == recorded["sha256"]
    except OSError:
        same = False
    if not same:
        notes.append(f"no symbols: {file.name} is gone or has changed since the run; name a copy of it with --symbols")
        return None
    return file


def _printed_slide(crashes: Sequence[TextCrash]) -> int:
    """Linux tells by how much it was moved when it panics."""
    for crash in crashes:
        for line in crash.lines:
            found = _SLIDE.search(line)
            if found:
                return int(found[1], 16)
    return 0


def _said(first: Finding | None, rules: Rules, crash: TextCrash | None) -> str:
    if first is None or crash is not None:
        return ""
    return safe(first.what.partition(": ")[2] or first.what, 120)


def _where(
    kind: str, crash: TextCrash | None, frames: Sequence[Frame], program: Program | None, rules: Rules
) -> Frame | None:
    """The place: as the guest printed it, if it did (source line or program counter), else out of the backtrace."""
    if crash is not None and kind == crash.kind:
        if crash.facts.get("file") and crash.facts.get("line"):
            return Frame(None, crash.where, None, crash.facts["file"], number(crash.facts["line"]) or 0, how="text")
        for name in _COUNTERS if program is not None and kind == "exception" else ():
            address = crash.registers.get(name)
            if program is not None and address is not None and program.knows(address):
                return program.frames(address, exact=True, how="text")[0]
    found = culprit(kind, frames, rules)
    if found is None and crash is not None and crash.where:
        return Frame(None, crash.where, how="text")
    return found


_COUNTERS = ("rip", "pc", "elr", "elr_el1", "epc", "sepc", "eip")


def _registers(machine: Mapping[str, Any], crash: TextCrash | None) -> dict[str, int]:
    """Those that the guest printed, which are those of the crash; else those that were seen afterwards."""
    if crash is not None and len(crash.registers) >= 3:
        return crash.registers
    try:
        return {str(name): int(str(value), 16) for name, value in dict(machine.get("registers", {})).items()}
    except ValueError:
        return {}


def _last_good_frame(verdict: RunVerdict) -> dict[str, Any] | None:
    """The last picture that was right, by the step that took it."""
    good = None
    for check in verdict.checks:
        for entry in check.evidence if check.kind == "frame" else ():
            if entry.get("verdict") == "MATCH":
                good = {
                    "step": check.step,
                    "name": check.what,
                    "file": entry.get("file"),
                    "number": entry.get("number"),
                }
    return good
