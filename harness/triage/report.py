"""Triage of one run or one log: everything that is said of a crash or a hang, as plain data and as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.triage.backtrace import Frame
from harness.triage.signature import signature
from harness.triage.text import TextCrash

SHOWN = 8  # frames in a terminal
_LINES = 60  # of a crash's text in triage.json


@dataclass(frozen=True, slots=True)
class Triage:
    """The answer. `frames_from` is `stack`, `call trace` or empty; what is not known is empty too."""

    kind: str
    title: str
    what: str  # about the machine
    where: Frame | None
    frames: list[Frame] = field(default_factory=list)
    frames_from: str = ""
    crash: TextCrash | None = None
    also: list[str] = field(default_factory=list)  # titles of what else was recognised
    registers: dict[str, int] = field(default_factory=dict)
    cpus: list[dict[str, Any]] = field(default_factory=list)
    last_serial: str = ""
    last_good_frame: dict[str, Any] | None = None
    memory_dump: str = ""  # a file of the bundle
    notes: list[str] = field(default_factory=list)

    @property
    def signature(self) -> str:
        """The same for crashes of one cause: kind and title, with the function where there is one."""
        return signature(self.kind, self.full_title)

    @property
    def full_title(self) -> str:
        """The title, with the function unless it is named in it."""
        function = self.where.function if self.where is not None else ""
        known = not function or (self.crash is not None and self.crash.where) or function in self.title
        return self.title if known else f"{self.title} in {function}"

    def to_json(self) -> dict[str, Any]:
        """What `triage.json` holds."""
        return {
            "kind": self.kind,
            "title": self.full_title,
            "signature": self.signature,
            "what": self.what,
            "where": self.where.to_json() if self.where is not None else None,
            "frames_from": self.frames_from,
            "frames": [frame.to_json() for frame in self.frames],
            "registers": {name: f"{value:#x}" for name, value in self.registers.items()},
            "cpus": self.cpus,
            "rule": self.crash.rule.name if self.crash is not None else None,
            "text": self.crash.lines[:_LINES] if self.crash is not None else [],
            "offset": self.crash.offset if self.crash is not None else None,
            "also": self.also,
            "last_serial": self.last_serial,
            "last_good_frame": self.last_good_frame,
            "memory_dump": self.memory_dump or None,
            "notes": self.notes,
        }


def lines(triage: Triage, *, everything: bool = False) -> list[str]:
    """What a person reads: few lines under a run, *everything* for the command of its own."""
    out = [f"triage       {triage.full_title}  ({triage.kind})", f"  signature  {triage.signature}"]
    if triage.where is not None:
        out.append(f"  where      {triage.where}")
    if triage.what:
        out.append(f"  machine    {triage.what}")
    frames = triage.frames if everything else triage.frames[:SHOWN]
    out += [f"  #{number:<3}       {frame}" for number, frame in enumerate(frames)]
    if len(frames) < len(triage.frames):
        out.append(f"  …          {len(triage.frames) - len(frames)} more frames in triage.json")
    if everything:
        out += _rest(triage)
    if triage.memory_dump:
        out.append(f"  memory     {triage.memory_dump}")
    out += [f"  note: {note}" for note in triage.notes]
    return out


def _rest(triage: Triage) -> list[str]:
    out = [f"  also       {title}" for title in triage.also]
    if triage.last_good_frame is not None:
        good = triage.last_good_frame
        out.append(f"  last good  frame {good.get('name') or good.get('number')} {good.get('file') or ''}".rstrip())
    if triage.registers:
        out += [f"  registers  {row}" for row in _rows(triage.registers)]
    if triage.crash is not None:
        out += ["  text", *(f"    {line}" for line in triage.crash.lines[:_LINES])]
    if triage.last_serial:
        out += ["  last serial bytes", *(f"    {line}" for line in triage.last_serial.splitlines())]
    return out


def _rows(registers: dict[str, int]) -> Sequence[str]:
    words = [f"{name}={value:x}" for name, value in registers.items()]
    return ["  ".join(words[at : at + 4]) for at in range(0, len(words), 4)]
