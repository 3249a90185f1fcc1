"""`harness chaos`: a scenario with random faults, or with one fault at every place."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from harness.cli.common import emit, say, say_lines
from harness.cli.options import json_option, runs_dir_option

if TYPE_CHECKING:
    from harness.chaos.campaign import Ground, Smallest
    from harness.chaos.play import Played
    from harness.scenario.faulting import BlockOp, Plan


@click.command("chaos")
@click.argument("scenario", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seeds", metavar="A..B", default="", help="Draw a plan from each of these seeds (default 1..10).")
@click.option("--sweep", "systematic", is_flag=True, help="Instead, one fault at every marker, each kind in turn.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="With --sweep: at each n-th only.")
@click.option(
    "--blocks",
    type=click.Choice(["any", "read", "write", "flush"]),
    help="With --sweep: also at each n-th such request of the disk, until there is no further one.",
)
@click.option("--disk", default="disk0", show_default=True, help="The disk of --blocks.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only faults of this kind (may be given again).")
@click.option("--faults", type=click.IntRange(1, 100), default=4, show_default=True, help="Most faults of one plan.")
@click.option("--twice", is_flag=True, help="Play each plan twice: the fingerprints have to be equal.")
@click.option("--image", help="Image to run on instead of the scenario's.")
@click.option("--words", default="", help="Words to add to the kernel's command line.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at once.")
@click.option(
    "--shrink",
    "budget",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="Runs that shrinking one failure may take; 0: none is shrunk.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where repro files are written (default: the current directory).",
)
@runs_dir_option
@json_option
def command(
    scenario: Path,
    seeds: str,
    systematic: bool,
    every: int,
    blocks: str | None,
    disk: str,
    kinds: tuple[str, ...],
    faults: int,
    twice: bool,
    image: str | None,
    words: str,
    jobs: int,
    budget: int,
    out: Path,
    runs_dir: Path,
    as_json: bool,
) -> int:
    """Play SCENARIO once as it is, then with faults: plans drawn from seeds, or (--sweep) one fault at every place.

    What fails is shrunk to the smallest plan that still fails the same way, and written as a repro file for
    `harness repro`. At the end: how often each kind of fault was injected in each phase of the guest's life.

    \b
    Examples:
      harness chaos scenarios/chaos/desk.toml --seeds 1..2
      harness chaos scenarios/chaos/desk.toml --seeds 7..7 --twice --kind client-crash --kind client-hang
      harness chaos scenarios/chaos/desk.toml --sweep --every 25 --kind client-kill
    """
    from harness.chaos import campaign
    from harness.chaos.coverage import coverage
    from harness.chaos.survey import survey
    from harness.errors import UsageError
    from harness.faults.draw import menu

    if systematic and seeds:
        raise UsageError("--seeds and --sweep exclude each other", "a sweep injects its faults systematically")
    numbers = _range(seeds or "1..10")
    offered = menu(kinds)
    ground = _ground(scenario, image, words, runs_dir, jobs)
    began = time.monotonic()
    surveyed = survey(ground.item, ground.options)
    requests = None if blocks is None else (cast("BlockOp", blocks), disk)
    differ: list[tuple[Played, Played]] = []
    with _Progress(None if systematic else len(numbers) * (1 + twice), quiet=as_json) as progress:
        if systematic:
            played = campaign.sweep(ground, surveyed, offered, every, requests, progress.played)
        else:
            plans = list(campaign.of_seeds(numbers, offered, surveyed, faults))
            played = ground.play([*plans, *(plans if twice else ())], progress.played)
            played, again = played[: len(plans)], played[len(plans) :]
            differ = campaign.differing(played, again) if twice else []
        smallest = campaign.shrink_failures(ground, played, budget, out, progress.shrinking) if budget else []
    phases, counts = coverage(played)
    found = _document(played, differ, smallest, counts, time.monotonic() - began, twice=twice)
    _say(played, differ, smallest)
    _say_coverage(phases, counts)
    say(_summary(found))
    if as_json:
        emit(found)
    return int(found["exit_code"])


def _range(text: str) -> range:
    """:raises UsageError: if it is not A..B."""
    from harness.errors import UsageError

    first, dots, last = text.partition("..")
    if not dots or not first.isdecimal() or not last.isdecimal() or int(first) > int(last) or int(last) >= 1 << 63:
        raise UsageError(f"--seeds {text}: should be two numbers, the lower first", "for example --seeds 1..100")
    return range(int(first), int(last) + 1)


def _ground(path: Path, image: str | None, words: str, runs_dir: Path, jobs: int) -> Ground:
    """:raises UsageError: for a wrong file, several scenarios, an image that is not there."""
    from dataclasses import replace

    from harness.campaign.batch import plan
    from harness.chaos.campaign import Ground
    from harness.engine.options import BatchOptions
    from harness.errors import UsageError
    from harness.scenario.files import collect
    from harness.targets.loader import typed_image
    from harness.targets.needs import require

    scenarios = collect([path])
    if len(scenarios) != 1:
        raise UsageError(f"{path} makes {len(scenarios)} scenarios; chaos takes one", "give a file without a [matrix]")
    if scenarios[0].faults is not None:
        raise UsageError(f"{path} has faults of its own", "chaos brings its own: give a scenario without [[fault]]")
    image = typed_image(image)
    options = BatchOptions(runs_dir=runs_dir, image=image)
    item = plan(scenarios, options)[0]
    if words:
        boot = item.profile.boot
        item = replace(
            item, profile=replace(item.profile, boot=replace(boot, cmdline=f"{boot.cmdline} {words}".strip()))
        )
    require(item.profile)
    return Ground(item, options, image or item.scenario.image, words, jobs)


def _document(
    played: list[Played],
    differ: list[tuple[Played, Played]],
    smallest: list[Smallest],
    counts: dict[str, dict[str, int]],
    host_s: float,
    *,
    twice: bool,
) -> dict[str, Any]:
    from harness.verdicts import Verdict, exit_code, worst

    verdicts = [one.verdict for one in played] + [Verdict.NONDETERMINISM] * bool(differ)
    return {
        "verdict": str(worst(verdicts)) if verdicts else None,
        "exit_code": exit_code(verdicts),
        "runs": [_run(one) for one in played],
        "equal_fingerprints": len(played) - len(differ) if twice else None,
        "differing": [{"label": a.label, "first": a.fingerprint, "second": b.fingerprint} for a, b in differ],
        "smallest": [
            {"label": s.played.label, "faults": len(s.played.plan.fault), "runs": s.runs, "repro": str(s.file)}
            for s in smallest
        ],
        "coverage": counts,
        "host_s": round(host_s, 1),
    }


def _run(one: Played) -> dict[str, Any]:
    keys = ("label", "cause", "what", "fingerprint", "bundle", "host_s")
    return {"verdict": str(one.verdict), "faults": len(one.plan.fault), **{key: getattr(one, key) for key in keys}}


def _say(played: list[Played], differ: list[tuple[Played, Played]], smallest: list[Smallest]) -> None:
    for one in played:
        if one.cause:
            say_lines([f"{one.verdict}  {one.label}  ({len(one.plan.fault)} faults)  {one.cause}: {one.what}"])
            say(f"  evidence     {one.bundle}")
    for first, second in differ:
        say_lines([f"NONDETERMINISM  {first.label}"])
        say(f"  {first.verdict} {first.fingerprint} and then {second.verdict} {second.fingerprint}")
    for found in smallest:
        say(f"the smallest plan that fails as {found.played.label} did, after {found.runs} runs: {found.file}")
        for fault in found.played.plan.fault:
            say(f"  {fault.do.kind} at {fault.when}")


def _say_coverage(phases: list[str], counts: dict[str, dict[str, int]]) -> None:
    if not counts:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("faults injected", *phases, box=None)
    for kind, row in sorted(counts.items()):
        table.add_row(kind, *(str(row.get(phase, 0)) for phase in phases))
    Console(stderr=True).print(table)


def _summary(found: dict[str, Any]) -> str:
    runs = found["runs"]
    passed = sum(run["verdict"] == "PASS" for run in runs)
    text = f"{passed} of {len(runs)} passed"
    if found["equal_fingerprints"] is not None:
        text += f", {found['equal_fingerprints']} of {len(runs)} with the same fingerprint twice"
    return f"{text}; {found['host_s']:.0f} s"


class _Progress:
    """How many of the runs are done, on a terminal."""

    def __init__(self, total: int | None, *, quiet: bool) -> None:
        import sys

        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
            disable=quiet or not (sys.stdout.isatty() and sys.stderr.isatty()),
        )  # fmt: skip
        self._task = self._bar.add_task("playing", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def played(self) -> Callable[[Played], None]:
        return lambda one: self._bar.update(self._task, advance=1, description=f"{one.label}: {one.verdict}")

    def shrinking(self, label: str, plan: Plan) -> None:
        self._bar.update(self._task, description=f"shrinking {label}: {len(plan.fault)} faults")
