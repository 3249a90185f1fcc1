"""What the report says of a crash or a hang: read from the bundle's `triage.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.evidence.bundle import Bundle
from harness.report.words import Chip, clip
from harness.triage.run import stored

_FRAMES = 64
_LINES = 80


class FrameRow(NamedTuple):
    """One line of the backtrace."""

    number: int
    function: str
    source: str
    address: str
    note: str
    blamed: bool  # it is the place


@dataclass(frozen=True, slots=True)
class TriageView:
    """Texts, cut to what a page can hold."""

    kind: str
    title: str
    signature: str
    what: str
    where: str
    source: str  # of the place
    frames_from: str
    frames: list[FrameRow] = field(default_factory=list)
    registers: list[Chip] = field(default_factory=list)
    text: str = ""
    last_serial: str = ""
    last_good: str = ""
    last_good_href: str = ""  # where on the report of the run it is shown
    memory_dump: str = ""
    also: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def triage_view(bundle: Bundle) -> TriageView | None:
    """None where there is no triage."""
    data = stored(bundle)
    if data is None:
        return None
    where = _table(data, "where")
    good = _table(data, "last_good_frame")
    return TriageView(
        kind=clip(data.get("kind", ""), 40),
        title=clip(data.get("title", ""), 240),
        signature=clip(data.get("signature", ""), 40),
        what=clip(data.get("what", ""), 240),
        where=_function(where),
        source=_source(where),
        frames_from=clip(data.get("frames_from", ""), 40),
        frames=[
            FrameRow(
                n,
                _function(frame),
                _source(frame),
                clip(frame.get("address") or "", 24),
                _note(frame),
                _same_place(frame, where),
            )
            for n, frame in enumerate(_list(data, "frames")[:_FRAMES])
            if isinstance(frame, dict)
        ],
        registers=[
            Chip(clip(name, 12), clip(value, 24)) for name, value in list(_table(data, "registers").items())[:64]
        ],
        text="\n".join(clip(line, 512) for line in _list(data, "text")[:_LINES]),
        last_serial=str(data.get("last_serial") or "")[:8192],
        last_good=clip(good.get("name") or good.get("file") or "", 200),
        last_good_href=f"#frame-{step + 1}" if isinstance(step := good.get("step"), int) else "",
        memory_dump=clip(data.get("memory_dump") or "", 300),
        also=[clip(title, 240) for title in _list(data, "also")[:10]],
        notes=[clip(note, 300) for note in _list(data, "notes")[:10]],
    )


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _function(frame: Mapping[str, Any]) -> str:
    name, offset = frame.get("function") or frame.get("address") or "", frame.get("offset")
    return clip(f"{name}+{offset:#x}" if isinstance(offset, int) and offset else name, 200)


def _source(frame: Mapping[str, Any]) -> str:
    file, line = frame.get("file") or "", frame.get("line")
    return clip(f"{file}:{line}" if file and line else file, 240)


def _same_place(frame: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    keys = ("address", "function", "file", "line")
    return bool(where) and all(frame.get(key) == where.get(key) for key in keys)


def _note(frame: Mapping[str, Any]) -> str:
    words = (("inlined", "inlined"), ("interrupted", "interrupted here"), ("guess", "not sure"))
    return ", ".join(word for key, word in words if frame.get(key))
