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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import LabError
from harness.evidence.bundle import sha256_file
from harness.qmp.session import QmpSession
from harness.timeouts import TIMEOUTS, host

FORMAT = 1
_META = "snapshot.json"
_STREAMS = ("console", "control", "proof")
_CAPABILITIES = [{"capability": name, "state": True} for name in ("events", "x-ignore-shared")]
_HINT = "remove it with `harness snapshots prune --all`, or run without --warm"
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

    def stream(self, name: Literal["console", "control", "proof"]) -> bytes:
        """What the guest had sent to that port. At its proof port it waits for an answer.

        :raises LabError: if it cannot be read, or is not what it was.
        """
        if name not in self.about["files"]:
            return b""
        try:
            data = (self.path / name).read_bytes()
        except OSError as error:
            raise LabError(f"cannot read the snapshot {self.path}: {error.strerror}", _HINT) from error
        if hashlib.sha256(data).hexdigest() != self.about["files"][name]["sha256"]:
            raise LabError(f"{self.path / name} is not what it was when the snapshot was made", _HINT)
        return data

    def sent(self, name: str) -> int:
        """How many bytes `stream` has."""
        return int(self.about["files"].get(name, {"size": 0})["size"])

    @property
    def variables(self) -> Path | None:
        """The firmware's variables, where it has any."""
        return self._there("variables")

    def disk(self, number: int) -> Path | None:
        """The private copy of the *number*th disk with `persist = "run"`."""
        return self._there(f"disk-{number}")

    def evidence(self) -> dict[str, Any]:
        """What a run that starts from it says of it."""
        told = {key: self.about[key] for key in ("digest", "key", "at", "made", "qemu")}
        files = self.about["files"]
        streams = {n: {"bytes": self.sent(n), "sha256": files[n]["sha256"]} for n in _STREAMS if self.sent(n)}
        return {**told, "streams": streams}

    def _there(self, name: str) -> Path | None:
        return self.path / name if name in self.about["files"] else None

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
        if Snapshot.read(self.path) is None:  # removed by whoever had the lock until now
            os.close(descriptor)
            raise FileNotFoundError(f"the snapshot {self.path} was removed")
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


async def save_machine(qmp: QmpSession, into: Path) -> None:
    """Save the stopped machine, which has its memory in the folder *into* already; it can only quit after.

    :raises LabError: if QEMU cannot; it says which device is in the way.
    """
    await qmp.execute("migrate-set-parameters", **{"max-bandwidth": _FAST})
    with (into / "machine").open("wb") as file:
        await _migrate(qmp, "migrate", file.fileno())


async def load_machine(qmp: QmpSession, snapshot: Snapshot) -> None:
    """Make the machine, started with `-incoming defer` and the snapshot's memory, what it was when it was saved.

    :raises LabError: if QEMU cannot.
    """
    try:
        with (snapshot.path / "machine").open("rb") as file:
            await _migrate(qmp, "migrate-incoming", file.fileno())
    except OSError as error:
        raise LabError(f"cannot read the snapshot {snapshot.path}: {error.strerror}", _HINT) from error
    except LabError as error:
        raise LabError(f"QEMU cannot start from the snapshot {snapshot.path}: {error.what}", _HINT) from error


async def _migrate(qmp: QmpSession, command: str, descriptor: int) -> None:
    await qmp.give("machine", descriptor)
    await qmp.execute("migrate-set-capabilities", capabilities=_CAPABILITIES)
    ending = asyncio.create_task(_last_status(qmp))
    await asyncio.sleep(0)  # it listens from here on
    try:
        await qmp.execute(command, uri="fd:machine")
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
