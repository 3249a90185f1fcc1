"""Colours in what people read, on a terminal only. What is said does not depend on them."""

from __future__ import annotations

import os
import re
import sys

import click

from harness.verdicts import LAB, PRODUCT, Verdict

_HEAD = re.compile(rf"({'|'.join(Verdict)})(?=  |$)")
_LABEL = re.compile(r"( {2})(fingerprint|evidence|golden|note)(?=[: ])")
_CHECK = re.compile(r"( {3,}\d* +)(ok|FAILED|not reached|pending)(?=  )")
_CHECK_COLOURS = {"ok": "green", "FAILED": "red"}


def on_terminal() -> bool:
    """Whether stderr is a terminal that may be coloured; https://no-color.org says how a person refuses."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(line: str) -> str:
    """One line of `harness.report.summary` with its verdict, its label or its check's state coloured."""
    if found := _HEAD.match(line):
        return click.style(found[1], fg=_colour(Verdict(found[1])), bold=True) + line[found.end() :]
    if found := _LABEL.match(line):
        return found[1] + click.style(found[2], dim=True) + line[found.end() :]
    if found := _CHECK.match(line):
        colour = _CHECK_COLOURS.get(found[2], "yellow")
        return found[1] + click.style(found[2], fg=colour) + line[found.end() :]
    return line


def _colour(verdict: Verdict) -> str:
    if verdict is Verdict.PASS:
        return "green"
    return "red" if verdict in PRODUCT else "yellow" if verdict in LAB else "cyan"
