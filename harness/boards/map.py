"""The hardware map: a folder of board files, and which of them a scenario can have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.boards.lock import Holder, holder_of
from harness.boards.model import Board, read_board
from harness.errors import LabError, UsageError

if TYPE_CHECKING:
    from harness.engine.options import BatchOptions
    from harness.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Mapped:
    """A board of the map as it is now: `state` is `free`, `in use`, or `missing` where its tty is not there."""

    file: Path
    board: Board
    state: str
    holder: Holder | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.board.name,
            "file": str(self.file),
            "url": self.board.url,
            "offers": sorted(self.board.words),
            "state": self.state,
            "holder": str(self.holder) if self.holder else None,
        }


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A serial port of this host. `stable` is a name that stays over a re-enumeration, empty where there is none."""

    device: str
    what: str
    stable: str
    board: str  # name of the board of the map that is behind it
    holder: Holder | None

    def to_json(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "what": self.what,
            "stable": self.stable,
            "board": self.board or None,
            "holder": str(self.holder) if self.holder else None,
        }


def default_folder() -> Path:
    """Where board files are looked for: `HARNESS_BOARDS`, else `boards/` in the current directory."""
    return Path(os.environ.get("HARNESS_BOARDS") or "boards").absolute()


def mapped(folder: Path) -> list[Mapped]:
    """The boards of the map, by name.

    :raises UsageError: for a wrong file, two boards of one name, or a folder that is not there.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder of boards {folder}", "make it, or name yours in HARNESS_BOARDS")
    found: dict[str, Mapped] = {}
    for file in sorted(folder.glob("*.toml")):
        board = read_board(file)
        if board.name in found:
            raise UsageError(f"two boards are called {board.name}: {found[board.name].file} and {file}")
        found[board.name] = _state(file, board)
    return [found[name] for name in sorted(found)]


def choose(words: Iterable[str], folder: Path) -> Path:
    """The file of a free board that offers all of *words*.

    :raises UsageError: if there is none, saying of each board what it lacks.
    :raises LabError: if all that do are in use or not plugged in.
    """
    wanted = sorted(set(words))
    boards = mapped(folder)
    fitting = [one for one in boards if one.board.words.issuperset(wanted)]
    for one in fitting:
        if one.state == "free":
            return one.file
    asked = " and ".join(wanted)
    if fitting:
        told = "; ".join(f"{one.board.name} is {_why(one)}" for one in fitting)
        raise LabError(f"no board that offers {asked} is free: {told}", "wait for it, or plug it in")
    lacking = "; ".join(
        f"{one.board.name} lacks {', '.join(word for word in wanted if word not in one.board.words)}" for one in boards
    )
    raise UsageError(
        f"no board offers {asked}: {lacking or f'there is no board file in {folder}'}",
        "`harness boards list` shows what each offers; `offers` in its file says it",
    )


def on_board(scenarios: Sequence[Scenario], options: BatchOptions, words: Iterable[str]) -> BatchOptions:
    """*options* with the board that the command line (*words*) and the scenarios (`needs`) ask for.

    :raises UsageError: if there is none that fits, or the target that was named does not.
    :raises LabError: if none that fits is free.
    """
    asked = tuple(words)
    needs = {word for scenario in scenarios for word in getattr(scenario, "needs", ())}
    if options.target is None and not asked and needs:
        bare = next((scenario.name for scenario in scenarios if not getattr(scenario, "needs", ())), None)
        if bare is not None:
            needing = next(scenario.name for scenario in scenarios if getattr(scenario, "needs", ()))
            raise UsageError(
                f"{needing} needs a board, and {bare} does not say that it does: they have no target in common",
                "run them apart, or give --board-with to play all of them on a board",
            )
    if options.target is None:
        return replace(options, target=choose({*asked, *needs}, default_folder())) if asked or needs else options
    if asked:
        raise UsageError("--target names a board and --board-with chooses one", "give one of them")
    if needs and options.target.suffix == ".toml" and options.target.is_file():
        board = read_board(options.target)
        lacking = sorted(needs - board.words)
        if lacking:
            raise UsageError(
                f"the board {board.name} does not offer {', '.join(lacking)}, which the scenario needs",
                f"it offers {', '.join(sorted(board.words)) or 'nothing but its console'}",
            )
    return options


def scan(folder: Path) -> list[FoundPort]:
    """The serial ports of this host, and the boards of the map (where there is one) behind them."""
    from serial.tools.list_ports import comports

    claimed: dict[str, str] = {}
    for one in mapped(folder) if folder.is_dir() else ():
        for url in filter(None, (one.board.url, one.board.control_url)):
            if "://" not in url:
                claimed[os.path.realpath(url)] = one.board.name
    stable = {os.path.realpath(link): str(link) for link in sorted(Path("/dev/serial/by-id").glob("*"))}
    return [
        FoundPort(
            port.device,
            port.description if port.description != "n/a" else "",
            stable.get(os.path.realpath(port.device), ""),
            claimed.get(os.path.realpath(port.device), ""),
            holder_of(port.device),
        )
        for port in sorted(comports())
    ]


def _state(file: Path, board: Board) -> Mapped:
    ports = [url for url in (board.url, board.control_url) if url]
    if any("://" not in url and not Path(url).exists() for url in ports):
        return Mapped(file, board, "missing")
    holder = next(filter(None, map(holder_of, ports)), None)
    return Mapped(file, board, "in use" if holder else "free", holder)


def _why(one: Mapped) -> str:
    return f"in use by {one.holder}" if one.holder else f"not there (no {one.board.url})"
