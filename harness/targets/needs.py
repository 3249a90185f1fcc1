"""What an image needs on this host: the files its profile names, whether they are there and fresh, how to get them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from harness.errors import UsageError
from harness.targets.firmware import find_firmware
from harness.targets.profile import Profile


class Readiness(StrEnum):
    """Whether an image can be booted as it is."""

    READY = "ready"
    STALE = "stale"  # built before its inputs were last changed
    NOT_BUILT = "not built"
    MISSING = "missing"  # something that no build makes


class Status(NamedTuple):
    """Readiness of one image; where it is not ready, the reason and what to do."""

    readiness: Readiness
    reason: str = ""
    hint: str = ""


class NamedFile(NamedTuple):
    """A file or directory that a profile names, and what it is to the machine."""

    what: str
    path: Path


def named_files(profile: Profile) -> list[NamedFile]:
    """What has to be there for the image to boot; without the host's own UEFI firmware and QEMU's own files."""
    boot, machine = profile.boot, profile.machine
    disks = [*([boot.disk] if boot.disk is not None else []), *machine.disks]
    named = [
        ("kernel", boot.kernel),
        ("initrd", boot.initrd),
        ("ISO image", boot.cdrom),
        ("EFI directory", boot.esp),
        ("firmware", boot.firmware_code),
        ("firmware variables", boot.firmware_vars),
        # A bare name is one that QEMU looks for in its own folder.
        ("firmware", Path(machine.bios) if machine.bios is not None and "/" in machine.bios else None),
        *(("disk", disk.file) for disk in disks),
    ]
    return [NamedFile(what, path) for what, path in named if path is not None]


def built_files(profile: Profile) -> list[NamedFile]:
    """The named files that the image's build makes: those in its own folder, where there is a build command."""
    if not profile.build.command:
        return []
    return [file for file in named_files(profile) if file.path.is_relative_to(profile.folder)]


def status(profile: Profile) -> Status:
    """Look at the files. An image without a build command is never stale."""
    built = built_files(profile)
    absent = [file for file in named_files(profile) if not file.path.exists()]
    from_elsewhere = [file for file in absent if file not in built]
    if from_elsewhere:
        return Status(Readiness.MISSING, _no(from_elsewhere), _packages(profile))
    if profile.boot.shape == "uefi":
        try:
            find_firmware(profile)
        except UsageError as error:
            return Status(Readiness.MISSING, error.what, error.hint)
    if absent:
        return Status(Readiness.NOT_BUILT, _no(absent), f"build it: {build_command(profile)}")
    made = min((_time(file.path) for file in built), default=None)
    for path in _inputs(profile):
        if made is not None and _time(path) > made:
            reason = f"{path} is newer than what was built from it"
            return Status(Readiness.STALE, reason, f"build it: {build_command(profile)}")
    return Status(Readiness.READY)


def require(profile: Profile) -> None:
    """Refuse an image that cannot be booted for want of a file.

    :raises UsageError: naming what is not there and the command that brings it.
    """
    found = status(profile)
    if found.readiness in {Readiness.MISSING, Readiness.NOT_BUILT}:
        raise UsageError(f"the image {profile.name} cannot boot: {found.reason}", found.hint)


def build_command(profile: Profile) -> str:
    """What the user types to build the image."""
    from harness.targets.loader import image_files  # and with it TOML, which booting a bare kernel needs not

    file = profile.folder / f"{profile.name}.toml"
    return f"harness image build {profile.name if image_files().get(profile.name) == file else file}"


def _no(files: Iterable[NamedFile]) -> str:
    return f"there is no {', no '.join(f'{file.what} {file.path}' for file in files)}"


def _packages(profile: Profile) -> str:
    names = profile.build.packages
    if not names:
        return ""
    return f"install the Debian package{'s' if len(names) > 1 else ''}: apt-get install {' '.join(names)}"


def _inputs(profile: Profile) -> Iterator[Path]:
    for pattern in profile.build.inputs:
        yield from (path for path in sorted(profile.folder.glob(pattern)) if path.is_file())


def _time(path: Path) -> int:
    """Time of the last change of a file; of the oldest file in a directory."""
    if path.is_dir():
        return min((p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()), default=0)
    return path.stat().st_mtime_ns
