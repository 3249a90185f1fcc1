"""Figures, times and evidence as short text for the report."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from harness.console.safe import safe

CLIP = 300  # characters of one value: a line of the page; the whole of it is in verdict.json
_LABELS = {
    "offset": "byte",
    "host_ns": "at",
    "guest_us": "guest time",
    "crc": "CRC",
    "untrusted": "seen, but only",
    "way": "taken by",
    "number": "frame",
    "differing": "pixels differing",
    "returncode": "exit status",
    "asked": "asked to",
    "rip_samples": "PC samples",
    "qmp_status": "QMP status",
    "qmp_answered": "QMP answered",
    "vcpu_cpu_ratio": "share of a core used",
    "run_delay_ratio": "kept waiting by the host",
    "throttled_ratio": "throttled by a cgroup",
    "steal_ratio": "host time stolen",
    "window_s": "looked at",
    "cpu": "CPU",
    "qemu": "QEMU",
    "accel": "accelerator",
    "cr2": "CR2",
    "cr3": "CR3",
}


class Chip(NamedTuple):
    """One named value of a piece of evidence; `href` leads to where on the page it is shown, or is empty."""

    label: str
    value: str
    href: str = ""
    mono: bool = True


def seconds(ns: int) -> str:
    """Host nanoseconds as seconds with milliseconds."""
    return f"{ns / 1e9:.3f} s"


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    value = float(count)
    for unit in ("KiB", "MiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} GiB"


def plural(count: int, noun: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clip(value: object, limit: int = CLIP) -> str:
    """*value* as text of one line that is safe to show; what is not text or a number, as JSON."""
    if isinstance(value, str | int | float) or value is None:
        text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return safe(text, limit)


def chips(entry: Mapping[str, Any], shown_lines: Container[int], *, skip: Container[str] = ()) -> list[Chip]:
    """One evidence entry (see `Check.evidence` and `Finding.evidence`), its times and places made readable.

    :param shown_lines: numbers of the serial lines that the page shows, to link to.
    :param skip: keys that are shown elsewhere.
    """
    return [chip for key, value in entry.items() if key not in skip for chip in _chip(str(key), value, shown_lines)]


def label_of(key: str) -> str:
    """What a key of the evidence is called on the page."""
    return _LABELS.get(key) or safe(key.replace("_", " "), 40)


def _chip(key: str, value: Any, shown_lines: Container[int]) -> Iterable[Chip]:
    if value is None or value == "" or (key == "epoch" and value == 0):
        return
    label = label_of(key)
    match key, value:
        case "host_ns", int():
            yield Chip(label, seconds(value), mono=False)
        case "guest_us", int():
            yield Chip(label, f"{value / 1e6:.6f} s", mono=False)
        case "seen", int():
            yield Chip(label, f"{value}×", mono=False)
        case "line", int():
            yield Chip(label, str(value), f"#L{value}" if value in shown_lines else "", mono=False)
        case "box", [int() as x, int() as y, int() as w, int() as h]:
            yield Chip(label, f"{w}×{h} at ({x}, {y})", mono=False)
        case "first", {"x": int() as x, "y": int() as y, "expected": expected, "got": got}:
            yield Chip("first pixel", f"({x}, {y}) is {clip(got, 12)}, expected {clip(expected, 12)}")
        case _, float() if key.endswith("_ratio"):
            yield Chip(label, f"{value:.0%}", mono=False)
        case _, float() if key.endswith("_s"):
            yield Chip(label, f"{value:g} s", mono=False)
        case _:
            yield Chip(label, clip(value), mono=isinstance(value, str))
