"""Where the images of a search come from: a history of commits that are built, or files that are there."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.bisect.order import Line, Order
from harness.console.safe import safe
from harness.errors import UsageError
from harness.evidence.bundle import sha256_file

TITLE = 500  # characters


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be booted, or why there is none (`file` None); `log` is what its build said."""

    file: Path | None
    digest: str = ""  # sha256, hex
    reason: str = ""
    log: Path | None = None


class Source(Protocol):
    """Images 0 (good) … n (bad), see `harness.bisect.order`."""

    @property
    def order(self) -> Order: ...

    @property
    def names(self) -> Sequence[str]:
        """n + 1, for machines: a commit's full hash, a file's path."""

    @property
    def titles(self) -> Sequence[str]:
        """n + 1, for people: nothing in them does anything to a terminal."""

    @property
    def prior(self) -> Sequence[float]:
        """n, weights of the commits."""

    @property
    def first_parent(self) -> bool:
        """Whether merges are one step."""

    def image(self, number: int, slot: int = 0) -> Image:
        """The image, built if need be. Blocks; other slots may be at work at the same time.

        :raises HarnessError: if the trouble is not the image's own.
        """

    def stop(self) -> None:
        """End the builds that are under way; from any thread."""

    def describe(self) -> dict[str, object]:
        """What the search is about, for its journal: a search with another description is another search."""


class Files:
    """A list of image files, oldest first."""

    def __init__(self, files: Sequence[Path]) -> None:
        """:raises UsageError: if there are fewer than two."""
        if len(files) < 2:
            raise UsageError(
                f"{len(files)} images are too few: at least a good and a bad one are needed",
                "give a pattern such as --images 'build-*.elf', a directory, or several --images",
            )
        self._files = [file.absolute() for file in files]
        self.order: Order = Line(len(files) - 1)
        self.names = [str(file) for file in self._files]
        self.titles = [safe(file.name, TITLE) for file in files]
        self.prior = [1.0] * self.order.n
        self.first_parent = False

    def image(self, number: int, slot: int = 0) -> Image:
        file = self._files[number]
        try:
            return Image(file, sha256_file(file))
        except OSError as error:
            return Image(None, reason=f"{file} cannot be read: {error.strerror}")

    def stop(self) -> None:
        pass  # nothing is built

    def describe(self) -> dict[str, object]:
        return {"images": self.names}


def find_files(given: Sequence[str]) -> list[Path]:
    """The files of patterns, directories and names, each sorted as people number them (build-9 before build-10).

    :raises UsageError: for one that fits nothing.
    """
    found: list[Path] = []
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
        elif path.exists():
            files = [path]
        else:
            files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute patterns
        if not files:
            raise UsageError(f"no image fits {text!r}")
        found += sorted((file for file in files if file.is_file()), key=natural)
    if len(set(found)) < len(found):
        raise UsageError("an image is named twice", "name each once, the oldest first")
    return found


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts the numbers in a path as numbers."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
