"""Failures that are known, for a while: who answers for each, why, and until when. See docs/ci.md.

A quarantined failure is told as what it is, and does not fail the batch. The day after its entry has expired it does,
and so does the entry itself: nobody shall forget it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Literal

from harness.toml import Problem, load_toml, refuse, validate
from harness.verdicts import PRODUCT, Verdict

MOST_DAYS = 366  # an entry that is to hold for longer is no quarantine
_HELD = PRODUCT | {Verdict.FLAKY}  # the lab's failures say nothing that could be known


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`scenario` is a name or a shell pattern; `cause`, where given, the word of the first cause that is known."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    scenario: str
    owner: str
    reason: str
    expires: datetime.date  # it holds to the end of that day, UTC
    cause: str = ""

    def covers(self, name: str) -> bool:
        return name == self.scenario or fnmatchcase(name, self.scenario)

    def to_json(self, *, expired: bool) -> dict[str, Any]:
        return {"owner": self.owner, "reason": self.reason, "expires": self.expires.isoformat(), "expired": expired}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    version: Literal[1]
    quarantine: tuple[Entry, ...] = ()


class Quarantine:
    """The entries of a file, as they stand on one day."""

    def __init__(self, entries: Sequence[Entry], today: datetime.date) -> None:
        self._entries = entries
        self._today = today

    def mark(self, run: dict[str, Any]) -> None:
        """Write into *run*, as the command line prints it, what is known of its scenario: `quarantine`.

        It has `owner`, `reason`, `expires`, `expired`, and `holds`: whether this failure is let pass. Of a scenario
        that was played several times every failure has to be known. An entry that has expired is told as long as it
        stands there and was not renewed (by another about the same), whatever else is known of its scenario.
        """
        known = [entry for entry in self._entries if entry.covers(run["scenario"])]
        if not known:
            return
        valid = [entry for entry in known if self._today <= entry.expires]
        renewed = {(entry.scenario, entry.cause) for entry in valid}
        late = [entry for entry in known if entry not in valid and (entry.scenario, entry.cause) not in renewed]
        failed = run["verdict"] in _HELD
        causes = _causes(run) if failed else set()
        fits = [entry for entry in valid if not failed or not entry.cause or entry.cause in causes]
        holds = failed and all(any(entry.cause in {"", cause} for entry in valid) for cause in causes)
        entry = max(late or fits or known, key=lambda entry: entry.expires)
        run["quarantine"] = {**entry.to_json(expired=bool(late)), "holds": holds}

    def unused(self, names: Iterable[str]) -> Iterator[str]:
        """Entries that cover none of the scenarios *names*."""
        played = list(names)
        for entry in self._entries:
            if not any(map(entry.covers, played)):
                yield entry.scenario


def _causes(run: Mapping[str, Any]) -> set[str]:
    """The words of the first causes of its failures. That the runs differ is a failure of its own."""
    failed = [each for each in run.get("repeats", ()) if each["verdict"] in _HELD]
    whole = not failed or run["verdict"] in {Verdict.NONDETERMINISM, Verdict.FLAKY}
    return {str(each["first_cause"] or "").partition(":")[0] for each in ([run] if whole else failed)}


def load_quarantine(path: Path, today: datetime.date) -> Quarantine:
    """Read a file of entries.

    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    from pydantic import TypeAdapter

    document = load_toml(path)
    entries = validate(TypeAdapter(_File), path, document).quarantine
    problems = [
        Problem(("quarantine", number, key), f"{key}: should say something")
        for number, entry in enumerate(entries)
        for key in ("scenario", "owner", "reason")
        if not getattr(entry, key).strip()
    ]
    problems += [
        Problem(("quarantine", number, "expires"), f"expires: at most {MOST_DAYS} days from now; skip it, or mend it")
        for number, entry in enumerate(entries)
        if entry.expires > today + datetime.timedelta(days=MOST_DAYS)
    ]
    if problems:
        raise refuse(path, document.locate, problems)
    return Quarantine(entries, today)
