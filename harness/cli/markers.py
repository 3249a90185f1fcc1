"""`harness markers`: read the markers out of a serial log, check them against the stream rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import say
from harness.cli.options import json_option
from harness.verdicts import EXIT_NOTHING, EXIT_PASS, EXIT_PRODUCT

if TYPE_CHECKING:
    from harness.markers.rules import Violation
    from harness.markers.types import Marker


@click.command("markers")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--validate", is_flag=True, help="Hold them to schema and stream rules; exit 1 if something is broken.")
@click.option(
    "--schema", "schema_file", type=click.Path(path_type=Path, dir_okay=False), help="TOML schema of further families."
)
@click.option("--prefix", "prefixes", multiple=True, help="Marker prefix instead of RAYOS_; repeatable.")
@json_option
def command(file: Path, validate: bool, schema_file: Path | None, prefixes: tuple[str, ...], as_json: bool) -> int:
    """Print the markers of FILE (`-` is standard input; a run's bundle stands for its serial log).

    With --json one JSON object a line: {"kind": "marker", …} or, with --validate, {"kind": "violation", …}.

    \b
    Examples:
      harness markers serial.log
      harness markers serial.log --validate --json
      ssh lab cat /var/log/board.log | harness markers -
    """
    from harness.console.safe import safe
    from harness.markers.scan import scan_file
    from harness.markers.schema import PLAN, load_schema
    from harness.markers.types import Marker

    schema = load_schema(schema_file) if schema_file else PLAN
    source = sys.stdin.buffer if str(file) == "-" else (file / "serial.bin" if file.is_dir() else file)
    markers = violations = 0
    write = sys.stdout.write
    for item in scan_file(source, schema, prefixes or None, validate):
        if isinstance(item, Marker):
            markers += 1
            if as_json:
                write(json.dumps(marker_json(item), ensure_ascii=True, separators=(",", ":")) + "\n")
            else:
                flags = f"  [{' '.join(str(flag.name) for flag in item.flags)}]" if item.flags else ""
                write(f"{item.line:>8}  {safe(item.text, 500)}{flags}\n")
        else:
            violations += 1
            if as_json:
                write(json.dumps(violation_json(item), ensure_ascii=True, separators=(",", ":")) + "\n")
            else:
                write(f"   broken  {item.rule}: {safe(item.what, 500)}\n")
    sys.stdout.flush()
    if validate:
        broken = f"{violations} broken rule{'' if violations == 1 else 's'}"
        say(f"{markers} marker{'' if markers == 1 else 's'}, {broken}")
        if violations:
            return EXIT_PRODUCT
        return EXIT_PASS if markers else EXIT_NOTHING
    say(f"{markers} marker{'' if markers == 1 else 's'}")
    return EXIT_PASS


def marker_json(marker: Marker) -> dict[str, Any]:
    """A marker as one JSON object."""
    return {
        "kind": "marker",
        "text": marker.text,
        "family": marker.family,
        "event": marker.event,
        "args": list(marker.args),
        "values": dict(marker.values),
        "dialect": str(marker.dialect),
        "flags": [flag.name for flag in marker.flags],
        "trusted": marker.trusted,
        "seq": marker.seq,
        "line": marker.line,
        "epoch": marker.epoch,
        "offset": marker.offset,
    }


def violation_json(violation: Violation) -> dict[str, Any]:
    """A broken rule as one JSON object."""
    marker = violation.marker
    return {
        "kind": "violation",
        "rule": violation.rule,
        "what": violation.what,
        "line": violation.line,
        "text": marker.text if marker is not None else None,
    }
