"""Approved figures beside a scenario: `values/<scenario>.toml` in its folder, one `"name" = number` a line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.writing import write_whole

_HEAD = "# Figures of a run that was looked at and approved; `harness run … --update-goldens` writes them anew.\n"


def values_file(folder: Path, scenario: str) -> Path:
    """Where the figures of *scenario* are; the part in brackets that a matrix adds belongs to the name."""
    return folder / "values" / f"{scenario}.toml"


def read_values(path: Path) -> dict[str, float]:
    """The stored figures; none where there is no file.

    :raises UsageError: if the file is not what it should be.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read the stored values {path}: {error}", "write them anew with --update-goldens"
        ) from error
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{path}: {name!r} is not a number", "write them anew with --update-goldens")
    return {name: float(value) for name, value in found.items()}


def write_values(path: Path, values: Mapping[str, float]) -> None:
    """Replace the file by *values*, in the order given."""
    path.parent.mkdir(exist_ok=True)
    lines = [f"{json.dumps(name, ensure_ascii=False)} = {value:.6g}\n" for name, value in values.items()]
    write_whole(path, _HEAD + "".join(lines))
