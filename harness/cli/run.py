"""`harness run`: play scenarios and judge them."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import refuse_unwritable, say
from harness.cli.options import (
    Jobs,
    accel_option,
    file_option,
    html_option,
    json_option,
    junit_option,
    run_clock_option,
    runs_dir_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.engine.context import Context
    from harness.engine.options import Planned
    from harness.engine.waits import Deadline
    from harness.evidence.campaign import Unit
    from harness.judge.verdict import RunVerdict

_SHARE = 0.05  # of a batch's reproducible scenarios are played twice


@click.command("run")
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option("--image", help="Image to run on instead of the scenario's: a name, a profile or an image file.")
@click.option(
    "--target", type=click.Path(path_type=Path), help="Target file (TOML) of a board or a recording, instead of QEMU."
)
@click.option(
    "--board-with",
    metavar="WORD",
    multiple=True,
    help="Run on a free board of the hardware map that offers this (docs/boards.md).",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@run_clock_option
@accel_option
@click.option(
    "--jobs", type=Jobs(), default="1", show_default=True, metavar="N|auto", help="Runs at once; auto: one a core."
)
@click.option(
    "--deadline",
    type=click.FloatRange(0, 1e7, min_open=True),
    metavar="SECONDS",
    help="For the whole: then what is under way is ended, and what was not played has not passed.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Play a scenario that did not pass again, so often at most; if it passes then, it is FLAKY.",
)
@file_option("--quarantine", "Known failures (TOML), each with an owner, a reason and a day on which it expires.")
@click.option(
    "--annotations",
    type=click.Choice(["auto", "github", "none"]),
    default="auto",
    show_default=True,
    help="Annotations and step summary of GitHub Actions; auto: where it runs there.",
)
@click.option(
    "--word",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a word of the files' [words], instead of theirs. Repeatable.",
)
@click.option("--repeat", type=click.IntRange(1), help="Play each scenario so often, and compare the runs.")
@click.option(
    "--repeat-share",
    type=click.FloatRange(0, 1),
    default=_SHARE,
    show_default=True,
    help="Without --repeat: share of the reproducible scenarios that are played twice; 0 turns it off.",
)
@click.option(
    "--campaign",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep a journal of the batch, and its bundles, in this new folder, so that it can be resumed.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    help="Finish the campaign in this folder: what has not been played yet is.",
)
@click.option("--warm", is_flag=True, help="Boot each image once, and start every scenario from there.")
@click.option(
    "--warm-until", metavar="PATTERN", help="As --warm, for the scenarios whose boot step waits for this pattern."
)
@junit_option
@html_option
@runs_dir_option
@click.option(
    "--update-goldens",
    is_flag=True,
    help="Store what the golden checks see as approved pictures, and say which scenarios use them.",
)
@click.option(
    "--add-goldens",
    is_flag=True,
    help="As --update-goldens, but keep the approved pictures and store each new one as a further variant.",
)
@click.option(
    "--pause-on-fail",
    is_flag=True,
    help="Leave a failed guest stopped, with console, VNC and gdbstub addresses printed, until Ctrl-C.",
)
@click.option(
    "--coverage", is_flag=True, help="Write which lines of the kernel ran (LCOV, Cobertura), per run and merged."
)
@click.option(
    "--memory-dump", is_flag=True, help="Keep the memory of a guest that crashed or hangs in its bundle (memory.elf)."
)
@click.option(
    "--bisect-exit", is_flag=True, help="Exit as `git bisect run` wants: 0 good, 1 bad, 125 no vote, 128 stop."
)
@click.option("--checks", "every_check", is_flag=True, help="List every check, also of runs that pass.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    scenarios: tuple[Path, ...],
    image: str | None,
    target: Path | None,
    board_with: tuple[str, ...],
    seed: int | None,
    clock: Any,
    accel: str,
    jobs: int,
    deadline: float | None,
    retries: int,
    quarantine: Path | None,
    annotations: str,
    word: tuple[str, ...],  # read through campaigns.wanted
    repeat: int | None,
    repeat_share: float,
    campaign: Path | None,
    resume: Path | None,
    warm: bool,
    warm_until: str | None,
    junit: Path | None,
    html: Path | None,
    runs_dir: Path,
    update_goldens: bool,
    add_goldens: bool,
    pause_on_fail: bool,
    coverage: bool,
    memory_dump: bool,
    bisect_exit: bool,  # see harness.cli.main: it holds for what goes wrong before this is called, too
    every_check: bool,
    as_json: bool,
) -> int:
    """Play SCENARIOS (files, or directories that are searched for *.toml) and judge each.

    \b
    Examples:
      harness run scenarios/smoke/first-light.toml
      harness run scenarios/smoke --junit report.xml --jobs 2
      harness run scenarios/smoke/first-light.toml --seed 7 --clock wall --checks
      harness run scenarios/smoke/first-light.toml --repeat 3
      harness run scenarios/smoke/first-light.toml --warm
      harness run scenarios/smoke/first-light.toml --jobs auto --deadline 600 --retries 1
    """
    from harness.campaign.batch import plan, require_images
    from harness.campaign.inputs import describe
    from harness.campaign.quarantine import load_quarantine
    from harness.campaign.repeats import turns
    from harness.campaign.run import CampaignOptions, ScenarioResult, run_campaign
    from harness.cli import campaigns
    from harness.cli.report import Report
    from harness.engine.options import BatchOptions
    from harness.evidence.campaign import CampaignJournal
    from harness.report import annotations as github
    from harness.report.fleet import FleetProgress
    from harness.report.progress import Progress
    from harness.scenario.files import collect

    began = time.monotonic()
    refuse_unwritable(junit)
    refuse_unwritable(html)
    campaigns.refuse_together(context)
    with ExitStack() as at_end:
        wanted = campaigns.wanted(context)
        journal = None
        if resume is not None:
            journal = at_end.enter_context(closing(CampaignJournal.resume(resume.absolute())))
            wanted = campaigns.as_begun(context, wanted, journal)
        elif not scenarios:
            raise click.UsageError("no scenario is named, and no campaign to --resume", context)
        folder = campaign or resume
        options = BatchOptions(
            runs_dir=campaigns.runs_folder(wanted, folder.absolute() if folder else None, runs_dir),
            image=wanted["image"],
            target=Path(wanted["target"]) if wanted["target"] else None,
            seed=wanted["seed"],
            clock=wanted["clock"],
            accel=wanted["accel"],
            update_goldens=update_goldens,
            add_goldens=add_goldens,
            vnc=pause_on_fail,
            gdb=pause_on_fail,
            share_console=pause_on_fail,
            coverage=coverage,
            memory_dump=memory_dump,
        )
        chosen = collect(map(Path, wanted["scenarios"]), wanted["seed"], _words(wanted["word"]))
        played = [scenario for scenario in chosen if not scenario.skip]
        if wanted["board_with"] or any(scenario.needs for scenario in played):
            from harness.boards.map import on_board

            if jobs > 1:
                raise click.UsageError("a board plays one scenario at a time: leave --jobs out", context)
            options = on_board(played, options, wanted["board_with"])
            wanted |= {"target": str(options.target), "board_with": []}  # a campaign ends on the board it began on
        planned = plan(chosen, options)
        known = None if quarantine is None else load_quarantine(quarantine, options.today())
        once = update_goldens or add_goldens
        counts = turns(planned, options, 1 if once or wanted["retries"] else wanted["repeat"], wanted["repeat_share"])
        require_images(planned, options)
        if journal is not None:
            campaigns.refuse_changes(journal, describe(planned, counts, options.target))
        elif campaign is not None:
            folder = campaign.absolute()
            described = describe(planned, counts, options.target)
            journal = at_end.enter_context(closing(CampaignJournal.create(folder, wanted, described)))
        report = Report(
            junit=junit,
            html=html,
            coverage=options.runs_dir if coverage else None,
            every_check=every_check,
            as_json=as_json,
            quarantine=known,
            github=github.wanted(annotations),
        )
        if warm or warm_until:
            from harness.engine.warm import warmed

            options = at_end.enter_context(warmed(planned, options, point=warm_until or "", say=say))
        progress = Progress(enabled=not as_json and jobs == 1)
        done_before = len(journal.progress.finished) if journal is not None else 0
        fleet = FleetProgress(sum(counts) - done_before, enabled=not as_json and jobs > 1)
        at_end.callback(progress.close)
        at_end.callback(fleet.close)

        def begin(unit: Unit, item: Planned) -> None:
            if unit.turn >= counts[unit.item]:
                fleet.more()
            fleet.begin(unit, item.scenario.name)

        def end(unit: Unit, verdict: str) -> None:
            fleet.end(unit, verdict)
            if not fleet.shown and unit.item != report.told:
                name = planned[unit.item].scenario.name
                say(f"  ended: {verdict or 'not played'}  {name}  (results are told in the order of the scenarios)")

        def done(result: ScenarioResult) -> None:
            progress.close()
            fleet.close()
            report.result(result)

        result = asyncio.run(
            run_campaign(
                planned,
                CampaignOptions(
                    batch=replace(
                        options, on_start=progress.attach, on_fail=_pauser(progress) if pause_on_fail else None
                    ),
                    turns=counts,
                    retries=wanted["retries"],
                    jobs=jobs,
                    deadline=None if deadline is None else _deadline(began, deadline),
                    worker="harness.cli.worker",
                    journal=journal,
                    on_result=done,
                    on_begin=begin,
                    on_end=end,
                ),
            )
        )
        fleet.close()
        return campaigns.finish(report, result, journal)


def _words(given: Sequence[str]) -> dict[str, str]:
    """:raises BadParameter: if one is not NAME=VALUE."""
    for word in given:
        if not word.partition("=")[1]:
            raise click.BadParameter(f"{word!r} is not NAME=VALUE, as in --word seconds=300", param_hint="--word")
    return {name: value for name, _, value in (word.partition("=") for word in given)}


def _deadline(began: float, seconds: float) -> Deadline:
    from harness.engine.waits import Deadline

    return Deadline(began + seconds, seconds)


def _pauser(progress: Any) -> Any:
    async def pause(ctx: Context, verdict: RunVerdict) -> None:
        from harness.engine.pause import hold

        progress.close()
        await hold(ctx, verdict)

    return pause
