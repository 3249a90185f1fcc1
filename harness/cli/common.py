"""What all commands share: output that machines can read, errors that people can."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.errors import HarnessError, UsageError
from harness.verdicts import EXIT_INTERRUPTED, EXIT_LAB, EXIT_USAGE

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """`--json`: one JSON document on stdout, nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else there.")(function)


def emit(document: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=True, default=str) + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def default_runs_dir() -> Path:
    """Where bundles go: `HARNESS_RUNS_DIR`, else `runs/` in the current directory."""
    return Path(os.environ.get("HARNESS_RUNS_DIR") or "runs").absolute()


def run_guarded(command: click.Command) -> int:
    """Run *command*; every outcome becomes an exit code, every error one readable message (and a JSON document with `--json`)."""
    wants_json = "--json" in sys.argv[1:]
    try:
        result = command.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.Abort:
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        if wants_json:
            emit({"verdict": None, "exit_code": EXIT_USAGE, "error": error.format_message()})
        error.show()
        return EXIT_USAGE
    except HarnessError as error:
        code = EXIT_USAGE if isinstance(error, UsageError) else EXIT_LAB
        if wants_json:
            verdict = None if code == EXIT_USAGE else "INCONCLUSIVE"
            emit({"verdict": verdict, "exit_code": code, "error": error.what, "hint": error.hint})
        say(f"harness: {error.what}")
        if error.hint:
            say(f"  {error.hint}")
        return code
    return result if isinstance(result, int) else 0
