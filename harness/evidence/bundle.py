"""The evidence bundle of one run: a folder that can be judged again without running anything.

`manifest.json` says what was run, `journal.jsonl` what happened, `serial.bin` holds every byte received, `frames/`
the pictures,
`inputs/` copies of the scenario, goldens, masks and schema that the verdict rests on, `verdict.json` the judgement.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.errors import UsageError
from harness.writing import write_whole

SCHEMA = 1
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Paths of one bundle."""

    path: Path

    @classmethod
    def create(cls, runs_dir: Path, scenario: str) -> Self:
        """Make a new bundle folder under *runs_dir*; see `choose` and `make`."""
        return cls.make(cls.choose(runs_dir, scenario))

    @staticmethod
    def choose(runs_dir: Path, scenario: str) -> Path:
        """The path of a new bundle, `<UTC time>-<scenario>-<short id>` under *runs_dir*. Nothing is made yet."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = _UNSAFE.sub("-", scenario)[:60].strip("-.") or "run"
        return runs_dir / f"{stamp}-{name}-{os.urandom(4).hex()}"

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make the private bundle folder *path*.

        :raises UsageError: if the folder cannot be written.
        """
        try:
            path.mkdir(parents=True, mode=0o700)
            for part in ("frames", "inputs"):
                (path / part).mkdir(mode=0o700)
        except OSError as error:
            raise UsageError(
                f"cannot write a run folder in {path.parent}: {error.strerror}", "choose another with --runs-dir"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing bundle.

        :raises UsageError: if *path* is not one.
        """
        if not (path / "journal.jsonl").is_file():
            raise UsageError(
                f"not a run bundle: {path}",
                "a bundle is a folder with manifest.json and journal.jsonl; `harness runs list` shows yours",
            )
        return cls(path)

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def serial(self) -> Path:
        return self.path / "serial.bin"

    @property
    def frames(self) -> Path:
        return self.path / "frames"

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    def write_json(self, name: str, data: Mapping[str, Any], *, durable: bool = False) -> None:
        """Write *name* whole or not at all; *durable*: it survives the death of the host, too."""
        text = json.dumps(data, indent=1, ensure_ascii=True, default=str) + "\n"
        write_whole(self.path / name, text, durable=durable)

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON document of the bundle.

        :raises UsageError: if it is missing or damaged.
        """
        try:
            data = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"the bundle {self.path} has no {name}") from None
        except ValueError as error:
            raise UsageError(f"{self.path / name} is damaged: {error}") from error
        if not isinstance(data, dict):
            raise UsageError(f"{self.path / name} is damaged: not an object")
        return data

    def keep(self, source: Path, folder: str = "") -> str:
        """Copy an input file into the bundle; returns its path relative to the bundle."""
        destination = self.inputs / folder / source.name
        destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, destination)
        return str(destination.relative_to(self.path))


def sha256_file(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_bundles(runs_dir: Path) -> list[Bundle]:
    """All bundles under *runs_dir*, oldest first."""
    if not runs_dir.is_dir():
        return []
    return [Bundle(p) for p in sorted(runs_dir.iterdir()) if (p / "journal.jsonl").is_file()]
