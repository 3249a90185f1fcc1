"""`harness scenario`: check files without booting, print the JSON schema."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option
from harness.errors import UsageError
from harness.verdicts import EXIT_USAGE


@click.group("scenario")
def command() -> None:
    """Check scenario files without booting anything; print their JSON schema."""


@command.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Check FILES (or directories) and that their images are known; nothing is booted. Exit code 2 if one is wrong.

    \b
    Example:
      harness scenario check scenarios/smoke/first-light.toml
    """
    from harness.campaign.batch import plan
    from harness.engine.options import BatchOptions
    from harness.scenario.files import collect

    results = []
    for file in files:
        entry: dict[str, object] = {"file": str(file), "ok": True, "scenarios": [], "problems": []}
        try:
            scenarios = collect([file])
            plan(scenarios, BatchOptions(runs_dir=Path()))
            entry["scenarios"] = [{"name": s.name, "steps": len(s.steps)} for s in scenarios]
            say(f"ok  {file}  ({', '.join(f'{s.name}: {len(s.steps)} steps' for s in scenarios)})")
        except UsageError as error:
            entry["ok"] = False
            entry["problems"] = error.what.splitlines()
            say(error.what)
            if error.hint:
                say(f"  {error.hint}")
        results.append(entry)
    failed = not all(r["ok"] for r in results)
    if as_json:
        emit({"verdict": None, "exit_code": EXIT_USAGE if failed else 0, "files": results})
    return EXIT_USAGE if failed else 0


@command.command("schema")
@json_option
def schema(as_json: bool) -> int:
    """Print the JSON schema of scenario files, with which an editor completes and checks them.

    \b
    Example:
      harness scenario schema > scenario.schema.json
    """
    from harness.scenario.loader import json_schema

    emit(json_schema())
    return 0
