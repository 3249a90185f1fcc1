"""`harness twin`: the same scenario on QEMU and on a board, compared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import emit, refuse_unwritable, say
from harness.cli.options import file_option, json_option, runs_dir_option
from harness.errors import UsageError
from harness.verdicts import EXIT_LAB, EXIT_PASS, EXIT_PRODUCT

if TYPE_CHECKING:
    from harness.diff.twin import Twins


@click.command("twin")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--target", type=click.Path(path_type=Path, dir_okay=False), help="The board's TOML file.")
@click.option("--board-with", metavar="WORD", multiple=True, help="Instead: a free board of the hardware map.")
@click.option("--image", help="Image to run instead of the scenario's.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@file_option("--rules", "What may differ (docs/diff.md).")
@file_option("--html", "Write a page that opens offline.")
@runs_dir_option
@json_option
def command(
    scenario: Path,
    target: Path | None,
    board_with: tuple[str, ...],
    image: str | None,
    seed: int | None,
    rules: Path | None,
    html: Path | None,
    runs_dir: Path,
    as_json: bool,
) -> int:
    """Play SCENARIO on QEMU and on a board, and say what is particular to the board.

    Steps that the board cannot do are left out of both runs and named. Exit codes: 0 the same, 1 different, 2 usage,
    3 a run was inconclusive, or the serial line explains all that is missing.

    \b
    Example:
      harness twin board-check.toml --target desk-3.toml
    """
    from harness.boards.map import on_board
    from harness.diff.rules import DEFAULT_RULES, load_rules
    from harness.diff.twin import play_twins
    from harness.engine.options import BatchOptions
    from harness.scenario.loader import load_scenarios
    from harness.targets.loader import typed_image

    refuse_unwritable(html)
    scenarios = load_scenarios(scenario)
    if len(scenarios) != 1 or scenarios[0].several:
        raise UsageError(f"{scenario} makes {len(scenarios)} scenarios of one guest or more", "compare one at a time")
    image = typed_image(image)
    options = BatchOptions(runs_dir=runs_dir, image=image, seed=seed, target=target)
    chosen = on_board(scenarios, options, board_with).target
    if chosen is None or chosen.suffix != ".toml":
        raise UsageError("a twin needs a board", "name its file with --target, or give --board-with")
    if not chosen.is_file():
        raise UsageError(f"no board file {chosen}", "--target names the TOML file of a board (docs/boards.md)")
    twins = play_twins(
        scenarios[0],
        chosen,
        BatchOptions(runs_dir=runs_dir, image=image, seed=seed),
        load_rules(rules) if rules else DEFAULT_RULES,
    )
    _print(twins, as_json)
    if html is not None:
        from harness.diff.page import write_page

        write_page(twins.found, html)
        say(f"page  {html}")
    if twins.found.same:
        return EXIT_PASS
    return EXIT_LAB if twins.by_the_line else EXIT_PRODUCT


def _print(twins: Twins, as_json: bool) -> None:
    from harness.diff import show
    from harness.report.summary import run_json

    if as_json:
        document: dict[str, Any] = show.to_json(twins.found)
        document["skipped"] = [str(one) for one in twins.skipped]
        document["by_the_line"] = twins.by_the_line
        document |= {"qemu": run_json(twins.qemu), "board": run_json(twins.board)}
        emit(document)
        return
    for one in twins.skipped:
        click.echo(f"SKIPPED  {one}")
    for where, run in (("QEMU", twins.qemu), ("board", twins.board)):
        click.echo(f"{run.verdict.verdict}  {where}  {run.bundle.path}")
    for line in show.lines(twins.found, shutil.get_terminal_size((120, 24)).columns):
        click.echo(line)
    if twins.by_the_line:
        click.echo(f"the serial line lost {twins.found.b.lost} markers, which explains all that is missing")
