"""What is known of the windows on a desktop before one looks: who lives, where, how stacked, and what each must show.

Who lives and what input it was given is the guest's word (markers). Places and the order of the stack follow from the
commands and the input that were sent, by the rules of Weston's desktop shell: a new window, a clicked one and one that
takes the whole screen come to the top; a window that is dragged by its strip goes with the pointer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.evidence.journal import Event
from harness.frames.identity import crc8
from harness.frames.windows import STRIP_WIDTH
from harness.geometry import Rect
from harness.markers.types import Marker

_COMING = re.compile(r"RAYOS_SOAK:CLIENT_(CREATED|DESTROYED):([0-9]{1,5})")
_EXIT = re.compile(r"RAYOS_CLIENT:EXIT:([0-9]{1,5}):.*")
_INPUT = re.compile(r"RAYOS_CLIENT:(KEY|POINTER|BUTTON|DROPPED|PASTED):([0-9]{1,5}):(.+)")
_RECOVERY = re.compile(r"RAYOS_FAILURE:RECOVERY_(START|COMPLETE):([0-9]{1,5})(?::\w+)?")
_NUMBER = re.compile(r" ([a-z]+)=([0-9]{1,9})(?= |$)")
_SHOWN = re.compile(r"ok state=\w+ drawn=[0-9]+ shown=([0-9]{1,10})(?: |$)")
_PRESS = re.compile(r"27[23]:1")  # left or right: these two raise the window
_LEFT, _RAISING = 272, frozenset({272, 273})
_BUTTONS = {"left": 272, "right": 273, "middle": 274}
_RATE, _TICKS = 30, 60  # frames a second where `create` says none; ticks of `frames` a second


@dataclass(frozen=True, slots=True)
class Known:
    """One living client. `place` is None where no command said it; `own` is where it goes from the whole screen.

    `least` is the lowest frame number that it may show, `last` the highest that was seen or told. Of two ranks the
    higher is on top, equal ones say nothing.
    """

    place: Rect | None = None
    rate: int = 0  # frames a second, 0: not known
    full: bool = False
    held: bool = False
    least: int = 0
    last: int = 0
    rank: int = 0


class ClientWindows:
    """Feed it every journal event and marker of a run, in journal order."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.living: dict[int, Known] = {}
        self.lived = False  # somebody did, and is gone
        self._asked = ""
        self._ordered: dict[int, Known] = {}  # created, not yet said to be there
        self._inputs: dict[int, int] = {}
        self._recovering: set[int] = set()
        self._top = 0
        self._stopped = False  # the compositor, so that nothing is shown
        self._pointer: tuple[int, int] | None = None
        self._grabbed: tuple[int, int, int] | None = None  # who, and where the pointer took it

    # ---- what is known -------------------------------------------------------------------------------------------

    def inputs(self, client: int) -> int:
        """CRC-8 of the input that the client says it was given."""
        return self._inputs.get(client, 0)

    def may_cover(self, above: int, below: int) -> bool:
        """Whether nothing says that *above* lies under *below*."""
        return self._rank(above) >= self._rank(below)

    def covers(self, above: int, below: int) -> bool:
        """Whether *above* lies over *below* for certain."""
        return self._rank(above) > self._rank(below)

    def place(self, client: int, screen: Rect) -> Rect | None:
        """Where its window should be, strip and content."""
        known = self.living[client]
        return screen if known.full else known.place

    def saw(self, client: int, frame: int) -> None:
        """A picture of this frame was found to be right."""
        if client in self.living:
            self._tell(client, frame)

    # ---- feeding -------------------------------------------------------------------------------------------------

    def observe(self, event: Event) -> None:
        """Commands and input change windows; a new life of the machine has none."""
        if event.kind == "target.start":
            self._begin()
        elif event.kind == "input":
            self._take_input(event.data)
        elif event.kind == "control.send":
            self._asked = str(event.data["payload"])
            if self._asked.startswith("create "):
                self._order(_numbers(self._asked))
        elif event.kind == "control.reply":
            payload = str(event.data["payload"])
            if payload.split(" ", 1)[0] == "ok":
                self._done(self._asked.split(" ", 1)[0], _numbers(self._asked), payload)

    def observe_marker(self, marker: Marker) -> None:
        """Clients come, go, and echo their input."""
        if marker.text.startswith("RAYOS_KIT:BOOT:"):
            self._begin()
        elif not marker.trusted:
            return
        elif found := _COMING.fullmatch(marker.text):
            (self._came if found[1] == "CREATED" else self._went)(int(found[2]))
        elif found := _EXIT.fullmatch(marker.text):
            self._inputs.pop(int(found[1]), None)
        elif marker.text.startswith("RAYOS_KIT:PLAN:"):
            self.living = {client: replace(known, held=True) for client, known in self.living.items()}
        elif found := _RECOVERY.fullmatch(marker.text):
            self._recover(int(found[2]), begins=found[1] == "START")
        elif found := _INPUT.fullmatch(marker.text):
            client = int(found[2])
            self._inputs[client] = crc8(f"{found[1]}:{found[3]}".encode(), self._inputs.get(client, 0))
            if found[1] == "BUTTON" and _PRESS.fullmatch(found[3]):
                self._raise(client)

    # ---- clients -------------------------------------------------------------------------------------------------

    def _order(self, words: dict[str, int]) -> None:
        if {"id", "x", "y", "w", "h"} <= words.keys():
            place = Rect(*(words[key] for key in "xywh"))
            self._ordered[words["id"]] = Known(place, words.get("rate", _RATE))

    def _came(self, client: int) -> None:
        if not self._recovering:
            self._top += 1
        self.living[client] = replace(self._ordered.get(client, Known()), rank=self._top)

    def _went(self, client: int) -> None:
        self.lived = self.living.pop(client, None) is not None or self.lived
        if self._grabbed is not None and self._grabbed[0] == client:
            self._grabbed = None

    def _recover(self, client: int, *, begins: bool) -> None:
        # Clients that are started again come all at once, and in which order they were stacked nobody says: one rank.
        if begins and not self._recovering:
            self._top += 1
        (self._recovering.add if begins else self._recovering.discard)(client)

    def _change(self, client: int, **what: Any) -> None:
        if client in self.living:
            self.living[client] = replace(self.living[client], **what)

    def _rank(self, client: int) -> int:
        return self.living[client].rank if client in self.living else 0

    def _raise(self, client: int) -> None:
        if self._rank(client) < self._top or self._shares_top(client):
            self._top += 1
            self._change(client, rank=self._top)

    def _shares_top(self, client: int) -> bool:
        return any(other != client and known.rank == self._top for other, known in self.living.items())

    def _tell(self, client: int, frame: int) -> None:
        known = self.living[client]
        self._change(client, least=max(known.least, frame), last=max(known.last, frame))

    # ---- commands ------------------------------------------------------------------------------------------------

    def _done(self, verb: str, words: dict[str, int], reply: str) -> None:
        client, on = words.get("id", 0), words.get("on") == 1
        known = self.living.get(client)
        if verb == "frames":
            self._passed(words.get("n", 0))
        elif verb == "pointer":
            self._pointer = words.get("x", 0), words.get("y", 0)
        elif verb == "button":
            self._press(words.get("code", 0), down=on)
        elif verb == "hold" or (verb == "kill" and "hold" in words):
            self._stopped = on or verb == "kill"
        elif known is None:
            return
        elif verb == "client" and (told := _SHOWN.match(reply)):
            self._tell(client, int(told[1]))
        elif verb == "stop":
            self._change(client, held=on)
        elif verb in {"raise", "focus"}:
            self._raise(client)
        elif verb == "fullscreen":
            self._change(client, full=on)
            self._raise(client)
        elif verb == "resize" and known.place is not None and {"w", "h"} <= words.keys():
            self._change(client, place=replace(known.place, w=words["w"], h=words["h"]))

    def _passed(self, ticks: int) -> None:
        """Time enough for two frames went by: whoever still shows the one that it showed stands still."""
        for client, known in self.living.items():
            if known.last and not (known.held or self._stopped) and known.rate * ticks >= 2 * _TICKS:
                self._change(client, least=max(known.least, known.last + 1))

    # ---- input ---------------------------------------------------------------------------------------------------

    def _take_input(self, data: Mapping[str, Any]) -> None:
        if data["device"] == "pointer":
            self._pointer = int(data["x"]), int(data["y"])
        elif data["device"] == "button" and data["button"] in _BUTTONS:
            self._press(_BUTTONS[data["button"]], down=bool(data["down"]))

    def _press(self, button: int, *, down: bool) -> None:
        if self._pointer is None:
            return
        x, y = self._pointer
        if down and button in _RAISING:
            client = self._topmost(x, y)
            if client is not None:
                self._raise(client)
                place = self.living[client].place
                if button == _LEFT and place is not None and x - place.x < STRIP_WIDTH and not self.living[client].full:
                    self._grabbed = client, x, y
        elif not down and button == _LEFT and self._grabbed is not None:
            client, from_x, from_y = self._grabbed
            self._grabbed = None
            place = self.living[client].place
            if place is not None:
                self._change(client, place=replace(place, x=place.x + x - from_x, y=place.y + y - from_y))

    def _topmost(self, x: int, y: int) -> int | None:
        """Who is under the pointer; None: nobody, or it is not known who."""
        here = []
        for client, known in self.living.items():
            at = known.place
            if known.full or (at is not None and at.x <= x < at.x + at.w and at.y <= y < at.y + at.h):
                here.append((known.rank, client))
        here.sort(reverse=True)
        if not here or (len(here) > 1 and here[0][0] == here[1][0]):
            return None
        return here[0][1]


def _numbers(command: str) -> dict[str, int]:
    return {key: int(value) for key, value in _NUMBER.findall(command)}
