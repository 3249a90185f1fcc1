"""Streams out of lines, for the tests."""

from __future__ import annotations

from pathlib import Path

from harness.console.types import Line
from harness.diff.model import Stream
from harness.markers.parser import MarkerParser
from harness.markers.types import Marker


def markers(*boots: list[str]) -> list[Marker]:
    """The markers of some boots, each a list of lines."""
    parser = MarkerParser()
    found = []
    number = 0
    for epoch, lines in enumerate(boots):
        for text in lines:
            number += 1
            found += parser.feed(Line(number, epoch, number * 100, text.encode(), text, 0))
    return found + parser.finish()


def stream(*boots: list[str], **more: object) -> Stream:
    """A stream of some boots."""
    return Stream(name="a run", markers=markers(*boots), **more)  # type: ignore[arg-type]


def log(path: Path, *lines: str) -> Path:
    """A log file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
