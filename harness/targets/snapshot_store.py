"""Where snapshots are kept: a private folder of this user, one folder a snapshot, named by all that it depends on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import LabError
from harness.evidence.bundle import sha256_file
from harness.targets.argv import Launch, Wires, qemu_argv
from harness.targets.firmware import find_firmware
from harness.targets.needs import named_files
from harness.targets.profile import Profile
from harness.targets.runtime import RunDirectory
from harness.targets.snapshot import FORMAT, Snapshot

CAP = 8 << 30  # bytes on the disk; a Linux of 256 MB takes 100 MB, the reference guest 10
_DIGEST_LIMIT = 512 << 20  # bytes; a larger image is told by place, size and times, as in a manifest


def snapshot_key(profile: Profile, launch: Launch, point: str) -> str:
    """What a snapshot of this machine at *point* is called: 32 hex digits over all that it depends on.

    That is: QEMU itself, its command line (image, memory, devices, seed, clock), the image's files, and the point.

    :raises UsageError: if there is no firmware, or profile and launch contradict each other.
    :raises OSError: if a file cannot be read.
    """
    launch = replace(launch, vnc=False, gdb=False, share_console=False)  # none of them is a part of the machine
    firmware = find_firmware(profile) if profile.boot.shape == "uefi" else None
    wires = Wires(
        qmp=0,
        console=Path("console") if launch.clock == "virtual" else 0,
        control=0 if profile.guest.control_port else None,
        proof=0 if launch.prove else None,
        firmware=firmware,
    )
    argv = qemu_argv(profile, launch, wires)
    program = shutil.which(argv[0])
    files = [file.path for file in named_files(profile)] + list(firmware or ())
    parts: list[Any] = [FORMAT, point, argv, program and _place(Path(program)), [_described(file) for file in files]]
    if profile.boot.plan:
        parts.append(profile.boot.plan)
    if launch.accel == "kvm":  # the CPU is the host's
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _described(file: Path) -> list[Any]:
    if file.is_file() and file.stat().st_size <= _DIGEST_LIMIT:
        return [str(file), sha256_file(file)]
    return _place(file)


def _place(file: Path) -> list[Any]:
    real = file.resolve()
    found = real.stat()
    return [str(real), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


class SnapshotStore:
    """All snapshots of this user, `~/.cache/rayos-harness/snapshots` unless XDG_CACHE_HOME says otherwise."""

    def __init__(self, root: Path | None = None) -> None:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self.root = root or Path(base) / "rayos-harness" / "snapshots"

    def begin(self) -> RunDirectory:
        """A folder for a new one, gone with this process unless it is published. What others left behind goes too.

        :raises LabError: if none can be made.
        """
        try:
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"cannot keep snapshots in {self.root}: {error.strerror}", "set XDG_CACHE_HOME") from error
        return RunDirectory(self.root)

    def publish(self, directory: RunDirectory, key: str, about: dict[str, Any]) -> Snapshot:
        """Make what lies in *directory* the snapshot *key*, or take the one that somebody else made meanwhile.

        :raises LabError: if it cannot be written.
        """
        try:
            Snapshot.seal(directory.path, {"key": key, **about})
            if Snapshot.read(self.root / key) is None:
                self._remove(key)  # of another version, or damaged
            with suppress(OSError):  # it is there: somebody was faster
                directory.path.rename(self.root / key)
        except OSError as error:
            raise LabError(f"cannot keep a snapshot in {self.root}: {error.strerror}") from error
        finally:
            directory.remove()
        found = self.find(key)
        if found is None:
            raise LabError(f"the snapshot {key} vanished from {self.root} as soon as it was made")
        return found

    def find(self, key: str) -> Snapshot | None:
        """The snapshot of that name, marked as used now; None if there is none that is whole."""
        found = Snapshot.read(self.root / key)
        if found is not None:
            with suppress(OSError):
                os.utime(found.path)
        return found

    def all(self) -> list[Snapshot]:
        """All that are whole, the one that was used last at the end."""
        if not self.root.is_dir():
            return []
        found = [Snapshot.read(path) for path in self.root.iterdir()]
        return sorted((s for s in found if s is not None), key=lambda s: s.path.stat().st_mtime_ns)

    def prune(self, cap: int = CAP) -> list[Snapshot]:
        """Remove those used longest ago until the rest takes at most *cap* bytes; returns them. One in use stays."""
        every = self.all()
        taken = sum(taken_by(snapshot) for snapshot in every)
        gone = []
        for snapshot in every:
            if taken <= cap:
                break
            if self._remove(snapshot.path.name):
                taken -= taken_by(snapshot)
                gone.append(snapshot)
        return gone

    def _remove(self, key: str) -> bool:
        path = self.root / key
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True


def taken_by(snapshot: Snapshot) -> int:
    """Bytes that it takes on the disk: memory that the guest never touched takes none."""
    return sum(file.stat().st_blocks * 512 for file in snapshot.path.iterdir()) if snapshot.path.is_dir() else 0
