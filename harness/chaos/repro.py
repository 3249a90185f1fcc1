"""Repro files: a scenario with its plan and what it led to, to be played again elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.chaos.play import Played
from harness.engine.options import Planned
from harness.errors import UsageError
from harness.evidence.bundle import sha256_file
from harness.scenario.model import Scenario
from harness.scenario.stored import from_json, to_json
from harness.writing import write_whole

VERSION = 1


@dataclass(frozen=True, slots=True)
class Repro:
    """What a repro file holds: `image` as it was given, `words` that were added to the kernel's command line."""

    scenario: Scenario
    image: str
    words: str
    kernel_sha256: str | None
    clock: str
    qemu: str
    verdict: str
    cause: str
    fingerprint: str | None


def write_repro(path: Path, item: Planned, played: Played, image: str, words: str) -> None:
    """Write the repro file of a trial.

    :raises UsageError: if it cannot be written.
    """
    scenario = replace(item.scenario, faults=played.plan)
    kernel = item.profile.boot.kernel
    document = {
        "version": VERSION,
        "expected": {"verdict": str(played.verdict), "cause": played.cause, "fingerprint": played.fingerprint},
        "image": image,
        "words": words,
        "kernel_sha256": sha256_file(kernel) if kernel is not None else None,
        "clock": item.clock,
        "qemu": played.qemu,
        "plan": [_readable(fault) for fault in asdict(played.plan)["fault"]],
        "scenario": to_json(scenario),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(document, indent=1, default=str) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def read_repro(path: Path) -> Repro:
    """The repro file *path*; goldens and pictures of its scenario are looked for beside it.

    :raises UsageError: if it cannot be read or is none.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise UsageError(
                f"{path} is a repro file of version {document['version']}", f"this harness reads {VERSION}"
            )
        scenario, expected = from_json(document["scenario"]), document["expected"]
        return Repro(
            scenario=scenario if scenario.folder.is_dir() else replace(scenario, folder=path.parent.absolute()),
            image=str(document["image"]),
            words=str(document["words"]),
            kernel_sha256=document["kernel_sha256"],
            clock=str(document["clock"]),
            qemu=str(document["qemu"]),
            verdict=str(expected["verdict"]),
            cause=str(expected["cause"]),
            fingerprint=expected["fingerprint"],
        )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no repro file: {error}", "`harness chaos` writes them") from error


def _readable(fault: dict[str, Any]) -> dict[str, Any]:
    """The fault as it would stand in a scenario file: without what was not given."""
    shown = {k: v for k, v in fault.items() if v is not None}
    for part in ("when", "until", "do"):
        shown[part] = {k: v for k, v in fault[part].items() if v not in (None, "", 0, 0.0)}
    return shown
