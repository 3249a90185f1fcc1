"""The command line: `harness COMMAND …`. Each command is a module of its own, imported when it is called."""

from __future__ import annotations

import gc
import importlib
import signal
import sys

import click

from harness import __version__
from harness.verdicts import EXIT_LAB, EXIT_NOTHING, EXIT_USAGE

# What modules make while they are imported lives as long as the process: to look through it for garbage every
# 700 objects is up to a tenth of the time that a start takes.
gc.set_threshold(50_000, 20, 20)

COMMANDS = {
    "boot": ("harness.cli.boot", "Boot one kernel, disk or EFI directory and judge what it prints."),
    "run": ("harness.cli.run", "Play scenarios and judge them."),
    "markers": ("harness.cli.markers", "Read the markers out of a serial log."),
    "judge": ("harness.cli.judge", "Judge a finished run again, offline."),
    "report": ("harness.cli.html", "Write the HTML reports of finished runs, and one page over many."),
    "triage": ("harness.cli.triage", "Say what a crash or a hang was: a run's bundle, or any serial log."),
    "diff": ("harness.cli.diff", "Say where two runs part: bundles, logs or images."),
    "replay": ("harness.cli.replay", "Play a recorded run again, to any instruction of it."),
    "scenario": ("harness.cli.scenario", "Check scenario files, print their JSON schema."),
    "image": ("harness.cli.image", "List and build images."),
    "console": ("harness.cli.console", "Talk to an image on its serial console."),
    "chaos": ("harness.cli.chaos", "Play a scenario with random or systematic faults; shrink what fails."),
    "repro": ("harness.cli.repro", "Play a repro file again: the same verdict, the same fingerprint?"),
    "bisect": ("harness.cli.bisect", "Find the commit, or the image, that brought a defect."),
    "boards": ("harness.cli.boards", "List the boards of the hardware map, and the serial ports that there are."),
    "port": ("harness.cli.port", "Measure what a serial port does to the bytes that pass it."),
    "twin": ("harness.cli.twin", "Play a scenario on QEMU and on a board, and say what is particular to the board."),
    "zoo": ("harness.cli.zoo", "Play scenarios against known defects: what is caught, what is missed."),
    "snapshots": ("harness.cli.snapshots", "List and prune what warm starts start from."),
    "coverage": ("harness.cli.coverage", "Put together which lines of a kernel's source several runs reached."),
    "runs": ("harness.cli.runs", "List and prune the bundles of finished runs."),
    "doctor": ("harness.cli.doctor", "Say what this host can and cannot do."),
}


# What `git bisect run` is told: usage stops it (2 would mean a bad commit), the lab has no vote. 128 and above stops it
# anyway.
BISECT_EXIT = {EXIT_USAGE: 128, EXIT_LAB: 125, EXIT_NOTHING: 125}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that the others cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(entry[0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry[0]}.command is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"no such command: {name}" + (f" (did you mean '{near[0]}'?)" if near else "; see harness --help"))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Boot a kernel, watch its markers, check its screen, give a verdict.

    \b
    Examples:
      harness run scenarios/smoke/first-light.toml
      harness boot --kernel build/kernel.elf --expect "RAYOS_KIT:DESKTOP" --timeout 30
      harness markers serial.log --validate

    \b
    Exit codes:
      0 pass   1 the product failed   2 usage   3 inconclusive (host, lab)   4 nothing checked   130 interrupted
    """


def main() -> None:
    """Entry point of the console script."""
    from harness.cli.common import run_guarded

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # outside of a run too it ends us as Ctrl-C does
    code = run_guarded(cli)
    if sys.argv[1:2] == ["run"] and "--bisect-exit" in sys.argv:
        code = BISECT_EXIT.get(code, code)
    gc.freeze()  # the process ends: to look through all of it for garbage once more took 19 ms
    sys.exit(code)


if __name__ == "__main__":
    main()
