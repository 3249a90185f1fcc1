"""`harness replay`: play a recorded run again, and stop anywhere in it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import emit, refuse_unwritable, say
from harness.cli.options import file_option, json_option
from harness.verdicts import EXIT_PASS, EXIT_PRODUCT, Verdict

if TYPE_CHECKING:
    from harness.engine.recording import Recording
    from harness.engine.replaying import Playback, Standing
    from harness.targets.symbols import Symbols


@click.command("replay")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--until", help="Where to stop: MARKER, frame:N, icount:N, symbol:NAME[:n]; default: the end.")
@file_option("--picture", "Write the screen at that instant to this PNG file.")
@click.option("--gdb", is_flag=True, help="Leave the machine there with its gdbstub open, until Ctrl-C.")
@json_option
def command(bundle: Path, until: str | None, picture: Path | None, gdb: bool, as_json: bool) -> int:
    """Play the run in BUNDLE again, which was recorded with `--clock record`, and say where it stands.

    \b
    Examples:
      harness replay runs/20260101T000000Z-first-light-1a2b3c4d --until icount:1000000
      harness replay runs/20260101T000000Z-first-light-1a2b3c4d --until symbol:present:2 --picture second.png
    """
    from harness.engine.recording import Recording
    from harness.evidence.bundle import Bundle

    refuse_unwritable(picture)
    recording = Recording.open(Bundle.open(bundle.absolute()))
    document = asyncio.run(_replay(recording, until, picture, gdb, as_json))
    if as_json and not gdb:
        emit(document)
    return int(document["exit_code"])


async def _replay(
    recording: Recording, until: str | None, picture: Path | None, gdb: bool, as_json: bool
) -> dict[str, Any]:
    from harness.engine.replaying import play_to
    from harness.engine.until import AtSymbol, parse_until

    place = parse_until(until, recording.bundle.serial, _schema(recording)) if until is not None else None
    symbols = _symbols(recording, needed=isinstance(place, AtSymbol))
    if isinstance(place, AtSymbol) and symbols is not None:
        symbols.address(place.name)  # a name that is not there is told before anything is played
    async with play_to(recording, place, symbols) as play:
        standing = await play.standing(symbols)
        document = _document(recording, until, standing)
        if picture is not None and standing.frame is not None:
            from harness.frames.png import save_png

            save_png(picture, standing.frame.pixels)
            document["picture"] = str(picture)
        _say(document)
        if gdb:
            socket = str(play.target.gdb_socket)
            document["gdbstub"] = socket
            if as_json:
                emit(document)
            await _hold(play, symbols)
    return document


def _document(recording: Recording, until: str | None, standing: Standing) -> dict[str, Any]:
    recorded = recording.bundle.serial.read_bytes()
    differs = _first_difference(standing.console, recorded, whole=standing.ended)
    return {
        "bundle": str(recording.bundle.path),
        "until": until,
        "icount": standing.icount,
        "ended": standing.ended,
        "pc": f"{standing.pc:#x}",
        "symbol": standing.place,
        "registers": {name: f"{value:#x}" for name, value in standing.registers.items()},
        "console": {"replayed": len(standing.console), "recorded": len(recorded), "first_difference": differs},
        "verdict": None if differs is None else str(Verdict.NONDETERMINISM),
        "exit_code": EXIT_PASS if differs is None else EXIT_PRODUCT,
    }


def _first_difference(replayed: bytes, recorded: bytes, *, whole: bool) -> int | None:
    """Offset of the first byte in which the two differ; None if there is none, as far as was played."""
    length = min(len(replayed), len(recorded))
    if replayed[:length] != recorded[:length]:
        return next(i for i, (a, b) in enumerate(zip(replayed, recorded, strict=False)) if a != b)
    return length if len(replayed) > len(recorded) or (whole and len(replayed) < len(recorded)) else None


def _say(document: dict[str, Any]) -> None:
    console = document["console"]
    say(
        f"{'ended' if document['ended'] else 'stopped'}  at instruction {document['icount']}, {document['pc']}"
        f"{' in ' + document['symbol'] if document['symbol'] else ''}"
    )
    if console["first_difference"] is None:
        say(f"  console  {console['replayed']} of {console['recorded']} bytes, as recorded")
    else:
        say(f"  {document['verdict']}  the console differs from the recording at byte {console['first_difference']}")
    if "picture" in document:
        say(f"  picture  {document['picture']}")


async def _hold(play: Playback, symbols: Symbols | None) -> None:
    """Leave it to a debugger until SIGINT or SIGTERM."""
    file = f"-ex 'file {symbols.file}' " if symbols is not None else ""
    say(f"  gdbstub  gdb {file}-ex 'target remote {play.target.gdb_socket}'")
    say("Forwards only: `continue`, `stepi` and breakpoints follow the recording. Ctrl-C here ends it.")
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    await done.wait()


def _symbols(recording: Recording, *, needed: bool) -> Symbols | None:
    from harness.errors import UsageError
    from harness.targets.symbols import Symbols

    try:
        return Symbols.of_profile(recording.profile)
    except UsageError:
        if needed:
            raise
        return None  # addresses do without names


def _schema(recording: Recording) -> Any:
    from harness.judge.facts import GuestFacts
    from harness.markers.schema import PLAN, load_schema

    facts = GuestFacts.from_json(recording.bundle.read_json("manifest.json").get("facts", {}))
    file = facts.schema_path(recording.bundle.path)
    return load_schema(file) if file is not None else PLAN
