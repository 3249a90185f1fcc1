"""The guest's memory as an ELF core file, for gdb and crash."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from harness.errors import LabError
from harness.qmp.session import QmpSession
from harness.timeouts import TIMEOUTS


async def dump_memory(session: QmpSession, file: Path) -> int:
    """Write all physical memory, and the registers of every CPU, to *file*; its size in bytes.

    The machine stands still meanwhile. 128 MiB take 0.1 s.

    :raises LabError: if QEMU refuses or cannot write; then no file stays.
    """
    try:
        await session.execute(
            "dump-guest-memory", TIMEOUTS.memory_dump, paging=False, protocol=f"file:{file}", format="elf"
        )
        return _seal(file)
    except (LabError, OSError) as error:
        _remove(file)
        reason = error.what if isinstance(error, LabError) else error.strerror
        raise LabError(f"the guest's memory could not be written to {file}: {reason}", "is there room?") from error


def _seal(file: Path) -> int:
    file.chmod(0o600)  # whoever may read it reads what the guest knew
    return file.stat().st_size


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
