"""`harness triage`: what a crash or a hang was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import emit, say_lines
from harness.cli.options import file_option, json_option
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.triage.report import Triage


class _Address(click.ParamType):  # type: ignore[type-arg] # generic in the stubs only
    """A number, hexadecimal with 0x."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else int(str(value), 0)
        except ValueError:
            self.fail(f"{value} is no number; write 0x1a000000", param, ctx)


@click.command("triage")
@click.argument("what", metavar="BUNDLE|LOG", type=click.Path(path_type=Path))
@click.option(
    "--rules",
    "rules",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Rules that extend the built-in ones (docs/triage.md); may be given several times.",
)
@file_option("--symbols", "ELF file with symbols and DWARF; default: the one that was booted.")
@click.option(
    "--slide",
    type=_Address(),
    help="How much higher than in that file the addresses are (KASLR); default: what the guest printed, else 0.",
)
@json_option
def command(what: Path, rules: tuple[Path, ...], symbols: Path | None, slide: int | None, as_json: bool) -> int:
    """Say what a crash or a hang was: kind, title, signature, place in the source, backtrace.

    BUNDLE is a run's folder, LOG any serial log. Nothing is run. The exit code is 0 if something was recognised, 4 if
    there is nothing to triage.

    \b
    Examples:
      harness triage runs/20260101T000000Z-crash-1a2b3c4d
      harness triage serial.log --json
    """
    from harness.triage.report import lines
    from harness.triage.run import triage_log

    if not what.exists():
        raise UsageError(f"there is no {what}", "name a run's folder or a serial log")
    if what.is_dir():
        found = _of_bundle(what.absolute(), rules, symbols, slide)
    else:
        found = triage_log(what, rules=rules, symbols=symbols, slide=slide)
    if as_json:
        emit({"exit_code": 0 if found else 4, "crashes": [one.to_json() for one in found]})
    for one in found:
        say_lines(lines(one, everything=one is found[0]))
    if not found:
        say_lines([f"nothing to triage in {what}"])
    return 0 if found else 4


def _of_bundle(path: Path, rules: tuple[Path, ...], symbols: Path | None, slide: int | None) -> list[Triage]:
    from harness.evidence.bundle import Bundle
    from harness.judge.rejudge import recorded, rejudge
    from harness.triage.run import calls_for_triage, triage_bundle, triage_log

    bundle = Bundle.open(path)
    verdict = rejudge(bundle, recorded(bundle)[0])
    if not calls_for_triage(verdict):  # what the kernel printed may be worth reading in a run that wanted it to die
        return triage_log(bundle.serial, rules=rules, symbols=symbols, slide=slide) if bundle.serial.is_file() else []
    return [triage_bundle(bundle, verdict, rules=rules, symbols=symbols, slide=slide)]
