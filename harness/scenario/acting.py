"""Steps that do something to the guest, as plain data. See `harness.scenario.steps`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}  # read by the validation library; the classes stay plain dataclasses

Button = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Send control commands, one after the other, each confirmed by the guest. `refused` is the reason the guest
    must give.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["command"] = "command"
    send: str | tuple[str, ...]
    refused: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Let the guest present: run `ticks` of its 60 Hz tick, then wait at the rendezvous."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["frames"] = "frames"
    ticks: int = 1
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a line of text to the console."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["send"] = "send"
    text: str
    enter: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """Type text on the virtual keyboard (US layout), each key confirmed where the profile says how."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["type"] = "type"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Press and release keys or chords: `ret`, `ctrl-alt-delete`."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["key"] = "key"
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Move the pointer to (x, y) in pixels, then press, release, click, or drag to (to_x, to_y)."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["pointer"] = "pointer"
    x: int
    y: int
    action: Literal["move", "press", "release", "click", "double-click", "drag"] = "move"
    button: Button = "left"
    to_x: int | None = None
    to_y: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange of a dialogue: wait for the regular expression, then send a line."""

    __pydantic_config__: ClassVar = _STRICT
    expect: str
    send: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A conversation on the console: boot-loader and login prompts, shells. Each `expect` is a regular expression."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["dialogue"] = "dialogue"
    exchange: tuple[Exchange, ...]
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindClick:
    """Find a picture on the screen and click its middle."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["find-click"] = "find-click"
    picture: Path
    button: Button = "left"
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Reset the machine on purpose; a new boot epoch begins."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["reset"] = "reset"
    until: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaunch:
    """End the machine and start a new one on the same persistent disks; a new boot epoch begins."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["relaunch"] = "relaunch"
    until: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop the virtual CPUs."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cont:
    """Let the virtual CPUs go on."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["cont"] = "cont"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """Let the guest run, at most `ticks` of its 60 Hz tick, until it has recovered from every fault injected so far."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["recover"] = "recover"
    ticks: int = 600
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point in the run, by name: does nothing, but expectations that follow search from here."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["mark"] = "mark"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Ask the guest to power off (control command or ACPI button) and check that it does."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["shutdown"] = "shutdown"
    how: Literal["command", "acpi"] = "command"
    timeout: float | None = None
