"""Judges a picture of a desktop by the windows on it: each living client's, and nobody else's (docs/weston.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.evidence.journal import Event
from harness.frames.result import FrameResult
from harness.frames.types import Frame, FrameVerdict
from harness.frames.windows import BAND_HEIGHT, STRIP_WIDTH, Sight, examine, find_windows, overlap
from harness.geometry import Rect
from harness.judge.client_windows import ClientWindows
from harness.markers.types import Marker

_Problems = list[tuple[FrameVerdict, str]]


class ClientsShown:
    """Feed it every journal event and marker of a run, in journal order: it knows what should be there."""

    def __init__(self) -> None:
        self._known = ClientWindows()

    def observe(self, event: Event) -> None:
        """Commands and input change windows."""
        self._known.observe(event)

    def observe_marker(self, marker: Marker) -> None:
        """Clients come, go, and echo their input."""
        self._known.observe_marker(marker)

    def judge(self, frame: Frame) -> FrameResult:
        """MATCH where clients live and every one of them is to be seen and right, or belongs under others, and where
        all went and left a bare desktop; what else, says who and why.
        """
        windows = find_windows(frame.pixels)
        living = self._known.living
        if not living and not windows:
            if self._known.lived and _is_bare(frame):
                return FrameResult(FrameVerdict.MATCH, "every client went, and nothing is on the desktop")
            return FrameResult(FrameVerdict.BLANK, "no client lives: there is nothing to verify")
        shown: dict[int, Sight] = {}
        for sight in examine(frame.pixels, windows, self._known.may_cover):
            before = shown.setdefault(sight.window.id, sight)
            if before is not sight:
                return self._twice(before, sight)
        screen = Rect(0, 0, frame.width, frame.height)
        covered = self._covered(shown, screen)
        rows = (*map(_row, shown.values()), *({"id": client, "under": by} for client, by in covered.items()))
        problems: _Problems = [
            *(
                _mismatch(f"the window of client {id} is to be seen, but it does not live")
                for id in shown
                if id not in living
            ),
            *(
                _mismatch(f"no strip of client {id} is to be seen")
                for id in sorted(living)
                if id not in {*shown, *covered}
            ),
        ]
        for client in sorted(living.keys() & shown.keys()):
            problems += self._problems(shown[client], screen)
        if problems:
            verdict = min((verdict for verdict, _ in problems), key=list(FrameVerdict).index)
            return FrameResult(verdict, "; ".join(text for _, text in problems[:5]), windows=rows)
        for sight in shown.values():
            self._known.saw(sight.window.id, sight.window.frame)
        return FrameResult(FrameVerdict.MATCH, _summary(list(shown.values()), covered), windows=rows)

    @staticmethod
    def _twice(a: Sight, b: Sight) -> FrameResult:
        one, other = a.window, b.window
        if one.place == other.place:
            text = f"client {one.id} shows parts of frames {one.frame} and {other.frame}"
            return FrameResult(FrameVerdict.TORN, text)
        text = f"client {one.id} is shown twice, at ({one.x}, {one.y}) and ({other.x}, {other.y})"
        return FrameResult(FrameVerdict.MISMATCH, text)

    def _covered(self, shown: dict[int, Sight], screen: Rect) -> dict[int, list[int]]:
        """Living clients no band of which can be whole, each with the windows that belong over it."""
        found = {}
        for client in sorted(self._known.living.keys() - shown.keys()):
            place = self._known.place(client, screen)
            over = [s.window for s in shown.values() if self._known.covers(s.window.id, client)]
            if place is None or place.h < BAND_HEIGHT:
                continue
            bands = [
                Rect(place.x, place.y + top, STRIP_WIDTH, BAND_HEIGHT)
                for top in range(0, place.h - BAND_HEIGHT + 1, BAND_HEIGHT)
            ]
            by = [[w.id for w in over if overlap(w.place, band) is not None] for band in bands]
            if all(by):
                found[client] = sorted({id for ids in by for id in ids})
        return found

    def _problems(self, sight: Sight, screen: Rect) -> _Problems:
        window, who = sight.window, f"client {sight.window.id}"
        known = self._known.living[window.id]
        found: _Problems = []
        wanted = self._known.place(window.id, screen)
        if wanted is not None and window.place != wanted:
            found.append(_mismatch(f"{who} is at {_place(window.place)}, it belongs at {_place(wanted)}"))
        if sight.wrong:
            found.append(_mismatch(f"{who}: {sight.wrong}"))
        if window.frame < known.least:
            still = f"it stands still at frame {window.frame}"
            older = f"it shows frame {window.frame}, it had shown frame {known.last}"
            found.append((FrameVerdict.STALE, f"{who}: {still if window.frame == known.last else older}"))
        if window.inputs != self._known.inputs(window.id):
            found.append((FrameVerdict.STALE, f"{who}: it does not show the input that it says it was given"))
        return found


def _is_bare(frame: Frame) -> bool:
    """One colour, not that of a screen on which nothing is drawn, and at most the pointer, smaller than any window."""
    pixels = frame.pixels & 0xFFFFFF
    colour = int(pixels[0, 0])
    rows, columns = (pixels != colour).nonzero()
    return colour != 0 and (not rows.size or max(np.ptp(rows), np.ptp(columns)) < STRIP_WIDTH)


def _mismatch(text: str) -> tuple[FrameVerdict, str]:
    return FrameVerdict.MISMATCH, text


def _place(place: Rect) -> str:
    return f"({place.x}, {place.y}, {place.w}, {place.h})"


def _row(sight: Sight) -> dict[str, Any]:
    """What the check's result says of a window: pixels of its own, pixels that others hide, and who they are."""
    row: dict[str, Any] = {"id": sight.window.id, "frame": sight.window.frame, "seen": sight.seen}
    return row | ({"hidden": sight.hidden, "by": list(sight.by)} if sight.hidden else {})


def _summary(sights: list[Sight], covered: dict[int, list[int]]) -> str:
    partly = [f"{s.window.id} (by {', '.join(map(str, s.by))})" for s in sights if s.hidden]
    frames = [sight.window.frame for sight in sights]
    text = f"{len(sights)} client{'s' if len(sights) > 1 else ''} verified, at frames {min(frames)} to {max(frames)}"
    if partly:
        text += f", partly covered: {', '.join(partly)}"
    if covered:
        text += f", not verified, for they lie under others: {', '.join(map(str, covered))}"
    return text
