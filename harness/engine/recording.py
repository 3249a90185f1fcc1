"""`--clock record`: what a bundle keeps so that QEMU can play the run again, and whether that is still possible.

`replay/log.bin` is QEMU's log, `replay/recording.json` the profile as it was, the seed, QEMU's version and the digests
of the log and of every file that was booted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from harness.errors import LabError, UsageError
from harness.evidence.bundle import Bundle, sha256_file
from harness.scenario.model import Scenario
from harness.targets.base import Target
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget

SCHEMA = 1
_FOLDER, _LOG, _NAME = "replay", "replay/log.bin", "replay/recording.json"
_PROFILE = TypeAdapter(Profile)


@dataclass(frozen=True, slots=True)
class Recording:
    """A run that can be played again."""

    bundle: Bundle
    profile: Profile
    seed: int
    qemu: str
    instructions: int | None  # of the whole run; None where QEMU was gone before it could be asked
    host_s: float  # that recording it took

    @property
    def log(self) -> Path:
        return self.bundle.path / _LOG

    @classmethod
    def open(cls, bundle: Bundle) -> Self:
        """The recording of *bundle*.

        :raises UsageError: if the run was not recorded or not to its end, or what it booted is not there as it was.
        """
        if not (bundle.path / _LOG).is_file():
            raise UsageError(f"the run in {bundle.path} was not recorded", "record one: harness run … --clock record")
        if not (bundle.path / _NAME).is_file():
            raise UsageError(
                f"the recording in {bundle.path} was not finished: QEMU or the harness was killed",
                "QEMU makes its log readable only when it ends by itself; record the run again",
            )
        data = bundle.read_json(_NAME)
        try:
            profile = _PROFILE.validate_python(data["profile"], strict=False)
            recording = cls(
                bundle, profile, int(data["seed"]), str(data["qemu"]), data.get("instructions"), float(data["host_s"])
            )
            expected = [(Path(item["path"]), str(item["sha256"])) for item in data["files"]]
            log_digest = str(data["log_sha256"])
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise UsageError(f"{bundle.path / _NAME} is damaged: {error}") from error
        if sha256_file(recording.log) != log_digest:
            raise UsageError(f"{recording.log} is not the log that was recorded: it is damaged")
        for path, digest in expected:
            if not path.is_file():
                raise UsageError(f"{path} is gone, which this run booted", "put it back: a replay needs the same bytes")
            if sha256_file(path) != digest:
                raise UsageError(
                    f"{path} has changed since this run booted it",
                    f"check out and build what it was then: a replay needs the same bytes (sha256 {digest})",
                )
        return recording


class Recorder:
    """Has a run recorded: made before the target starts, `close`d when it is gone."""

    def __init__(self, bundle: Bundle, profile: Profile, scenario: Scenario, target: Target) -> None:
        """:raises UsageError: if the image or the target cannot be recorded."""
        if not isinstance(target, QemuTarget):
            raise UsageError(f"{target.name} cannot be recorded: only a QEMU that the harness starts can")
        target.record(bundle.path / _LOG)
        (bundle.path / _FOLDER).mkdir(mode=0o700)
        self._target, self._since = target, time.monotonic()
        self._bundle, self._profile, self._seed = bundle, profile, scenario.seed
        self._files = [{"path": str(path.absolute()), "sha256": sha256_file(path)} for path in booted(profile)]

    def close(self) -> None:
        """Describe the log, if QEMU finished it."""
        log = self._bundle.path / _LOG
        if not _finished(log) or not (self._bundle.path / "manifest.json").is_file():
            return
        started: dict[str, Any] = self._bundle.read_json("manifest.json").get("target", {})
        self._bundle.write_json(
            _NAME,
            {
                "schema": SCHEMA,
                "profile": _PROFILE.dump_python(self._profile, mode="json"),
                "seed": self._seed,
                "qemu": started.get("qemu", ""),
                "instructions": self._target.recorded,
                "host_s": round(time.monotonic() - self._since, 3),
                "files": self._files,
                "log_sha256": sha256_file(log),
            },
        )


def booted(profile: Profile) -> Iterator[Path]:
    """Every file that the machine is made from; QEMU's own ROMs belong to its version."""
    boot, machine = profile.boot, profile.machine
    disks = [disk.file for disk in (boot.disk, *machine.disks) if disk is not None]
    bios = [Path(machine.bios)] if machine.bios is not None else []
    for path in (boot.kernel, boot.initrd, boot.cdrom, *disks, *bios):
        if path is not None and path.is_file():
            yield path


def _finished(log: Path) -> bool:
    """Whether QEMU wrote the log's head, which it does last: a version that is not 0."""
    try:
        with log.open("rb") as stream:
            return any(stream.read(4))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LabError(f"cannot read {log}: {error.strerror}") from error
