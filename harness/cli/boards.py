"""`harness boards`: the hardware map, and the serial ports of this host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option
from harness.verdicts import EXIT_PASS

_FOLDER = click.option(
    "--boards",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of board files (default: boards/, or HARNESS_BOARDS).",
)


@click.group("boards")
def command() -> None:
    """The boards of the hardware map."""


@command.command("list")
@_FOLDER
@json_option
def list_(folder: Path | None, as_json: bool) -> int:
    """List the boards: where each is, what it offers, and who has it now.

    \b
    Examples:
      harness boards list
      harness boards list --json
    """
    from harness.boards.map import default_folder, mapped

    boards = mapped(folder.absolute() if folder else default_folder())
    if as_json:
        emit({"boards": [one.to_json() for one in boards]})
        return EXIT_PASS
    rows = [
        [
            one.board.name,
            one.board.url,
            ", ".join(sorted(one.board.words)) or "-",
            f"{one.state}: {one.holder}" if one.holder else one.state,
        ]
        for one in boards
    ]
    _table(["board", "port", "offers", "state"], rows, "no board file here: docs/boards.md shows one")
    return EXIT_PASS


@command.command("scan")
@_FOLDER
@json_option
def scan(folder: Path | None, as_json: bool) -> int:
    """List the serial ports of this host, with the boards of the map that are behind them.

    \b
    Example:
      harness boards scan
    """
    from harness.boards.map import default_folder
    from harness.boards.map import scan as look

    ports = look(folder.absolute() if folder else default_folder())
    if as_json:
        emit({"ports": [port.to_json() for port in ports]})
        return EXIT_PASS
    rows = [
        [port.stable or port.device, port.what or "-", port.board or "no board", str(port.holder or "free")]
        for port in ports
    ]
    _table(["port", "what it is", "board", "state"], rows, "no serial port on this host")
    return EXIT_PASS


def _table(head: list[str], rows: list[list[str]], nothing: str) -> None:
    if not rows:
        say(nothing)
        return
    widths: list[Any] = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
