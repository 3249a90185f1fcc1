"""`harness report`: the HTML reports of finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import emit, refuse_unwritable, say
from harness.cli.options import json_option
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.evidence.bundle import Bundle


@click.command("report")
@click.argument("what", nargs=-1, required=True, metavar="BUNDLE|FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page over all of them; default: report.html in the FOLDER, of several bundles in the current folder.",
)
@json_option
def command(what: tuple[Path, ...], output: Path | None, as_json: bool) -> int:
    """Write the HTML report of each run, and of several one page over all of them. Nothing is run or judged again.

    BUNDLE is a run's folder; FOLDER holds several: the runs folder, or that of a campaign.

    \b
    Examples:
      harness report runs/20260101T000000Z-first-light-1a2b3c4d
      harness report runs
      harness report runs/*first-light* -o first-light.html
    """
    from harness.report.batch import run_of, write_batch
    from harness.report.html import write_report
    from harness.report.pages import stored_verdict

    refuse_unwritable(output)
    bundles = [bundle for path in what for bundle in _bundles(path)]
    if not bundles:
        raise UsageError(f"there are no runs in {', '.join(map(str, what))}", "name a bundle, or a folder of bundles")
    pages, without = [], []
    try:
        for bundle in bundles:
            verdict = stored_verdict(bundle)
            if verdict is None:
                without.append(str(bundle.path))
                continue
            pages.append(str(write_report(bundle, verdict)))
        page = None
        if len(bundles) > 1 or output is not None:
            title = what[0].absolute().name if len(what) == 1 else f"{len(bundles)} runs"
            target = output or (what[0] / "report.html" if len(what) == 1 else Path("report.html"))
            page = str(write_batch(target, [run_of(bundle) for bundle in bundles], title=title))
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename}: {error.strerror}", "make room, or choose another place"
        ) from error
    for name in without:
        say(f"{name} was not judged to its end and has no report; harness judge says what it tells")
    if as_json:
        emit({"page": page, "reports": pages, "without": without})
    else:
        say(page if page is not None else pages[0] if pages else "nothing written")
    return 0 if pages else 4


def _bundles(path: Path) -> list[Bundle]:
    """The bundle *path*, or those in it; those of a campaign lie one folder deeper."""
    from harness.evidence.bundle import Bundle, list_bundles

    if (path / "journal.jsonl").is_file() or not path.is_dir():
        return [Bundle.open(path.absolute())]
    return list_bundles(path.absolute()) or list_bundles(path.absolute() / "runs")
