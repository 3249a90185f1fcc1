"""What `harness run` does about campaigns: which options make one, and that a resumed one is still the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness import __version__
from harness.cli.common import say
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.campaign.run import CampaignResult
    from harness.cli.report import Report
    from harness.evidence.campaign import CampaignJournal

_SHAPING = (
    "scenarios",
    "image",
    "word",
    "target",
    "board_with",
    "seed",
    "clock",
    "accel",
    "repeat",
    "repeat_share",
    "retries",
    "runs_dir",
)


def wanted(context: click.Context) -> dict[str, Any]:
    """The options that decide what is played, JSON-able, with absolute paths; `runs_dir` only where it is given."""
    from harness.targets.loader import typed_image

    values = {name: context.params[name] for name in _SHAPING}
    values["scenarios"] = [str(path.absolute() if path.exists() else path) for path in values["scenarios"]]
    values["image"] = typed_image(values["image"])
    values["word"] = list(values["word"])
    values["board_with"] = list(values["board_with"])
    values["target"] = str(values["target"].absolute()) if values["target"] else None
    values["runs_dir"] = str(values["runs_dir"]) if _given(context, "runs_dir") else None
    return {"harness": __version__, **values}


def as_begun(context: click.Context, given: Mapping[str, Any], journal: CampaignJournal) -> dict[str, Any]:
    """The options that the campaign was begun with.

    :raises UsageError: if one is given again, and another.
    """
    begun = {"retries": 0, "word": [], "board_with": [], **journal.options}
    if begun["harness"] != given["harness"]:
        raise _changed(journal, [f"it was begun by the harness {begun['harness']}, and this is {given['harness']}"])
    for name in _SHAPING:
        if _given(context, name) and given[name] != begun[name]:
            words = "the scenarios" if name == "scenarios" else f"--{name.replace('_', '-')}"
            raise _changed(journal, [f"{words}: {_shown(begun[name])} when it was begun, now {_shown(given[name])}"])
    return begun


def refuse_changes(journal: CampaignJournal, plan: Sequence[Mapping[str, Any]]) -> None:
    """:raises UsageError: if *plan* is not the one that the campaign was begun with."""
    from harness.campaign.inputs import differences

    found = differences(journal.plan, plan)
    if found:
        raise _changed(journal, found)


def refuse_together(context: click.Context) -> None:
    """:raises UsageError: for options that contradict each other."""
    given = context.params
    goldens = given["update_goldens"] or given["add_goldens"]
    if given["campaign"] and given["resume"]:
        raise UsageError("--campaign begins one and --resume finishes one", "give one of them")
    if given["retries"] and (given["repeat"] or goldens or given["pause_on_fail"]):
        raise UsageError(
            "--retries plays a scenario again until it passes",
            "leave --repeat (which compares the runs), --update-goldens, --add-goldens and --pause-on-fail out",
        )
    if goldens and (given["campaign"] or given["resume"] or given["repeat"]):
        raise UsageError(
            "pictures are approved by one run of each scenario", "leave --campaign, --resume and --repeat out"
        )
    if given["jobs"] > 1:
        for name, why in (
            ("target", "there is one target"),
            ("pause_on_fail", "you can look at one guest at a time"),
            ("update_goldens", "pictures are approved one after the other"),
            ("add_goldens", "pictures are approved one after the other"),
        ):
            if given[name]:
                raise UsageError(f"--{name.replace('_', '-')} goes with --jobs 1: {why}")


def finish(report: Report, result: CampaignResult, journal: CampaignJournal | None) -> int:
    """Say how it ended, and how to go on with a campaign that did not come to its end; the exit code."""
    folder = None if journal is None else journal.folder
    code = report.finish(result, campaign=folder)
    if journal is not None and not result.interrupted and not result.expired and result.error is None:
        journal.append("campaign.end", exit_code=code)
    elif folder is not None:
        say(f"harness run --resume {folder}  plays what is left")
    return code


def _given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE and context.params[name] not in {None, ()}


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else "not given" if value is None else str(value)


def _changed(journal: CampaignJournal, what: Sequence[str]) -> UsageError:
    more = f"; and {len(what) - 5} more" if len(what) > 5 else ""
    return UsageError(
        f"the campaign in {journal.folder} cannot be resumed, its results would not belong together:"
        f" {'; '.join(what[:5])}{more}",
        f"bring it back to what it was, or begin a new campaign; what was played is in {journal.folder / 'runs'}"
        if journal.options["runs_dir"] is None
        else "bring it back to what it was, or begin a new campaign",
    )


def runs_folder(options: Mapping[str, Any], folder: Path | None, otherwise: Path) -> Path:
    """Where bundles go: where the user said, else into the campaign's own folder, else *otherwise*."""
    if options["runs_dir"] is not None:
        return Path(options["runs_dir"])
    return otherwise if folder is None else folder / "runs"
