"""Keyboard and pointer events: what a text, a chord or a gesture is made of, and how one of them is sent.

Each event is one QMP command, to be awaited before the next is sent, best until the guest confirmed it: pipelined, 8 of
750 key events vanished although QMP said success.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from harness.errors import LabError, UsageError
from harness.qmp.keys import chord_keys, key_of
from harness.qmp.session import QmpError, QmpSession

AXIS_MAX = 32767  # QEMU's absolute axes run from 0 to this over the whole screen

Button = Literal["left", "middle", "right", "side", "extra", "wheel-up", "wheel-down", "wheel-left", "wheel-right"]


class VmStoppedError(LabError):
    """Input was sent to a machine that is stopped: nothing in it could take the event."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key goes down or up."""

    qcode: str
    down: bool

    def __str__(self) -> str:
        return f"key {self.qcode} {'down' if self.down else 'up'}"

    def to_json(self) -> dict[str, Any]:
        return {"device": "key", "key": self.qcode, "down": self.down}

    def to_qmp(self) -> list[dict[str, Any]]:
        return [{"type": "key", "data": {"down": self.down, "key": {"type": "qcode", "data": self.qcode}}}]


@dataclass(frozen=True, slots=True)
class Move:
    """The pointer is put on pixel (x, y) of a screen of width × height pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if not (0 <= self.x < self.width and 0 <= self.y < self.height):
            screen = f"the screen of {self.width}×{self.height}"
            raise UsageError(f"pointer position ({self.x}, {self.y}) lies outside {screen}")

    def __str__(self) -> str:
        return f"pointer to ({self.x}, {self.y})"

    def to_json(self) -> dict[str, Any]:
        return {"device": "pointer", "x": self.x, "y": self.y}

    def to_qmp(self) -> list[dict[str, Any]]:
        places = (("x", axis(self.x, self.width)), ("y", axis(self.y, self.height)))
        return [{"type": "abs", "data": {"axis": name, "value": value}} for name, value in places]


@dataclass(frozen=True, slots=True)
class Press:
    """A pointer button goes down or up; a wheel's click is a button."""

    button: Button
    down: bool

    def __str__(self) -> str:
        return f"button {self.button} {'down' if self.down else 'up'}"

    def to_json(self) -> dict[str, Any]:
        return {"device": "button", "button": self.button, "down": self.down}

    def to_qmp(self) -> list[dict[str, Any]]:
        return [{"type": "btn", "data": {"down": self.down, "button": self.button}}]


InputEvent = Key | Move | Press


class Gesture(Protocol):
    """What `pointer_events` has to know: the shape of a scenario's pointer step."""

    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def action(self) -> Literal["move", "press", "release", "click", "double-click", "drag"]: ...
    @property
    def button(self) -> Literal["left", "middle", "right"]: ...
    @property
    def to_x(self) -> int | None: ...
    @property
    def to_y(self) -> int | None: ...


def axis(pixel: int, size: int) -> int:
    """The absolute value from which a guest that scales over 0…size-1 and rounds gets exactly *pixel* back."""
    return round(pixel * AXIS_MAX / (size - 1)) if size > 1 else 0


def text_events(text: str) -> Iterator[Key]:
    """The key events that type *text* on a US keyboard.

    :raises UsageError: before the first event, if a character has no key there.
    """
    return iter([event for char in text for event in _tap(*key_of(char))])


def _tap(qcode: str, shift: bool) -> Iterator[Key]:
    yield from chord_of(["shift", qcode] if shift else [qcode])


def chord_events(chord: str) -> Iterator[Key]:
    """The key events of a chord (see `harness.qmp.keys.chord_keys`): down in order, up in reverse.

    :raises UsageError: if it names a key that there is not.
    """
    return chord_of(chord_keys(chord))


def chord_of(qcodes: list[str]) -> Iterator[Key]:
    """Press *qcodes* one after the other, release them in reverse."""
    yield from (Key(qcode, True) for qcode in qcodes)
    yield from (Key(qcode, False) for qcode in reversed(qcodes))


def pointer_events(step: Gesture, width: int, height: int) -> Iterator[InputEvent]:
    """The events of a pointer gesture on a screen of *width* × *height* pixels.

    :raises UsageError: before the first event, if any would leave the screen.
    """
    return iter(list(_gesture(step, width, height)))


def _gesture(step: Gesture, width: int, height: int) -> Iterator[InputEvent]:
    yield Move(step.x, step.y, width, height)
    match step.action:
        case "press":
            yield Press(step.button, True)
        case "release":
            yield Press(step.button, False)
        case "click":
            yield from _click(step.button)
        case "double-click":
            yield from _click(step.button)
            yield from _click(step.button)
        case "drag":
            if step.to_x is None or step.to_y is None:
                raise UsageError("a drag needs to_x and to_y")
            yield Press(step.button, True)
            # Half way first: toolkits take the first movement for the threshold of a drag, and follow from the second.
            yield Move((step.x + step.to_x) // 2, (step.y + step.to_y) // 2, width, height)
            yield Move(step.to_x, step.to_y, width, height)
            yield Press(step.button, False)
        case _:
            return


def wheel_events(direction: Literal["up", "down", "left", "right"], clicks: int = 1) -> Iterator[Press]:
    """*clicks* turns of the wheel by one notch."""
    buttons: dict[str, Button] = {
        "up": "wheel-up",
        "down": "wheel-down",
        "left": "wheel-left",
        "right": "wheel-right",
    }
    for _ in range(clicks):
        yield from _click(buttons[direction])


def _click(button: Button) -> Iterator[Press]:
    yield Press(button, True)
    yield Press(button, False)


async def send_event(session: QmpSession, event: InputEvent) -> None:
    """Send one event; returns when QEMU has taken it. That the guest took it, only the guest can tell.

    :raises VmStoppedError: if the machine is stopped.
    :raises QmpError: if QEMU has no such device (`-device usb-kbd`, `usb-tablet` …).
    """
    try:
        await session.execute("input-send-event", events=event.to_qmp())
    except QmpError as error:
        if "not running" in error.desc:
            raise VmStoppedError(f"{event}: the machine is stopped and takes no input", "let it run first") from error
        raise
