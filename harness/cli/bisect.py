"""`harness bisect`: which commit, or which image of a series, brought a defect."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import emit, say
from harness.cli.options import Jobs, accel_option, clock_option, json_option

if TYPE_CHECKING:
    from harness.bisect.source import Source


_AGAIN = ("most", "build_timeout")  # what a search that is resumed may have another of


@click.command("bisect")
@click.option("--good", metavar="REV", help="A commit without the defect, an ancestor of the bad one.")
@click.option("--bad", metavar="REV", help="A commit with it.")
@click.option("--build", "command", metavar="CMD", help="Line of shell that builds a commit, run in a worktree.")
@click.option(
    "--repository",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the commits are (default: the current directory).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file that CMD makes, relative to the worktree; else $HARNESS_OUTPUT.",
)
@click.option("--images", multiple=True, metavar="PATTERN", help="Images instead of commits: files, folders, patterns.")
@click.option("--image", help="Profile that says how to boot them, instead of the scenario's image.")
@click.option("--scenario", type=click.Path(path_type=Path, dir_okay=False), help="What is played on each.")
@click.option("--signature", default="", help="The defect's, from `harness diff`; else the bad end's first divergence.")
@click.option(
    "--rules", type=click.Path(path_type=Path, dir_okay=False), help="TOML file: what may differ (docs/diff.md)."
)
@click.option("--jobs", type=Jobs(), default="1", show_default=True, metavar="N|auto", help="Images at once.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Where journal, builds and bundles go."
)
@click.option(
    "--resume", type=click.Path(path_type=Path, file_okay=False), help="Go on with the search in this folder."
)
@click.option("--first-parent", is_flag=True, help="Follow first parents only: a merge is one step.")
@click.option(
    "--weight", "weights", multiple=True, metavar="PATTERN=FACTOR", help="Commits that touch such paths are likelier."
)
@click.option("--clean", is_flag=True, help="Before each build remove what git ignores, too.")
@click.option(
    "--build-timeout", type=click.FloatRange(1), default=3600.0, show_default=True, help="Seconds for one build."
)
@click.option("--most", type=click.IntRange(2), default=300, show_default=True, help="Votes after which it gives up.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed instead of the scenario's.")
@clock_option
@accel_option
@json_option
def command(as_json: bool, folder: Path | None, resume: Path | None, jobs: int, **given: Any) -> int:
    """Find the commit, or the image, that brought a defect: boots few of them, and none twice if runs are reproducible.

    The defect is known by the first divergence of the bad end's run from the good end's: an unrelated crash, a broken
    build, a starved host have no vote. Exit code 0: the culprit was found; 3: there is none to be found, and why.

    \b
    Examples:
      harness bisect --images 'build/kernel-*.elf' --image reference --scenario scenarios/smoke/first-light.toml
    """
    from harness.bisect.driver import Driver, Interrupted
    from harness.bisect.evidence import Parter
    from harness.bisect.journal import SearchJournal
    from harness.bisect.outcome import document, exit_code, lines, write_files
    from harness.bisect.playing import Player, SlotMaker
    from harness.bisect.slots import Slots
    from harness.diff.rules import rules_of
    from harness.engine.options import BatchOptions
    from harness.errors import UsageError
    from harness.evidence.bundle import sha256_file
    from harness.report.search import SearchProgress
    from harness.verdicts import EXIT_INTERRUPTED

    progress = SearchProgress(enabled=not as_json)

    def told(line: str) -> None:
        progress.seen()
        if not progress.say(line):
            say(line)

    with ExitStack() as at_end:
        if resume is not None:
            again = _given_again()
            folder = resume.resolve()
            journal = at_end.enter_context(closing(SearchJournal.resume(folder)))
            options = journal.options | {name: given[name] for name in again}
        else:
            options = _options(given)
            folder = (folder or _new_folder()).resolve()
            # Before the source, which removes the worktrees in it: they are to be ours, and the lock outlives them.
            journal = at_end.enter_context(closing(SearchJournal.create(folder)))
        scenario = _scenario(options)
        parter = Parter(rules_of(options["rules"]))
        source = at_end.enter_context(_Source(options, folder)).source
        about = source.describe() | {"scenario": sha256_file(Path(options["scenario"]))}
        if resume is not None and options["about"] != about:
            changed = ", ".join(name for name in about if options["about"].get(name) != about[name])
            raise UsageError(f"since the search in {folder} began something changed: {changed}", "begin a new search")
        player = Player(
            scenario,
            BatchOptions(
                runs_dir=folder / "runs", image=options["image"], clock=options["clock"], accel=options["accel"],
                seed=options["seed"],
            ),
        )  # fmt: skip
        first = Path(source.names[0]) if options["images"] else None
        reproducible = player.reproducible(first)
        if resume is None:  # nothing that could be refused is behind this: the folder of a begun search takes no other
            if not options["images"]:  # whatever the branches are by the time that it is resumed
                options |= {"good": source.names[0], "bad": source.names[-1]}
            journal.begin({**options, "about": about})
        say(f"{source.order.n} commits, in {folder}")
        makers = [SlotMaker(slot, source, player, progress.doing) for slot in range(jobs)]
        slots = at_end.enter_context(closing(Slots(makers))) if jobs > 1 else None
        driver = Driver(
            source, player, parter, journal, reproducible=reproducible, signature=options["signature"],
            most=options["most"], slots=slots, say=told, doing=progress.doing,
        )  # fmt: skip
        at_end.callback(progress.close)
        progress.attach(driver)
        try:
            found = driver.find()
        except (Interrupted, KeyboardInterrupt):
            progress.close()
            hint = f"go on with: harness bisect --resume {folder}"
            say(f"interrupted; {hint}")
            if as_json:
                emit({"result": None, "exit_code": EXIT_INTERRUPTED, "error": "interrupted", "hint": hint})
            return EXIT_INTERRUPTED
        progress.close()
        for line in lines(source, driver, found):
            say(line)
        files = write_files(folder, source, driver, found, parter, commits=not options["images"])
        for what, path in files.items():
            say(f"  {what:<12} {path}")
        if as_json:
            emit(document(source, driver, found) | {"folder": str(folder), "files": files})
        return exit_code(found)


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """What the journal keeps, as JSON.

    :raises UsageError: for options that do not fit together.
    """
    from harness.diff.rules import DEFAULT_RULES, load_rules, rules_json
    from harness.errors import UsageError
    from harness.targets.loader import typed_image

    options = dict(given)
    if options["scenario"] is None:
        raise UsageError("no --scenario is named", "harness bisect --help shows an example")
    if options["images"]:
        extra = [f"--{name}" for name in ("good", "bad", "output") if options[name]] + ["--build"] * bool(
            options["command"]
        )
        if extra:
            raise UsageError(f"--images and {', '.join(extra)} exclude each other")
        from harness.bisect.source import find_files

        options["images"] = [str(path.absolute()) for path in find_files(options["images"])]
    elif missing := [
        f"--{word}" for word, key in (("good", "good"), ("bad", "bad"), ("build", "command")) if not options[key]
    ]:
        raise UsageError(f"{', '.join(missing)} missing", "give --good, --bad and --build, or --images")
    else:
        options["images"] = []
    options["image"] = typed_image(options["image"])
    scenario = options["scenario"]
    options["scenario"] = str(scenario.absolute() if scenario.exists() else scenario)
    options["rules"] = rules_json(load_rules(options["rules"]) if options["rules"] else DEFAULT_RULES)
    options["output"] = str(options["output"]) if options["output"] else None
    options["weights"] = list(options["weights"])
    options["repository"] = str((options["repository"] or Path()).absolute())
    return options


def _given_again() -> list[str]:
    """The options that stand beside --resume and are of use there.

    :raises UsageError: for any other.
    """
    from click.core import ParameterSource

    from harness.errors import UsageError

    context = click.get_current_context()
    given = [
        parameter
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    other = [max(one.opts, key=len) for one in given if one.name not in {"resume", "as_json", "jobs", *_AGAIN}]
    if other:
        raise UsageError(f"--resume goes on as the search began: it takes no {', '.join(other)}", "leave it out")
    return [one.name for one in given if one.name in _AGAIN]


def _scenario(options: dict[str, Any]) -> Any:
    """:raises UsageError: for a wrong file, or several scenarios."""
    from harness.errors import UsageError
    from harness.scenario.files import collect

    path = Path(options["scenario"])
    found = collect([path], options["seed"])
    if len(found) != 1:
        raise UsageError(f"{path} makes {len(found)} scenarios; bisect takes one", "give a file without a [matrix]")
    return found[0]


def _new_folder() -> Path:
    import os
    import time

    return Path(f"bisect-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}")


class _Source:
    """The source that the options name, for as long as it is needed."""

    def __init__(self, options: dict[str, Any], folder: Path) -> None:
        from harness.bisect.builds import Builds
        from harness.bisect.git import Git, History, Weight
        from harness.bisect.source import Files

        self._history: History | None = None
        self.source: Source
        if options["images"]:
            self.source = Files([Path(name) for name in options["images"]])
            return
        output = Path(options["output"]) if options["output"] else None
        self._history = History(
            Git(Path(options["repository"])), options["good"], options["bad"],
            builds=Builds(folder / "builds", options["command"], output, options["build_timeout"]),
            worktree=folder / "worktree", first_parent=options["first_parent"],
            weights=[Weight.parse(text) for text in options["weights"]], clean=options["clean"],
        )  # fmt: skip
        self.source = self._history

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self._history is not None:
            self._history.close()
