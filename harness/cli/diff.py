"""`harness diff`: where two runs part."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import emit, refuse_unwritable, say
from harness.cli.options import json_option, run_clock_option, runs_dir_option
from harness.errors import UsageError
from harness.verdicts import EXIT_PASS, EXIT_PRODUCT

if TYPE_CHECKING:
    from harness.diff.model import Comparison, Stream
    from harness.markers.schema import Schema

_LOGS = frozenset({".log", ".txt", ".bin"})
_ELF = b"\x7fELF"


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--scenario",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Play this on A and B where they are images (a profile, a kernel, a disk).",
)
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file: what may differ (docs/diff.md).",
)
@click.option("--exact", is_flag=True, help="Compare addresses, times and measured values too.")
@click.option(
    "--slower", type=click.FloatRange(min=0), metavar="TIMES", help="So many times as long is slower; 0: off."
)
@click.option("--slower-ms", type=click.FloatRange(min=0), metavar="MS", help="… and at least so much longer.")
@click.option(
    "--schema", "schema_file", type=click.Path(path_type=Path, dir_okay=False), help="TOML marker schema, for logs."
)
@click.option("--prefix", "prefixes", multiple=True, help="Marker prefix instead of RAYOS_, for logs; repeatable.")
@click.option("--limit", type=click.IntRange(0), default=40, show_default=True, help="Differences that are listed.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page that opens offline.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@run_clock_option
@runs_dir_option
@json_option
def command(
    a: str,
    b: str,
    scenario: Path | None,
    rules_file: Path | None,
    exact: bool,
    slower: float | None,
    slower_ms: float | None,
    schema_file: Path | None,
    prefixes: tuple[str, ...],
    limit: int,
    html: Path | None,
    seed: int | None,
    clock: Any,
    runs_dir: Path,
    as_json: bool,
) -> int:
    """Say where run B parts from run A, which is held to be right.

    A and B are bundles, serial logs, or with --scenario images, which are run. Exit codes: 0 the same, 1 different,
    2 usage, 3 a run of an image was inconclusive.

    \b
    Examples:
      harness diff serial.log serial.log
      harness diff reference reference --scenario scenarios/smoke/first-light.toml
      harness diff serial.log serial.log --json --html diff.html
    """
    from harness.diff import compare
    from harness.diff.rules import DEFAULT_RULES, load_rules
    from harness.markers.schema import PLAN, load_schema

    refuse_unwritable(html)
    if slower is not None and 0 < slower <= 1:
        raise UsageError(f"--slower {slower:g}: must be over 1 (times as long), or 0 for never")
    rules = load_rules(rules_file) if rules_file else DEFAULT_RULES
    rules = replace(
        rules,
        exact=exact or rules.exact,
        slower=rules.slower if slower is None else slower,
        slower_ms=rules.slower_ms if slower_ms is None else slower_ms,
    )
    schema = load_schema(schema_file) if schema_file else PLAN
    kinds = [_kind(word, scenario is not None) for word in (a, b)]
    if scenario is not None and "image" not in kinds:
        raise UsageError(
            "--scenario is for images, and neither A nor B is one", "leave it out to compare what is there"
        )
    streams = []
    for word, kind in zip((a, b), kinds, strict=True):
        path = Path(word)
        if kind == "image" and scenario is not None:
            path = _play(scenario, word, seed, clock, runs_dir)
        streams.append(_stream(path, schema, prefixes))
    _refuse_nothing(streams)
    found = compare(streams[0], streams[1], rules)
    _print(found, limit, as_json)
    if html is not None:
        from harness.diff.page import write_page

        write_page(found, html)
        say(f"page  {html}")
    return EXIT_PASS if found.same else EXIT_PRODUCT


def _kind(word: str, may_run: bool) -> str:
    """`bundle`, `log` or `image`.

    :raises UsageError: if it is none of them, or an image and there is nothing to run.
    """
    path = Path(word)
    if (path / "journal.jsonl").is_file():
        return "bundle"
    if may_run and path.suffix not in _LOGS:
        return "image"
    if path.is_dir():
        raise UsageError(f"not a run bundle: {path}", "`harness runs list` shows yours")
    if not path.is_file():
        what = "an image's name is compared with --scenario FILE, which is played on it"
        raise UsageError(f"there is no bundle or log {word}", what)
    with path.open("rb") as stream:
        head = stream.read(len(_ELF))
    if head == _ELF or path.suffix == ".toml":
        raise UsageError(f"{word} is no log but an image", "give --scenario FILE, which is played on it")
    return "log"


def _play(scenario: Path, image: str, seed: int | None, clock: Any, runs_dir: Path) -> Path:
    """Run the scenario on an image; the bundle of it.

    :raises UsageError: if it cannot be run.
    :raises LabError: if the host or the lab failed.
    """
    from harness.diff.playing import play_one
    from harness.engine.options import BatchOptions
    from harness.scenario.loader import load_scenarios
    from harness.targets.loader import typed_image

    scenarios = load_scenarios(scenario)
    if len(scenarios) != 1:
        raise UsageError(f"{scenario} makes {len(scenarios)} scenarios", "compare one at a time")
    if scenarios[0].several:
        raise UsageError(
            f"{scenario} is of several guests", "play it with `harness run`, and compare the bundles of its guests"
        )
    options = BatchOptions(runs_dir=runs_dir, image=typed_image(image), seed=seed, clock=clock)
    outcome = play_one(scenarios[0], options, image)
    say(f"{outcome.verdict.verdict}  {image}  {outcome.bundle.path}")
    return outcome.bundle.path


def _stream(path: Path, schema: Schema, prefixes: tuple[str, ...]) -> Stream:
    from harness.diff.streams import of_path

    stream = of_path(path, schema, prefixes or None)
    return replace(stream, name=str(path)) if stream.name == "serial.bin" else stream


def _refuse_nothing(streams: list[Stream]) -> None:
    """Two runs in which nothing is compared are not the same.

    :raises UsageError: if that is so.
    """
    if not any(stream.markers for stream in streams):
        what = f"no marker in {streams[0].name} nor in {streams[1].name}: nothing to compare"
        raise UsageError(what, "markers begin with RAYOS_; --prefix names another prefix")


def _print(found: Comparison, limit: int, as_json: bool) -> None:
    from harness.diff import show

    if as_json:
        emit(show.to_json(found))
        say(found.signature or "the same")
        return
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((120, 24)).columns
    for line in show.lines(found, width, limit, _coloured if coloured else show.plain):
        click.echo(line)


def _coloured(text: str, colour: str) -> str:
    return click.style(text, fg=colour)
