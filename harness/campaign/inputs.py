"""What a campaign rests on, as digests: so that it is not taken up again with other scenarios or another image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.errors import UsageError
from harness.evidence.bundle import sha256_file
from harness.scenario.steps import CheckFrame, FindClick
from harness.scenario.stored import to_json

if TYPE_CHECKING:
    from harness.engine.options import Planned
    from harness.targets.profile import Profile

_DIGEST_LIMIT = 512 << 20  # bytes; a larger file is told by its size and time, as in a manifest


def describe(planned: Sequence[Planned], turns: Sequence[int], target: Path | None = None) -> list[dict[str, Any]]:
    """The plan as a campaign's journal keeps it: one entry a scenario, JSON-able, equal for equal inputs.

    :param target: the board's file, or the recording, that all of them are played on.
    :raises UsageError: if a file cannot be read.
    """
    digests = _Digests()
    shared = {target} if target is not None and target.is_file() else set()
    return [
        {
            "scenario": item.scenario.name,
            "file": str(item.scenario.file) if item.scenario.file else None,
            "sha256": _sha256(to_json(item.scenario)),
            "seed": item.scenario.seed,
            "clock": item.clock,
            "image": item.profile.name,
            "image_sha256": _sha256({str(number): asdict(profile) for number, profile in _profiles(item).items()}),
            "inputs": {str(path): digests.of(path) for path in sorted({*shared, *_files(item)})},
            "turns": count,
        }
        for item, count in zip(planned, turns, strict=True)
    ]


def differences(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is no longer as it was when the campaign was begun, in words; each thing once."""
    if [item["scenario"] for item in before] != [item["scenario"] for item in now]:
        gone = [item["scenario"] for item in before if item["scenario"] not in {i["scenario"] for i in now}]
        new = [item["scenario"] for item in now if item["scenario"] not in {i["scenario"] for i in before}]
        told = [f"the scenario {name} is gone" for name in gone] + [f"the scenario {name} is new" for name in new]
        if not told and len(before) != len(now):
            told = [f"there were {len(before)} scenarios, and now there are {len(now)}"]
        return told or ["the scenarios come in another order"]
    found: dict[str, None] = {}
    for was, item in zip(before, now, strict=True):
        for path in sorted({*was["inputs"], *item["inputs"]}):
            if was["inputs"].get(path) != item["inputs"].get(path):
                found[f"{path} is another one"] = None
        if was["sha256"] != item["sha256"]:
            found[f"the scenario {item['scenario']} says something else ({item['file'] or 'made by a program'})"] = None
        if was["image"] != item["image"]:
            found[f"the scenario {item['scenario']} boots {item['image']}, and booted {was['image']}"] = None
        elif was["image_sha256"] != item["image_sha256"]:
            found[f"the profile of the image {item['image']} says something else"] = None
        if was["clock"] != item["clock"]:
            found[f"the scenario {item['scenario']} runs on the {item['clock']} clock, and ran on {was['clock']}"] = (
                None
            )
        if was["turns"] != item["turns"]:
            found[f"the scenario {item['scenario']} is played {item['turns']} times, and was {was['turns']}"] = None
    return list(found)


def _profiles(item: Planned) -> Mapping[int, Profile]:
    """The images that it boots: one, or those of all lives of a cluster."""
    if not item.scenario.several:
        return {0: item.profile}
    from harness.fleet.run import profiles_of
    from harness.scenario.cluster.model import Cluster

    return profiles_of(cast(Cluster, item.scenario))


def _files(item: Planned) -> Iterator[Path]:
    """Every file that the run reads and that is not in the scenario's text or the profiles'."""
    for profile in _profiles(item).values():
        yield from _image_files(profile)
    scenario = item.scenario
    goldens = scenario.folder / "goldens"
    for step in scenario.steps:
        if isinstance(step, FindClick):
            yield scenario.folder / step.picture
        elif isinstance(step, CheckFrame) and step.against == "golden":
            yield from (path for path in goldens.glob(f"{step.name}.*") if path.is_file())


def _image_files(profile: Profile) -> Iterator[Path]:
    boot, machine = profile.boot, profile.machine
    disks = [disk.file for disk in (boot.disk, *machine.disks) if disk is not None]
    bios = Path(machine.bios) if machine.bios and "/" in machine.bios else None
    firmware = (boot.firmware_code, boot.firmware_vars, bios)
    yield from filter(None, (boot.kernel, boot.initrd, boot.cdrom, *disks, *firmware, profile.guest.schema))
    if boot.esp is not None:
        yield from (path for path in boot.esp.rglob("*") if path.is_file()) if boot.esp.is_dir() else (boot.esp,)


class _Digests:
    """Each file is read once, however many scenarios boot it."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        if path not in self._known:
            try:
                found = path.stat()
                large = found.st_size > _DIGEST_LIMIT
                self._known[path] = f"{found.st_size} bytes, {found.st_mtime_ns}" if large else sha256_file(path)
            except FileNotFoundError:
                self._known[path] = "missing"  # whoever boots it tells
            except OSError as error:
                raise UsageError(f"cannot read {path}: {error.strerror}") from error
        return self._known[path]


def _sha256(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()
