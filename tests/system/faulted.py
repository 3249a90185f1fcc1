"""Runs with faults: what their journals say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.engine.run import RunOutcome
from harness.evidence.journal import Event, read_events
from harness.scenario.faulting import Fault, Recovery, Until, When
from harness.verdicts import Verdict

from .sectors import BUSY, image, sector

CREATE = "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5"
SECOND = "create id=2 x=400 y=300 w=300 h=200 color=8b5a2b"


def fault(do: Any, *, until: Until | None = None, recover: Recovery | None = None, **when: Any) -> Fault:
    """One fault that is called as its kind; *when* are the keys of its instant."""
    return Fault(name=do.kind, do=do, when=When(**when), until=until or Until(), recover=recover)


def journal(outcome: RunOutcome) -> list[Event]:
    return list(read_events(outcome.bundle.journal))


def events(outcome: RunOutcome, kind: str) -> list[Event]:
    return [event for event in journal(outcome) if event.kind == kind]


def passed(outcome: RunOutcome) -> RunOutcome:
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return outcome


def cause(outcome: RunOutcome) -> tuple[Verdict, str]:
    found = outcome.verdict.first_cause
    return outcome.verdict.verdict, found.cause if found is not None else ""


def reason(outcome: RunOutcome) -> str:
    found = outcome.verdict.first_cause
    return found.what if found is not None else ""


def guest_times(outcome: RunOutcome) -> dict[int, int]:
    """Guest time, in µs, of each rendezvous of the last boot, by the number of the command that it followed."""
    text = (outcome.bundle.path / "serial.bin").read_text(errors="replace")
    ready = [line.split(":") for line in text.splitlines() if line.startswith("RAYOS_CONTROL:READY:")]
    return {int(words[2]): int(words[3].partition("*")[0]) for words in ready}


def busy_guest(folder: Path) -> str:
    """The profile, in *folder*, of a guest that says RAYOS_BUSY:UP and then takes all the time it is given."""
    disk = image(folder, sector(BUSY, banner="RAYOS_BUSY:UP\\n"))
    profile = folder / "busy.toml"
    profile.write_text(
        'version = 1\nname = "busy"\n[boot]\nshape = "disk"\n'
        f'disk = {{ file = "{disk.name}", interface = "ide" }}\n'
        '[machine]\nmemory_mb = 32\n[guest]\nready = "RAYOS_BUSY:UP"\ndisplay = false\n'
    )
    return str(profile)
