"""A machine as it was at a point of its boot: saved once, started from as often as wanted.

The guest's memory is a file that each machine started from it maps copy-on-write (`x-ignore-shared` leaves it out of
the migration stream); the rest of the machine is a small migration stream. Beside them lie the bytes that the guest
had sent by then, and what it had written to disks and to its firmware's variables.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import LabError
from harness.evidence.bundle import sha256_file
from harness.qmp.session import QmpSession
from harness.targets.profile import Disk, Profile
from harness.timeouts import TIMEOUTS, host

FORMAT = 1
_META = "snapshot.json"
_STREAMS = ("console", "control", "proof")
_CAPABILITIES = [{"capability": name, "state": True} for name in ("events", "x-ignore-shared")]
_FAST = 1 << 40  # bytes/s; QEMU's own limit is a network's, 128 MB/s


@dataclass(frozen=True)
class Snapshot:
    """A saved machine in the folder *path*, of which no file changes any more.

    :param about: what `snapshot.json` says: `key`, `digest` (of all files), `image`, `point` (asked for), `at` (where
        the guest was stopped), `clock`, `accel`, `seed`, `qemu`, `made` (UTC) and, by name, size, time and SHA-256 of
        each file.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the names and digests of all its files."""
        return str(self.about["digest"])

    @property
    def ram(self) -> Path:
        return self.path / "ram"

    @cached_property
    def console(self) -> bytes:
        """What the guest had sent to its console."""
        return self._stream("console")

    @cached_property
    def control(self) -> bytes:
        """What the guest had sent to its control port."""
        return self._stream("control")

    @cached_property
    def proof(self) -> bytes:
        """What the guest had sent to its proof port: it waits for an answer."""
        return self._stream("proof")

    @property
    def variables(self) -> Path | None:
        """The firmware's variables, where it has any."""
        return self._there("variables")

    def disk(self, number: int) -> Path | None:
        """The private copy of the *number*th disk with `persist = "run"`."""
        return self._there(f"disk-{number}")

    def overlays(self, profile: Profile) -> dict[str, Path]:
        """What the guest had written to disks that are thrown away, by the name of their drives."""
        found = {name: self._there(f"overlay-{name}") for name, _ in throw_away(profile)}
        return {name: path for name, path in found.items() if path is not None}

    def evidence(self) -> dict[str, Any]:
        """What a run that starts from it says of it."""
        told = {key: self.about[key] for key in ("digest", "key", "at", "made", "qemu")}
        given = {name: getattr(self, name) for name in _STREAMS}
        streams = {n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in given.items() if b}
        return {**told, "streams": streams}

    def _there(self, name: str) -> Path | None:
        return self.path / name if name in self.about["files"] else None

    def _stream(self, name: str) -> bytes:
        return (self.path / name).read_bytes() if name in self.about["files"] else b""

    # ---- on disk -------------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, path: Path) -> Snapshot | None:
        """The snapshot in *path*; None if there is none, it is of another version, or its files have been changed."""
        try:
            about = json.loads((path / _META).read_text())
            if about["format"] != FORMAT:
                return None
            for name, file in about["files"].items():
                found = (path / name).stat()
                if (found.st_size, found.st_mtime_ns) != (file["size"], file["mtime_ns"]):
                    return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return cls(path, about)

    @classmethod
    def seal(cls, path: Path, about: Mapping[str, Any]) -> Snapshot:
        """Make the files in *path* a snapshot: digested, and on the disk for good.

        :raises OSError: if they cannot be read or `snapshot.json` not be written.
        """
        files: dict[str, Any] = {}
        for file in sorted(path.iterdir()):
            sync(file)  # a crash of the host could leave holes in memory that look like zeros
            found = file.stat()
            files[file.name] = {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256_file(file)}
        listed = "".join(f"{name} {file['sha256']}\n" for name, file in files.items())
        digest = hashlib.sha256(listed.encode()).hexdigest()
        complete = {"format": FORMAT, **about, "digest": digest, "files": files}
        (path / _META).write_text(json.dumps(complete, indent=1) + "\n")
        sync(path / _META)
        return cls(path, complete)

    def hold(self) -> int:
        """A descriptor that keeps it from being removed until it is closed.

        :raises OSError: if it has been removed.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor


def sync(file: Path) -> None:
    """Have what is in *file* on the disk.

    :raises OSError: if the host cannot.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disks(profile: Profile) -> list[tuple[str, Disk]]:
    """All disks of the machine, by the names of their drives."""
    found = [*([profile.boot.disk] if profile.boot.disk is not None else []), *profile.machine.disks]
    return [(disk.id or f"disk{index}", disk) for index, disk in enumerate(found)]


def throw_away(profile: Profile) -> list[tuple[str, Disk]]:
    """The disks whose writes are thrown away at the end of a machine's life."""
    return [(name, disk) for name, disk in disks(profile) if not disk.persist]


async def save_machine(qmp: QmpSession, profile: Profile, into: Path) -> None:
    """Save the stopped machine, whose memory is a shared file already, into the folder *into*; it can only quit after.

    :raises LabError: if QEMU cannot; it says which device is in the way.
    """
    for name, _ in throw_away(profile):
        # What the guest wrote lies in a file that has no name any more: copy it into one that has.
        target = {"device": name, "job-id": f"save-{name}", "target": str(into / f"overlay-{name}")}
        done = qmp.next_event("BLOCK_JOB_COMPLETED")
        await qmp.execute("drive-backup", **target, sync="top", format="qcow2")
        async with asyncio.timeout(host(TIMEOUTS.snapshot)):
            event = await done
        if event.data.get("error"):
            raise LabError(f"QEMU cannot save what was written to the disk {name}: {event.data['error']}")
    await qmp.execute("migrate-set-parameters", **{"max-bandwidth": _FAST})
    await _migrate(qmp, "migrate", f"exec:cat > {shlex.quote(str(into / 'machine'))}")


async def load_machine(qmp: QmpSession, snapshot: Snapshot) -> None:
    """Make the machine, started with `-incoming defer` and the snapshot's memory, what it was when it was saved.

    :raises LabError: if QEMU cannot.
    """
    try:
        await _migrate(qmp, "migrate-incoming", f"exec:cat {shlex.quote(str(snapshot.path / 'machine'))}")
    except LabError as error:
        hint = "remove the snapshot with `harness runs prune --snapshots`, or run without --warm"
        raise LabError(f"QEMU cannot start from the snapshot {snapshot.path.name}: {error.what}", hint) from error


async def _migrate(qmp: QmpSession, command: str, uri: str) -> None:
    await qmp.execute("migrate-set-capabilities", capabilities=_CAPABILITIES)
    ending = asyncio.create_task(_last_status(qmp))
    await asyncio.sleep(0)  # it listens from here on
    try:
        await qmp.execute(command, uri=uri)
        async with asyncio.timeout(host(TIMEOUTS.snapshot)):
            status = await ending
    except TimeoutError as error:
        raise LabError(f"QEMU did not finish {command} within {host(TIMEOUTS.snapshot):g} s") from error
    finally:
        ending.cancel()
    if status != "completed":
        why = (await qmp.execute("query-migrate")).get("error-desc", status) if qmp.alive else "it went away"
        raise LabError(f"{command}: {why}")


async def _last_status(qmp: QmpSession) -> str:
    async for event in qmp.events():
        if event.name == "MIGRATION" and event.data["status"] in {"completed", "failed", "cancelled"}:
            return str(event.data["status"])
    return "lost"
