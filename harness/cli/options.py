"""Options that several commands have, each in one wording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli.common import default_runs_dir
from harness.cores import cores

F = TypeVar("F", bound=Callable[..., Any])


class Jobs(click.ParamType[int]):
    """How many runs at once: a number, or `auto`, which is as many as there are cores."""

    name = "jobs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return min(256, cores())
        if str(value).isdecimal() and 1 <= int(value) <= 256:
            return int(value)
        return self.fail(f"{value!r} should be 1 to 256, or auto", param, ctx)


def json_option(function: F) -> F:
    """`--json`: one JSON document on stdout, nothing else there."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else there."
    )(function)


def clock_option(function: F) -> F:
    """`--clock`, None if not given."""
    return click.option(
        "--clock", type=click.Choice(["virtual", "wall"]), help="Clock instead of the image's default."
    )(function)


def run_clock_option(function: F) -> F:
    """`--clock` of a command whose runs can be recorded, None if not given."""
    return click.option(
        "--clock",
        type=click.Choice(["virtual", "wall", "record"]),
        help="Clock instead of the image's default; record: keep a log for `harness replay`.",
    )(function)


def accel_option(function: F) -> F:
    """`--accel`."""
    return click.option(
        "--accel",
        type=click.Choice(["tcg", "auto", "kvm"]),
        default="tcg",
        show_default=True,
        help="QEMU accelerator; auto takes one that was proved to boot a guest.",
    )(function)


def junit_option(function: F) -> F:
    """`--junit`, None if not given."""
    return click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit XML file.")(
        function
    )


def html_option(function: F) -> F:
    """`--html`, None if not given."""
    return click.option(
        "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one HTML page over all runs."
    )(function)


def runs_dir_option(function: F) -> F:
    """`--runs-dir`; the command gets an absolute path in any case."""
    return click.option(
        "--runs-dir",
        type=click.Path(path_type=Path, file_okay=False),
        callback=lambda _context, _option, value: default_runs_dir() if value is None else value.absolute(),
        help="Where bundles go and are (default: runs/, or HARNESS_RUNS_DIR).",
    )(function)


def file_option(name: str, help: str) -> Callable[[F], F]:
    """An option that names a file; None if not given. What is wrong with the file its user tells better."""
    return click.option(name, type=click.Path(path_type=Path, dir_okay=False), help=help)
