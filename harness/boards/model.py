"""A board's TOML file: how to reach it, switch it, put an image on it, look at its screen."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from harness.console.regex import compile_regex
from harness.errors import UsageError
from harness.toml import Problem, load_toml, refuse, validate

_STRICT = {"extra": "forbid"}
DEPLOYED = ("image", "kernel", "initrd", "cmdline", "disk", "cdrom", "esp")
"""What `{…}` may stand for in a deployment command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Commands, as lists of words (no shell runs them), that switch the board; empty: the harness cannot."""

    __pydantic_config__: ClassVar = _STRICT
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    timeout: float = 30.0  # seconds that one of them may take; a network power switch answers in two
    dead: float = 0.0  # seconds without a byte after power-on or reset, after which power is cycled; 0: never
    tries: int = 2  # how often it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Commands that bring the image to the board before it is switched on, in order; `{image}` and the like are filled
    in.
    """

    __pydantic_config__: ClassVar = _STRICT
    commands: tuple[tuple[str, ...], ...] = ()
    timeout: float = 120.0  # seconds that each may take; a slow flash tool writes 64 MiB in a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A command that writes a picture of the board's screen, PNG or PPM, to the file that `{file}` stands for."""

    __pydantic_config__: ClassVar = _STRICT
    command: tuple[str, ...] = ()
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange with the boot loader: when the regular expression comes, `send` goes out as it is."""

    __pydantic_config__: ClassVar = _STRICT
    expect: str
    send: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board and how to reach it; the schema of a board's TOML file."""

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1] = 1
    name: str
    url: str  # /dev/ttyUSB0, rfc2217://host:port, socket://host:port
    control_url: str = ""  # a port of its own for the control channel
    baud: int = 115200
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    pacing: float = 0.0  # seconds between two bytes sent, for a UART without a FIFO
    reattach: float = 0.0  # seconds to wait for a port that went away; 0: the run is over
    lossless: bool = False  # the link loses nothing: what is missing was not sent
    offers: tuple[str, ...] = ()  # what scenarios and `--board-with` may ask for
    power: Power = field(default_factory=Power)
    deploy: Deploy = field(default_factory=Deploy)
    capture: Capture = field(default_factory=Capture)
    loader: tuple[Exchange, ...] = ()  # after each power-on and reset

    @property
    def words(self) -> frozenset[str]:
        """All that it offers: its own words, and `power`, `screen`, `control`, `deploy` where it has these."""
        found = {
            "power": bool(self.power.off),
            "screen": bool(self.capture.command),
            "control": bool(self.control_url),
            "deploy": bool(self.deploy.commands),
        }
        return frozenset({*self.offers, *(word for word, there in found.items() if there)})


def read_board(path: Path) -> Board:
    """The board in the TOML file *path*.

    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    from pydantic import TypeAdapter

    document = load_toml(path)
    board = validate(TypeAdapter(Board), path, document)
    if wrong := list(_problems(board)):
        raise refuse(path, document.locate, wrong)
    return board


def _problems(board: Board) -> Iterator[Problem]:
    power, deploy, capture = board.power, board.deploy, board.capture
    for place, value in (
        (("baud",), board.baud),
        (("power", "timeout"), power.timeout),
        (("deploy", "timeout"), deploy.timeout),
        (("capture", "timeout"), capture.timeout),
    ):
        if value <= 0:
            yield Problem(place, f"{'.'.join(place)}: should be more than 0, not {value}")
    for place, value in (
        (("pacing",), board.pacing),
        (("reattach",), board.reattach),
        (("power", "dead"), power.dead),
        (("power", "tries"), power.tries),
    ):
        if value < 0:
            yield Problem(place, f"{'.'.join(place)}: should not be less than 0")
    if bool(power.on) != bool(power.off):
        yield Problem(("power",), "on and off belong together: give both or none")
    if power.dead and not power.off:
        yield Problem(("power", "dead"), "power that cannot be switched cannot be cycled: give on and off too")
    for number, command in enumerate(deploy.commands):
        if not command:
            yield Problem(("deploy", "commands", number), "an empty command")
        yield from _unknown(("deploy", "commands", number), command, DEPLOYED)
    if capture.command and not any("{file}" in word for word in capture.command):
        yield Problem(("capture", "command"), "nothing says where the picture goes: one word must have {file}")
    yield from _unknown(("capture", "command"), capture.command, ("file",))
    for number, exchange in enumerate(board.loader):
        try:
            compile_regex(exchange.expect, bounded=True)
        except UsageError as error:
            yield Problem(("loader", number, "expect"), error.what)


def _unknown(place: tuple[str | int, ...], command: tuple[str, ...], known: tuple[str, ...]) -> Iterator[Problem]:
    for word in command:
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(word) if name is not None]
        except ValueError as error:
            yield Problem(place, f"{word!r}: {error} (a brace itself is written twice)")
            continue
        for name in names:
            if name not in known:
                yield Problem(place, f"{{{name}}} means nothing here; known are {', '.join(known)}")
