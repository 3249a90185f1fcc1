"""`harness zoo`: would the harness have caught it?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import default_runs_dir, emit, say, say_lines
from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.zoo.matrix import Row
    from harness.zoo.model import Defect, Zoo
    from harness.zoo.play import Seen


@click.command("zoo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("tests/zoo"))
@click.option("--defect", "names", multiple=True, metavar="NAME", help="Only this defect (may be given again).")
@click.option(
    "--every", is_flag=True, help="Every detector against every defect, not only those that are named for it."
)
@click.option("--clean", type=click.IntRange(0), default=200, show_default=True, help="Runs without a defect.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Seed of the first clean run."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at once.")
@click.option("--runs-dir", type=click.Path(path_type=Path, file_okay=False), help="Where bundles go (default: runs/).")
@json_option
def command(
    folder: Path,
    names: tuple[str, ...],
    every: bool,
    clean: int,
    seed: int,
    jobs: int,
    runs_dir: Path | None,
    as_json: bool,
) -> int:
    """Play the detectors of the zoo in FOLDER against each of its defects, and against clean images.

    Prints the detection matrix: caught or missed, the first cause named right or wrong, and the false alarms. The
    bundles of runs that said what they should are removed. Exit code 1 if a defect was missed or there was a
    false alarm; 3 if nothing is known of a defect because the host starved its runs, three times each.

    \b
    Examples:
      harness zoo tests/zoo --defect pixel --clean 0
      harness zoo --defect black --defect torn --clean 4 --json
    """
    from harness.targets.loader import find_image
    from harness.targets.needs import require
    from harness.verdicts import EXIT_LAB, EXIT_PASS, EXIT_PRODUCT
    from harness.zoo import matrix
    from harness.zoo.model import load_zoo
    from harness.zoo.play import clean_cells, defect_cells, play_all

    zoo = load_zoo(folder)
    chosen = _chosen(zoo, names)
    for image in {zoo.file.image, *zoo.file.clean}:
        require(find_image(image, relative_to=zoo.folder))
    cells = [*defect_cells(zoo, chosen, every=every), *clean_cells(zoo, clean, seed)]
    began = time.monotonic()
    with _Counter(len(cells), quiet=as_json) as counter:
        seen = play_all(cells, (runs_dir or default_runs_dir()).absolute(), jobs, counter.add)
    rows = matrix.rows(chosen, [one for one in seen if one.cell.defect])
    clean_seen = [one for one in seen if not one.cell.defect]
    found = matrix.document(rows, clean_seen, time.monotonic() - began)
    _tidy(rows, clean_seen)
    _say_matrix(rows, every=every)
    _say_alarms(found["alarms"])
    say(
        f"{found['caught']} of {found['defects']} defects caught, {found['right_cause']} with the right first cause; "
        f"{found['false_alarms']} false alarms in {found['clean_runs']} clean runs; {found['host_s']:.0f} s"
    )
    if as_json:
        emit(found)
    if found["missed"] or found["false_alarms"]:
        return EXIT_PRODUCT
    return EXIT_LAB if found["starved"] else EXIT_PASS


def _chosen(zoo: Zoo, names: tuple[str, ...]) -> tuple[Defect, ...]:
    """:raises UsageError: for a defect that the zoo does not have."""
    from harness.errors import UsageError
    from harness.toml import suggestion

    known = {defect.name: defect for defect in zoo.defects}
    for name in names:
        if name not in known:
            raise UsageError(
                f"the zoo has no defect {name!r}{suggestion(name, known)}", f"known are {', '.join(known)}"
            )
    return tuple(known[name] for name in names) if names else zoo.defects


def _tidy(rows: list[Row], clean: list[Seen]) -> None:
    """Keep the evidence of what should be looked at: misses, wrong causes, false alarms."""
    from harness.verdicts import Verdict
    from harness.zoo.play import drop

    for row in rows:
        if row.right:
            for seen in row.seen:
                drop(seen)
    for seen in clean:
        if seen.verdict == Verdict.PASS:
            drop(seen)


def _say_matrix(rows: list[Row], *, every: bool) -> None:
    width = max((len(row.defect.name) for row in rows), default=0)
    kind = ""
    for row in rows:
        if row.defect.kind != kind:
            kind = row.defect.kind
            say_lines([kind])
        state = "caught" if row.right else "caught, WRONG CAUSE" if row.caught_by else "missed"
        state = "starved" if row.starved else state
        by = (
            ", ".join(row.caught_by) if row.caught_by else "; ".join(f"{s.cell.detector} {s.verdict}" for s in row.seen)
        )
        say(f"  {row.defect.name:<{width}}  {state:<19}  {by}")
        if not row.right and row.seen:
            for seen in row.seen:
                say(f"  {'':<{width}}  {seen.cell.detector}: {seen.cause or seen.verdict}")
                say(f"  {'':<{width}}  {seen.bundle}")


def _say_alarms(alarms: list[dict[str, object]]) -> None:
    for alarm in alarms:
        say(f"false alarm: {alarm['detector']} on {alarm['image']}, seed {alarm['seed']}: {alarm['verdict']}")
        say(f"  {alarm['first_cause']}")
        say(f"  {alarm['bundle']}")


class _Counter:
    """How many of the runs are done, on a terminal."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        import sys

        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=quiet or not (sys.stdout.isatty() and sys.stderr.isatty()),
        )  # fmt: skip
        self._task = self._bar.add_task("playing", total=total)

    def __enter__(self) -> _Counter:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, seen: Seen) -> None:
        self._bar.update(self._task, advance=1, description=seen.cell.defect or f"clean {seen.cell.seed}")
