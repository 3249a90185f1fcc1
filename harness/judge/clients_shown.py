"""Judges a picture of a desktop by the windows on it: each living client's, and nobody else's (docs/weston.md)."""

from __future__ import annotations

import re

from harness.evidence.journal import Event
from harness.frames.result import FrameResult
from harness.frames.types import Frame, FrameVerdict
from harness.frames.windows import Sight, examine, find_windows
from harness.markers.types import Marker

_COMING = re.compile(r"RAYOS_SOAK:CLIENT_(CREATED|DESTROYED):([0-9]{1,5})")
_CREATE = re.compile(r"create (?:.* )?id=([0-9]{1,5})(?: |$)")
_PLACE = {key: re.compile(rf" {key}=([0-9]{{1,5}})(?: |$)") for key in "xywh"}
_SHOWN = re.compile(r"ok state=\w+ drawn=[0-9]+ shown=([0-9]{1,10})(?: |$)")
_CLIENT = re.compile(r"client id=([0-9]{1,5})$")


class ClientsShown:
    """Feed it every journal event and marker of a run, in journal order: it knows who lives, and where.

    Who lives is the guest's word (markers); that they are to be seen, where they should be, with a frame that is not
    older than one seen or told before, is checked.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._living: set[int] = set()
        self._places: dict[int, tuple[int, ...]] = {}
        self._least: dict[int, int] = {}  # the lowest frame number that each may show
        self._asked = ""

    def observe(self, event: Event) -> None:
        """Commands place clients and ask for their frame numbers; a new life of the machine has none."""
        if event.kind == "target.start":
            self._begin()
        elif event.kind == "control.send":
            self._asked = str(event.data["payload"])
            self._take_place()
        elif event.kind == "control.reply":
            asked, told = _CLIENT.match(self._asked), _SHOWN.match(str(event.data["payload"]))
            if asked and told:
                self._raise(int(asked[1]), int(told[1]))

    def observe_marker(self, marker: Marker) -> None:
        """Clients come and go."""
        if marker.text.startswith("RAYOS_KIT:BOOT:"):
            self._begin()
        elif marker.trusted and (found := _COMING.fullmatch(marker.text)):
            client = int(found[2])
            self._least.pop(client, None)  # it counts from 1
            (self._living.add if found[1] == "CREATED" else self._living.discard)(client)

    def judge(self, frame: Frame) -> FrameResult:
        """MATCH where clients live and every one of them is to be seen and right; what else, says who and why."""
        if not self._living and not find_windows(frame.pixels):
            return FrameResult(FrameVerdict.BLANK, "no client lives: there is nothing to verify")
        sights = examine(frame.pixels, find_windows(frame.pixels))
        shown: dict[int, Sight] = {}
        for sight in sights:
            before = shown.setdefault(sight.window.id, sight)
            if before is not sight:
                return self._twice(before, sight)
        problems = [*self._strangers(shown), *self._missing(shown)]
        for client in sorted(self._living & shown.keys()):
            problems += self._problems(shown[client])
        if problems:
            verdict = min((verdict for verdict, _ in problems), key=list(FrameVerdict).index)
            return FrameResult(verdict, "; ".join(text for _, text in problems[:5]))
        for sight in shown.values():
            self._raise(sight.window.id, sight.window.frame)
        return FrameResult(FrameVerdict.MATCH, _summary(list(shown.values())))

    def _take_place(self) -> None:
        found = _CREATE.match(self._asked)
        values = [one.search(self._asked) for one in _PLACE.values()]
        if found and all(values):
            self._places[int(found[1])] = tuple(int(value[1]) for value in values if value)

    def _raise(self, client: int, frame: int) -> None:
        self._least[client] = max(self._least.get(client, 0), frame)

    @staticmethod
    def _twice(a: Sight, b: Sight) -> FrameResult:
        one, other = a.window, b.window
        if one.place == other.place:
            text = f"client {one.id} shows parts of frames {one.frame} and {other.frame}"
            return FrameResult(FrameVerdict.TORN, text)
        text = f"client {one.id} is shown twice, at ({one.x}, {one.y}) and ({other.x}, {other.y})"
        return FrameResult(FrameVerdict.MISMATCH, text)

    def _strangers(self, shown: dict[int, Sight]) -> list[tuple[FrameVerdict, str]]:
        return [
            (FrameVerdict.MISMATCH, f"the window of client {client} is to be seen, but it does not live")
            for client in sorted(shown.keys() - self._living)
        ]

    def _missing(self, shown: dict[int, Sight]) -> list[tuple[FrameVerdict, str]]:
        return [
            (FrameVerdict.MISMATCH, f"no strip of client {client} is to be seen")
            for client in sorted(self._living - shown.keys())
        ]

    def _problems(self, sight: Sight) -> list[tuple[FrameVerdict, str]]:
        window, who = sight.window, f"client {sight.window.id}"
        found = []
        if sight.wrong:
            found.append((FrameVerdict.MISMATCH, f"{who}: {sight.wrong}"))
        place, wanted = (window.x, window.y, window.width, window.height), self._places.get(window.id)
        if wanted is not None and place != wanted:
            found.append((FrameVerdict.MISMATCH, f"{who} is at {place}, it was created at {wanted}"))
        least = self._least.get(window.id, 0)
        if window.frame < least:
            found.append((FrameVerdict.STALE, f"{who} shows frame {window.frame}, it had shown frame {least}"))
        return found


def _summary(sights: list[Sight]) -> str:
    covered = [str(sight.window.id) for sight in sights if sight.hidden]
    frames = [sight.window.frame for sight in sights]
    what = f"{len(sights)} client{'s' if len(sights) > 1 else ''} verified, at frames {min(frames)} to {max(frames)}"
    return f"{what}, partly covered: {', '.join(covered)}" if covered else what
