"""A zoo: the defects that an image can be told to have, and the scenarios that are to catch them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import TypeAdapter

from harness.errors import UsageError
from harness.toml import Problem, load_toml, refuse, validate

_STRICT = {"extra": "forbid"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defect. `cause` is a regular expression that the first cause (`word: sentence`) of a right diagnosis
    matches from its start; `by` names the detectors that are to see it, all of them by default.
    """

    __pydantic_config__: ClassVar = _STRICT
    name: str
    kind: str
    summary: str
    cause: str
    by: tuple[str, ...] = ()
    late: bool = False  # written after the detectors were frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooFile:
    """`zoo.toml`. `switch` is appended to the kernel command line of `image` to give it a defect; `${name}` stands
    for the defect's name. `clean` are the images without one, for the false alarms.
    """

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1]
    image: str
    switch: str
    clean: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ("detectors",)  # scenario files or folders, relative to zoo.toml
    defect: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class Zoo:
    """A checked zoo and where it lies."""

    folder: Path
    file: ZooFile
    defects: tuple[Defect, ...] = field(default=())


def load_zoo(folder: Path) -> Zoo:
    """The zoo in *folder* (or the `zoo.toml` itself).

    :raises UsageError: if there is none, or listing everything wrong with it.
    """
    path = folder / "zoo.toml" if folder.is_dir() or folder.suffix != ".toml" else folder
    if not path.is_file():
        raise UsageError(f"there is no zoo at {path}", "give the folder that holds a zoo.toml: docs/zoo.md")
    document = load_toml(path)
    found = validate(TypeAdapter(ZooFile), path, document)
    problems = list(_problems(found))
    if problems:
        raise refuse(path, document.locate, problems)
    return Zoo(path.parent.absolute(), found, found.defect)


def _problems(zoo: ZooFile) -> Iterator[Problem]:
    if "${name}" not in zoo.switch:
        yield Problem(("switch",), "switch: should hold ${name}, the place of a defect's name")
    seen: set[str] = set()
    for index, defect in enumerate(zoo.defect):
        if not _NAME.fullmatch(defect.name):
            yield Problem(("defect", index, "name"), "name: lower-case letters, digits and - only")
        if defect.name in seen:
            yield Problem(("defect", index, "name"), f"two defects are called {defect.name!r}")
        seen.add(defect.name)
        try:
            re.compile(defect.cause)
        except re.error as error:
            yield Problem(("defect", index, "cause"), f"cause: no regular expression: {error}")
