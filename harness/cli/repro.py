"""`harness repro`: the failure of a repro file, once more."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import emit, say, say_lines
from harness.cli.options import json_option, runs_dir_option


@click.command("repro")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--image", help="Image to run on instead of the file's: is the defect still in this one?")
@runs_dir_option
@json_option
def command(file: Path, image: str | None, runs_dir: Path, as_json: bool) -> int:
    """Play the scenario and the plan of a repro FILE, as `harness chaos` writes them, and compare.

    Reproduced is a run with the same verdict, the same first cause and (with the same image and QEMU version) the same
    fingerprint: exit code 0. Another outcome is exit code 1; a run that says nothing of the guest is 3.

    \b
    Examples:
      harness repro desk-seed-7-frame-mismatch.repro.json
      harness repro desk-seed-7-frame-mismatch.repro.json --image reference --json
    """
    from harness.chaos.again import play_again
    from harness.chaos.repro import read_repro
    from harness.report.summary import run_json, run_lines
    from harness.targets.loader import typed_image

    repro = read_repro(file)
    again = play_again(repro, typed_image(image), runs_dir)
    run = run_json(again.outcome)
    say_lines(run_lines(run, again.outcome.verdict, every_check=False))
    say(again.sentence)
    for note in again.notes:
        say(f"  {note}")
    if as_json:
        expected = {"verdict": repro.verdict, "cause": repro.cause, "fingerprint": repro.fingerprint}
        emit(
            {
                "reproduced": again.reproduced,
                "exit_code": again.exit_code,
                "expected": expected,
                "notes": again.notes,
                "run": run,
            }
        )
    return again.exit_code
