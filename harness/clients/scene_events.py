"""What passes between the guest and its clients: events and orders one way, requests and damage the other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from harness.clients.scene_views import Damage
from harness.clients.workloads import Work


@dataclass(frozen=True, slots=True)
class Birth:
    """The arguments of `create`."""

    id: int
    x: int
    y: int
    w: int
    h: int
    color: int
    checker: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters for its text: from a key, pasted or dropped."""

    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Take this outer size (None: the one it has), full-screen or not (None: as it is)."""

    size: tuple[int, int] | None = None
    fullscreen: bool | None = None


@dataclass(frozen=True, slots=True)
class FrameCallback:
    """It may draw its next frame."""


@dataclass(frozen=True, slots=True)
class Redraw:
    """The command `redraw`."""


@dataclass(frozen=True, slots=True)
class Animate:
    """The command `animate`."""

    on: bool


@dataclass(frozen=True, slots=True)
class Start:
    """The command `work`; None stops."""

    work: Work | None


@dataclass(frozen=True, slots=True)
class Theme:
    """The compositor's theme."""

    light: bool


@dataclass(frozen=True, slots=True)
class Freeze:
    """From now on it reads nothing (`misbehave` hang and deaf)."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The command `copy`."""

    text: str


ClientEvent = Typed | Configure | FrameCallback | Theme
Order = Redraw | Animate | Start | Freeze | Copy


@dataclass(frozen=True, slots=True)
class Keystroke:
    """A client of the workload `typist` presses and releases a letter's key."""

    letter: str


@dataclass(frozen=True, slots=True)
class Motion:
    """A client of the workload `pointer` moves the pointer."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A client offers a selection; with `if_focused` only if it has the focus."""

    client: int
    text: str
    if_focused: bool


@dataclass(frozen=True, slots=True)
class Rise:
    """A client became full-screen: its window comes on top and gets the focus."""

    client: int


Request = Keystroke | Motion | Offer | Rise


@dataclass(slots=True)
class Turn:
    """What clients leave behind for the compositor: damage and requests."""

    damage: Damage = field(default_factory=Damage)
    requests: deque[Request] = field(default_factory=deque)

    def fork(self) -> Turn:
        return Turn(self.damage.fork(), deque(self.requests))
