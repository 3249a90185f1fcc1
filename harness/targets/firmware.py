"""UEFI firmware of the distributions: where its code lies and the empty variable store that goes with it."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from harness.targets.profile import Profile

# Code and variables belong together (a 4M code with 2M variables does not boot). All are builds without Secure Boot: a
# kernel of one's own is not signed.
TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    "x86_64": (
        ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),  # Debian 12, Ubuntu
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),  # Debian 11
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),  # Fedora
        ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ),
    "aarch64": (
        ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),  # Debian, Ubuntu
        ("/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"),  # Fedora
    ),
}
_PACKAGES = {"x86_64": "ovmf", "aarch64": "qemu-efi-aarch64"}


def find_firmware(profile: Profile) -> tuple[Path, Path]:
    """Code and the variable store to copy: the profile's, else the distribution's.

    :raises UsageError: if neither has them.
    """
    code, variables = profile.boot.firmware_code, profile.boot.firmware_vars
    if code is not None and variables is not None:
        return code, variables
    if code is not None or variables is not None:
        raise UsageError(
            f"the image {profile.name} names only one of boot.firmware_code and boot.firmware_vars",
            "they belong together: give both or none",
        )
    arch = profile.machine.arch
    for pair in TABLE[arch]:
        if all(Path(path).is_file() for path in pair):
            return Path(pair[0]), Path(pair[1])
    raise UsageError(
        f"no UEFI firmware for {arch} on this host",
        f"install the package {_PACKAGES[arch]}, or set boot.firmware_code and boot.firmware_vars",
    )


def copy_sparse(source: Path, target: Path) -> None:
    """Copy without the empty parts: AAVMF's variable store is 64 MB of almost nothing, and *target* lies in memory.

    :raises OSError: if it cannot be read or written.
    """
    block = 1 << 20
    with source.open("rb") as reader, target.open("wb") as writer:
        while data := reader.read(block):
            if data.count(0) == len(data):
                writer.seek(len(data), 1)
            else:
                writer.write(data)
        writer.truncate()
