"""The steps of a scenario, as plain data: one frozen dataclass a kind, told apart by `do`.

Patterns are strings (see `harness.markers.match`): a marker with `*` for a token, plain text, `text:…` or `re:…`.
`timeout` is host seconds, `within` guest seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}  # read by the validation library; the classes stay plain dataclasses

Button = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Let the machine run until it is ready. Without `until` the profile's `guest.ready` decides."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["boot"] = "boot"
    until: str = ""
    timeout: float | None = None


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
class Count:
    """How often a pattern may match."""

    __pydantic_config__: ClassVar = _STRICT
    pattern: str
    exactly: int | None = None
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Wait until all conditions hold. `none` patterns must not match meanwhile; with nothing else to wait for they
    are watched for `during` seconds.

    `since` says where the search begins: at the last step that acted (default), at the last boot or reset, or at the
    start of the run.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["expect"] = "expect"
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    count: tuple[Count, ...] = ()
    since: Literal["action", "boot", "start"] = "action"
    within: float | None = None
    during: float | None = None
    timeout: float | None = None


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
class CheckFrame:
    """Take a picture and judge it.

    `against` is `scene` (the computed oracle, exact), `golden` (approved pictures `goldens/<name>.png` and
    `goldens/<name>.<variant>.png` in the
    scenario's folder, masks `goldens/<name>.mask.toml`), `identity` (strip and tile checksums only) or `not-blank`
    (anything but one colour).
    Where the guest has an identity strip it is always checked as well.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["check-frame"] = "check-frame"
    name: str
    against: Literal["scene", "golden", "identity", "not-blank"] = "scene"
    tolerance: int = 0
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
class Shutdown:
    """Ask the guest to power off (control command or ACPI button) and check that it does."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["shutdown"] = "shutdown"
    how: Literal["command", "acpi"] = "command"
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectExit:
    """Wait until the guest leaves by itself: `reason` of QMP SHUTDOWN, or the exit `code` written to the
    isa-debug-exit device.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["expect-exit"] = "expect-exit"
    reason: str = "guest-shutdown"
    code: int | None = None
    timeout: float | None = None


Step = (
    Boot
    | Command
    | Frames
    | Send
    | Type
    | Key
    | Pointer
    | Expect
    | Dialogue
    | CheckFrame
    | FindClick
    | Reset
    | Relaunch
    | Stop
    | Cont
    | Shutdown
    | ExpectExit
)

STEP_TYPES: dict[str, type[Step]] = {
    "boot": Boot,
    "command": Command,
    "frames": Frames,
    "send": Send,
    "type": Type,
    "key": Key,
    "pointer": Pointer,
    "expect": Expect,
    "dialogue": Dialogue,
    "check-frame": CheckFrame,
    "find-click": FindClick,
    "reset": Reset,
    "relaunch": Relaunch,
    "stop": Stop,
    "cont": Cont,
    "shutdown": Shutdown,
    "expect-exit": ExpectExit,
}

PASSIVE = (Expect, CheckFrame, ExpectExit)
"""Steps that only look. Every other kind is an action: expectations that follow it search from its beginning."""


def describe(step: Step) -> str:
    """One short line for progress displays and verdicts."""
    match step:
        case Command(send=str() as text) | Send(text=text):
            return f"{step.do} {text}"
        case Command(send=texts):
            return f"command {texts[0]} (and {len(texts) - 1} more)" if len(texts) > 1 else f"command {texts[0]}"
        case Type(text=text):
            return f"type {text!r}"
        case Key(keys=keys):
            return f"key {' '.join(keys)}"
        case Pointer(x=x, y=y, action=action):
            return f"pointer {action} ({x}, {y})"
        case Frames(ticks=ticks):
            return f"frames {ticks}"
        case CheckFrame(name=name, against=against):
            return f"check-frame {name} against {against}"
        case FindClick(picture=picture):
            return f"find-click {picture.name}"
        case Expect():
            words = [
                *step.all,
                *step.any,
                *step.order,
                *(c.pattern for c in step.count),
                *(f"no {p}" for p in step.none),
            ]
            return "expect " + ", ".join(words[:3]) + (" …" if len(words) > 3 else "")
        case Dialogue(exchange=exchange):
            return f"dialogue of {len(exchange)}"
        case Boot(until=until) | Reset(until=until) | Relaunch(until=until):
            return f"{step.do} until {until}" if until else step.do
        case ExpectExit(reason=reason, code=code):
            return f"expect-exit {reason if code is None else code}"
        case _:
            return step.do
