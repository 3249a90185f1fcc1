"""Finding scenario files: named ones, directories, and the ones that ship with the harness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from harness.errors import UsageError
from harness.resources import data_folder
from harness.scenario.loader import load_scenarios
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame
from harness.toml import load_toml

_STORED = frozenset({"goldens", "values"})  # folders beside scenarios that hold what was approved


def collect(paths: Iterable[Path], seed: int | None = None, words: Mapping[str, str] | None = None) -> list[Scenario]:
    """The scenarios of all *paths*, in order; a directory stands for its *.toml files that are scenarios, sorted.

    A path that does not exist is looked for beside the harness's own scenarios too (`smoke/first-light.toml`).

    :param words: values of `[words]`, for each file that has words of these names.
    :raises UsageError: for a missing file, an empty directory, a wrong scenario, or a word that no file has.
    """
    found: list[Scenario] = []
    unused = set(words or ())

    def load(file: Path) -> list[Scenario]:
        has = load_toml(file).data.get("words") if words else None
        fitting = {name: value for name, value in (words or {}).items() if isinstance(has, dict) and name in has}
        unused.difference_update(fitting)
        return load_scenarios(file, seed, fitting)

    for given in paths:
        path = _locate(given)
        if path.is_dir():
            files = [p for p in sorted(path.rglob("*.toml")) if not _STORED & set(p.parts)]
            if not files:
                raise UsageError(f"no scenario files (*.toml) in {path}")
            for file in files:
                found += load(file)
        else:
            found += load(path)
    if unused:
        raise UsageError(f"no scenario has a word {min(unused)!r}", "give one that is in the table [words] of its file")
    return found


def golden_checks(folder: Path) -> Iterator[tuple[Path, str]]:
    """The checks against goldens of all scenarios in *folder*, as (scenario file, name of the check)."""
    for file in sorted(folder.glob("*.toml")):
        with suppress(UsageError):  # a file that is wrong uses nothing
            for scenario in load_scenarios(file):
                for step in scenario.steps:
                    if isinstance(step, CheckFrame) and step.against == "golden":
                        yield file, step.name


def _locate(path: Path) -> Path:
    """:raises UsageError: if there is no such file or folder, with the nearest name there is."""
    if path.exists():
        return path
    shipped = data_folder("scenarios")
    bases = [Path()] if shipped is None else [Path(), shipped, shipped.parent]
    for base in bases:
        if (base / path).exists():
            return base / path
    near = get_close_matches(str(path), filter(None, (_nearest(base, path) for base in bases)), n=1)
    raise UsageError(f"there is no scenario {path}" + (f" (did you mean {near[0]!r}?)" if near else ""))


def _nearest(base: Path, path: Path) -> str | None:
    """*path* with each part that is not there replaced by the most similar one that is; to be looked for as *path*."""
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        meant = part
        if not (base / found / part).exists():
            try:
                names = [p.name for p in (base / found).iterdir() if p.is_dir() or p.suffix == ".toml"]
            except OSError:
                return None
            near = get_close_matches(part, names, n=1) or get_close_matches(f"{part}.toml", names, n=1)
            if not near:
                return None
            meant = near[0]
        found /= meant
    return str(found)
