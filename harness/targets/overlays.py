"""Files that hold what a guest wrote to disks whose writes are otherwise thrown away: for a machine to be saved.

QEMU's own `drive-backup` of a disk opened with `snapshot=on` is no way to them: it hands on the flag that makes the
temporary overlay vanish, and 7.2 unlinks the user's disk image with it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import LabError
from harness.targets.profile import Disk, Profile


def disks(profile: Profile) -> list[tuple[str, Disk]]:
    """All disks of the machine, by the names of their drives."""
    found = [*([profile.boot.disk] if profile.boot.disk is not None else []), *profile.machine.disks]
    return [(disk.id or f"disk{index}", disk) for index, disk in enumerate(found)]


def make_overlays(profile: Profile, folder: Path) -> None:
    """Make an empty overlay in *folder* over each disk that does not keep what is written to it.

    :raises LabError: if one cannot be made.
    """
    for name, disk in disks(profile):
        if disk.persist:
            continue
        base = ["-F", disk.format, "-b", str(disk.file.absolute())]
        try:
            done = subprocess.run(
                ["qemu-img", "create", "-q", "-f", "qcow2", *base, str(_overlay(folder, name))],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise LabError(f"cannot run qemu-img: {error.strerror}", "install qemu-utils") from error
        if done.returncode != 0:
            raise LabError(f"cannot make an overlay over {disk.file}: {done.stderr.strip()}")


def find_overlays(profile: Profile, folder: Path) -> dict[str, Path]:
    """The overlays in *folder*, by the names of their drives."""
    found = {name: _overlay(folder, name) for name, _ in disks(profile)}
    return {name: path for name, path in found.items() if path.exists()}


def _overlay(folder: Path, name: str) -> Path:
    return folder / f"overlay-{name}"
