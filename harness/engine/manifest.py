"""The manifest of a bundle: what was run, on what, with which inputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.evidence.bundle import SCHEMA, Bundle, sha256_file
from harness.judge.facts import GuestFacts
from harness.scenario.stored import to_json

if TYPE_CHECKING:
    from harness.engine.run import RunRequest

_DIGEST_LIMIT = (
    512 << 20
)  # bytes; a larger file (a disk image) would hold a run up for seconds and is told by size and time


def write_manifest(bundle: Bundle, described: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Write `manifest.json`.

    :param target: the data of the `target.start` event: argument vector, versions.
    """
    bundle.write_json("manifest.json", {**described, "target": {k: v for k, v in target.items() if k != "pid"}})


def describe_run(bundle: Bundle, request: RunRequest, facts: GuestFacts) -> dict[str, Any]:
    """Keep the inputs that a later judgement needs; what the manifest says of the run, but for the machine.

    None of it waits for the machine, and digests of large images take their time.
    """
    scenario, profile = request.scenario, request.profile
    bundle.write_json("inputs/scenario.json", to_json(scenario))
    copies = {
        path.name: f"inputs/{path.relative_to(bundle.inputs)}"
        for path in sorted(bundle.inputs.rglob("*"))
        if path.is_file()
    }
    if scenario.file is not None and scenario.file.is_file():
        copies["scenario"] = bundle.keep(scenario.file)
    files = image_files(request)
    return {
        "schema": SCHEMA,
        "harness": __version__,
        "scenario": scenario.name,
        "image": profile.name,
        "image_digest": next((f["sha256"] for f in files if f["sha256"]), None),
        "image_files": files,
        "plan": list(profile.boot.plan),
        "symbols": _symbols(request),
        "seed": scenario.seed,
        "clock": request.clock,
        "reproducible": facts.reproducible,
        "facts": facts.to_json(),
        "copies": {name: {"file": file, "sha256": sha256_file(bundle.path / file)} for name, file in copies.items()},
        "host": {
            "system": " ".join(os.uname()[i] for i in (0, 2, 4)),
            "python": sys.version.split()[0],
            "cpus": os.cpu_count(),
        },
    }


def image_files(request: RunRequest) -> list[dict[str, Any]]:
    """What was booted: path, size, and SHA-256 unless it is larger than 512 MiB."""
    boot, machine = request.profile.boot, request.profile.machine
    disks = [disk.file for disk in (boot.disk, *machine.disks) if disk is not None]
    return [
        _described(path)
        for path in (boot.kernel, boot.initrd, boot.cdrom, *disks)
        if path is not None and path.is_file()
    ]


def _symbols(request: RunRequest) -> dict[str, Any] | None:
    """The file that names the guest's addresses, if there is one: triage reads it as long as it is the same."""
    boot = request.profile.boot
    file = boot.symbols or boot.kernel
    return _described(file) if file is not None and file.is_file() else None


def _described(path: Path) -> dict[str, Any]:
    found = path.stat()
    same = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    digest = _digest(path, same) if found.st_size <= _DIGEST_LIMIT else None
    return {"path": str(path), "size": found.st_size, "sha256": digest}


@lru_cache(maxsize=64)
def _digest(path: Path, same: tuple[int, ...]) -> str:
    """Once a process while *same* is: 80 MB, a kernel that is its symbols twice, held a warm start up for 0.17 s."""
    return sha256_file(path)
