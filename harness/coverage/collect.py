"""The coverage of one run: QEMU is told to log what it translates, and at the end the files are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from posixpath import commonpath

from harness.coverage.blocks import Blocks
from harness.coverage.cobertura import write_cobertura
from harness.coverage.lcov import read_lcov, write_lcov
from harness.coverage.lines import cover, lines_of, text_of
from harness.coverage.model import Coverage
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.targets.base import Target
from harness.targets.profile import Profile
from harness.targets.qemu import QemuTarget

LCOV, COBERTURA = "coverage.info", "coverage.xml"


class Collector:
    """Watches a run of *profile* on *target*, which has not been started.

    :raises UsageError: if the target has no such log, or the image no debug information.
    """

    def __init__(self, profile: Profile, target: Target) -> None:
        elf = profile.boot.symbols or profile.boot.kernel
        if elf is None:
            raise UsageError(
                f"coverage needs the symbols of the image {profile.name}, which names no file with them",
                'name one in its profile: [boot] symbols = "path/to/vmlinux"',
            )
        if not isinstance(target, QemuTarget):
            raise UsageError("coverage comes from a QEMU that the harness starts", "leave --target out")
        self._elf = elf
        self._blocks = Blocks(text_of(elf).ranges)
        target.log_blocks(text_of(elf).ranges, self._blocks.feed)

    def close(self, bundle: Bundle, name: str) -> None:
        """Write `coverage.info` and `coverage.xml` into *bundle*.

        :raises OSError: if they cannot be written.
        """
        write(cover(self._elf, self._blocks), bundle.path, name, lines_of(self._elf).root)


def write(coverage: Coverage, folder: Path, name: str, root: Path | None = None) -> None:
    """Write both files into *folder*.

    :param root: the folder of the sources, for Cobertura's short names.
    :raises OSError: if they cannot be written.
    """
    write_lcov(coverage, folder / LCOV, name)
    write_cobertura(coverage, folder / COBERTURA, root)


def merge(sources: Sequence[Path], folder: Path, name: str = "merged") -> Coverage:
    """Put the tracefiles *sources* (or the bundles that hold them) together, and write both files into *folder*.

    :raises UsageError: if one cannot be read.
    :raises OSError: if the result cannot be written.
    """
    coverage = Coverage.merged(read_lcov(_tracefile(source)).files for source in sources)
    folder.mkdir(parents=True, exist_ok=True)
    write(coverage, folder, name, _common(coverage))
    return coverage


def _tracefile(source: Path) -> Path:
    if source.is_dir() and not (source / LCOV).is_file():
        raise UsageError(f"{source} holds no {LCOV}", "harness run --coverage writes one into each run's bundle")
    return source / LCOV if source.is_dir() else source


def _common(coverage: Coverage) -> Path | None:
    """The folder that all sources lie in."""
    whole = [str(PurePosixPath(path).parent) for path in coverage.files if path.startswith("/")]
    shared = commonpath(whole) if whole else "/"
    return Path(shared) if shared != "/" else None
