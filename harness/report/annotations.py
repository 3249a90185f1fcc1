"""What a batch says to GitHub Actions: annotations at the lines of scenario files, and a summary of the step.

Workflow commands are lines on the step's output, and so is what a guest printed. So all that is printed in between is
held by `stop-commands` with a word that the guest cannot know, and what goes into a command or a page is escaped.
"""

from __future__ import annotations

import html
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.console.safe import safe
from harness.report.known import expired, held
from harness.verdicts import PRODUCT, Verdict

_TEXT = 2000  # characters of an annotation; GitHub shows a few lines
_MOST = 10  # annotations of one kind that GitHub keeps of a step
_PAGE = 900_000  # bytes of a summary; GitHub refuses one of more than 1 MiB
_ROWS = 1000
_MARK = {Verdict.PASS: "✅", Verdict.SKIPPED: "⏭️", Verdict.FLAKY: "⚠️", Verdict.INCONCLUSIVE: "⚠️"}


class Commands:
    """The workflow commands of one step: between `hold` and `release` nothing that is printed is one."""

    def __init__(self) -> None:
        self._word = secrets.token_hex(16)

    def hold(self) -> str:
        return f"::stop-commands::{self._word}"

    def release(self) -> str:
        return f"::{self._word}::"


def commands_of(runs: Iterable[Mapping[str, Any]], places: Sequence[tuple[Path, int] | None]) -> list[str]:
    """One command for each run that did not pass, the product's failures first; at most ten of a kind.

    :param places: file and line of each run, None where it has none.
    """
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for run, place in zip(runs, places, strict=True):
        kind = _kind(run)
        if not kind:
            continue
        title = f"{run['verdict']} {run['scenario']}"
        known = run.get("quarantine")
        text = str(run["first_cause"] or run["verdict"])
        if known:
            text += f"\nquarantine of {known['owner']} until {known['expires']}: {known['reason']}"
        where = {} if place is None else {"file": _relative(place[0]), "line": str(place[1])}
        found[kind].append(command(kind, text, **where, title=title))
    return [line for lines in found.values() for line in lines[:_MOST]]


def command(kind: str, text: str, **properties: str) -> str:
    """One workflow command, on one line, whatever *text* and *properties* hold."""
    words = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {words}::{_data(safe(text, _TEXT, newlines=True))}"


def write_summary(file: Path, batch: Mapping[str, Any], checks: Sequence[Sequence[str]]) -> None:
    """Append the table of a batch to the step's summary.

    It is one block of HTML without an empty line, inside of which Markdown means nothing.

    :raises OSError: if it cannot be written.
    """
    runs = batch["runs"]
    rows = [_row(run, lines) for run, lines in zip(runs[:_ROWS], checks, strict=False)]
    head = f"<h3>harness: {_cell(batch['verdict'] or ('ended by an error' if batch['runs'] else 'nothing ran'))}</h3>"
    counts: dict[str, int] = {}
    for run in runs:
        word = f"{run['verdict']} (quarantined)" if held(run) else run["verdict"]
        counts[word] = counts.get(word, 0) + 1
    told = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    columns = "<tr><th></th><th>scenario</th><th>verdict</th><th>first cause</th><th>evidence</th></tr>"
    page = f"{head}\n<p>{_cell(told)}</p>\n<table>\n{columns}\n"
    for number, row in enumerate(rows):
        if len(page.encode()) + len(row.encode()) > _PAGE:
            page += f"<tr><td></td><td>and {len(runs) - number} more</td></tr>\n"
            break
        page += row
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"{page}</table>\n\n")


def wanted(choice: str) -> bool:
    """Whether to speak to GitHub: *choice* is `github`, `none` or `auto` (where it runs there)."""
    return choice == "github" or (choice == "auto" and os.environ.get("GITHUB_ACTIONS") == "true")


def summary_file() -> Path | None:
    """Where the step's summary goes, if there is one."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None


def _kind(run: Mapping[str, Any]) -> str:
    verdict = Verdict(run["verdict"])
    if verdict in {Verdict.PASS, Verdict.SKIPPED}:
        return "warning" if expired(run) else ""
    return "error" if verdict in PRODUCT and not held(run) else "warning"


def _row(run: Mapping[str, Any], lines: Sequence[str]) -> str:
    verdict = Verdict(run["verdict"])
    mark = "⚠️" if held(run) else _MARK.get(verdict, "❌")
    word = f"{verdict} (quarantined until {run['quarantine']['expires']})" if held(run) else str(verdict)
    bundle = Path(run["bundle"]).name if run["bundle"] else ""
    row = f"<tr><td>{mark}</td><td>{_cell(run['scenario'])}</td><td>{_cell(word)}</td>"
    row += f"<td>{_cell(run['first_cause'] or '')}</td><td>{_cell(bundle)}</td></tr>\n"
    if verdict not in {Verdict.PASS, Verdict.SKIPPED} and lines:
        shown = "<br>".join(_cell(line) for line in lines[:40])
        row += (
            f"<tr><td></td><td colspan=4><details><summary>checks</summary><code>{shown}</code></details></td></tr>\n"
        )
    return row


def _cell(text: Any) -> str:
    """*text* on one line, with nothing in it that HTML knows, and no mention of anybody."""
    shown = html.escape(safe(str(text), 500))
    return re.sub(r"[@`*_\[\]|~#:]", lambda found: f"&#{ord(found[0])};", shown)


def _relative(file: Path) -> str:
    """As GitHub names files: from the root of the checkout."""
    root = os.environ.get("GITHUB_WORKSPACE")
    if root and file.is_relative_to(root):
        return str(file.relative_to(root))
    return os.path.relpath(file)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text, 300)).replace(":", "%3A").replace(",", "%2C")
