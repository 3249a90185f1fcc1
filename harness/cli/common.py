"""What all commands share: output that machines can read, errors that people can."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from harness.errors import HarnessError, UsageError
from harness.verdicts import EXIT_INTERRUPTED, EXIT_LAB, EXIT_USAGE


def emit(document: Any) -> None:
    """Print one JSON document on stdout.

    What a guest said is in it, and GitHub obeys a `##[command]` in the midst of any line.
    """
    text = json.dumps(document, indent=1, ensure_ascii=True, default=str).replace("##", "#\\u0023")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def say_lines(lines: Iterable[str]) -> None:
    """Lines about a run, on stderr; in colour if that is a terminal."""
    from harness.cli.paint import on_terminal, paint

    coloured = on_terminal()
    for line in lines:
        say(paint(line) if coloured else line)


def default_runs_dir() -> Path:
    """Where bundles go: `HARNESS_RUNS_DIR`, else `runs/` in the current directory."""
    return Path(os.environ.get("HARNESS_RUNS_DIR") or "runs").absolute()


def refuse_unwritable(path: Path | None) -> None:
    """Refuse an output file that cannot be written, before anything is run for it; makes its folder.

    :raises UsageError: naming the file and why.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"cannot write {path}: {'it is a directory' if path.is_dir() else 'permission denied'}")


def run_guarded(command: click.Command) -> int:
    """Run *command*; every outcome becomes an exit code, every error one readable message (and a JSON document
    with `--json`).
    """
    try:
        result = command.main(prog_name="harness", standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _refuse(EXIT_INTERRUPTED, "interrupted")
    except (BrokenPipeError, SystemExit):  # click makes a SystemExit(1) of it, which would say that the product failed
        _forget_output()
        return EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"see {context.command_path} --help" if context is not None else ""
        return _refuse(EXIT_USAGE, error.format_message(), hint)
    except HarnessError as error:
        return _refuse(EXIT_USAGE if isinstance(error, UsageError) else EXIT_LAB, error.what, error.hint)
    except OSError as error:
        return _refuse(EXIT_LAB, str(error))
    except Exception as error:
        # A defect of ours must not look like one of the product, which is what Python's own exit code 1 would say.
        import traceback

        say(traceback.format_exc())
        return _refuse(
            EXIT_LAB,
            f"defect of the harness: {type(error).__name__}: {error}",
            "what is above belongs in a report of it",
        )
    return result if isinstance(result, int) else 0


def _refuse(code: int, what: str, hint: str = "") -> int:
    """Say what went wrong outside of any run, to people and, with `--json`, to machines."""
    if "--json" in sys.argv[1:]:
        verdict = "INCONCLUSIVE" if code == EXIT_LAB else None
        emit({"verdict": verdict, "exit_code": code, "error": what, "hint": hint})
    say_error(what, hint)
    return code


def say_error(what: str, hint: str = "") -> None:
    """What went wrong and what to do, on stderr."""
    say(f"harness: {what}")
    if hint:
        say(f"  {hint}")


def _forget_output() -> None:
    """Whoever read our output has left: Python's last flush of it must not fail, which would change the exit code."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
