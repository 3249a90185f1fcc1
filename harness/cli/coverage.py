"""`harness coverage`: put the coverage of several runs together."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option
from harness.errors import UsageError


@click.group("coverage")
def command() -> None:
    """Which lines of a kernel's source ran: see `harness run --coverage`."""


@command.command("merge")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder for coverage.info and coverage.xml; default: the current one.",
)
@json_option
def merge(sources: tuple[Path, ...], output: Path, as_json: bool) -> int:
    """Add up SOURCES: bundles of runs with coverage, or LCOV tracefiles. What one of them reached is reached.

    \b
    Examples:
      harness coverage merge runs/*smoke* -o coverage
      harness coverage merge monday/coverage.info tuesday/coverage.info -o both
    """
    from harness.coverage.collect import COBERTURA, LCOV
    from harness.coverage.collect import merge as merge_into

    try:
        coverage = merge_into(sources, output)
    except OSError as error:
        raise UsageError(f"cannot write to {output}: {error.strerror}", "choose another with --output") from error
    if as_json:
        files = {"lcov": str(output / LCOV), "cobertura": str(output / COBERTURA)}
        counts = {key: getattr(coverage, key) for key in ("lines", "lines_hit", "functions", "functions_hit")}
        emit({"exit_code": 0, **files, **counts})
    say(f"{coverage.told()}; {output / LCOV}")
    return 0
