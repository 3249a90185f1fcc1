"""Which TOML files are scenarios to be collected: those that somebody asked for, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_FOLDER = "scenarios"
_STORED = frozenset({"goldens", "values"})  # folders beside scenarios that hold what was approved
_ASKED = frozenset({pytest.Config.ArgsSource.ARGS, pytest.Config.ArgsSource.TESTPATHS})  # somebody named them


def is_asked_for(file: Path, session: pytest.Session) -> bool:
    """Whether *file* is named on the command line, lies in a folder of the setting `harness_scenarios`, or in a folder
    that is named on the command line (or by `testpaths`) and is (in) one called `scenarios`.
    """
    config = session.config
    if session.isinitpath(file):
        return True
    if _STORED & set(file.parts):
        return False
    if any(file.is_relative_to(folder) for folder in config.getini("harness_scenarios")):
        return True
    if config.args_source not in _ASKED:
        return False
    here = config.invocation_params.dir
    names = (argument.partition("::")[0] for argument in config.args)
    given = (Path(os.path.abspath(here / name)) for name in names)  # noqa: PTH100 - pytest follows no links either
    return any(file.is_relative_to(folder) and folder.is_dir() and _is_called_so(folder, config) for folder in given)


def _is_called_so(folder: Path, config: pytest.Config) -> bool:
    """Whether *folder* is (in) one called `scenarios` that belongs to the project; where the project itself lies says
    nothing about it.
    """
    roots = [config.invocation_params.dir, *([config.inipath.parent] if config.inipath is not None else [])]
    below = [folder.relative_to(root).parts for root in roots if folder.is_relative_to(root)]
    return any(_FOLDER in parts for parts in below or [folder.parts])
