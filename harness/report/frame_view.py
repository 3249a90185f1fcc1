"""The checked pictures of a run, and for those that failed what differs, magnified."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.evidence.journal import Event
from harness.judge.verdict import Check, CheckStatus
from harness.report.pictures import Album, Area, Picture
from harness.report.words import Chip, chips, clip, plural, seconds

_LOUPE = (64, 40)  # px of the screen that a magnified part shows at least; 6 times as large on the page
_LOUPE_MOST = (192, 120)  # and at most: beyond, the whole picture shows as much
_MARGIN = 8  # px around the difference
SHOTS = 500  # on one page; those that failed first
_SHOWN_APART = frozenset({"verdict", "file", "expected_file", "difference_file", "reason"})


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the pictures of a sheet."""

    title: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame check that saw a picture."""

    anchor: str
    name: str
    step: int
    verdict: str
    good: bool
    reason: str
    time: str
    file: str
    picture: Picture | None
    why_not: str  # why the picture is not on the page
    panels: list[Panel] = field(default_factory=list)  # of a frame that failed
    whole: Area | None = None  # what all of the panels show, so that they are of one scale
    box: Area | None = None  # where it differs
    loupe: Area | None = None
    details: list[Chip] = field(default_factory=list)

    @property
    def sides(self) -> dict[str, Picture] | None:
        """What the slider compares, by title; None unless there are both sides."""
        found = {panel.title: panel.picture for panel in self.panels}
        return found if {"expected", "actual"} <= found.keys() else None


@dataclass(frozen=True, slots=True)
class FrameView:
    """All shots in the order of the checks; `note` says which pictures are missing."""

    shots: list[Shot]
    note: str
    left_out: int = 0  # checks that are not shown

    @property
    def anchors(self) -> set[str]:
        """The `href`s that lead to a shot."""
        return {f"#{shot.anchor}" for shot in self.shots}

    @property
    def failed(self) -> list[Shot]:
        return [shot for shot in self.shots if not shot.good]


def frame_view(
    checks: Sequence[Check], frames: Mapping[int, Event], album: Album, shown_lines: Container[int]
) -> FrameView:
    """Embed the pictures of *checks*: first those that failed, then the others, as far as the album's budget goes.

    :param frames: `frame` events by step.
    """
    seen: list[tuple[Check, Mapping[str, Any]]] = [
        (check, check.evidence[-1])
        for check in checks
        if check.evidence and (check.kind == "frame" or (check.kind == "proof" and "file" in check.evidence[-1]))
    ]
    for check, entry in seen:
        if check.status is CheckStatus.BROKEN:
            for key in ("file", "expected_file", "difference_file"):
                album.add(entry.get(key))
    told = _most_telling(seen)
    shots = [
        _shot(check, entry, frames.get(-1 if check.step is None else check.step), album, shown_lines)
        for check, entry in told
    ]
    note = ""
    if len(told) < len(seen):
        note = f"{plural(len(seen) - len(told), 'further frame check')} not shown here. "
    if album.left_out:
        some = "; ".join(f"{clip(file, 80)}: {why}" for file, why in list(album.left_out.items())[:3])
        note += (
            f"{plural(len(album.left_out), 'picture')} left out ({some}). The bundle's frames folder has what there is."
        )
    return FrameView(shots, note.rstrip(), len(seen) - len(told))


def _most_telling(seen: list[tuple[Check, Mapping[str, Any]]]) -> list[tuple[Check, Mapping[str, Any]]]:
    """As many as a page holds, in their order: those that failed, of the others the first ones."""
    if len(seen) <= SHOTS:
        return seen
    by_need = sorted(range(len(seen)), key=lambda i: (seen[i][0].status is CheckStatus.MET, i))
    return [seen[i] for i in sorted(by_need[:SHOTS])]


def _shot(
    check: Check, entry: Mapping[str, Any], event: Event | None, album: Album, shown_lines: Container[int]
) -> Shot:
    good = check.status is CheckStatus.MET
    file = str(entry.get("file") or "")
    picture = album.add(file)
    box = None if good else _area(entry.get("box"))
    panels = [] if good else list(_panels(entry, album))
    sides = [panel.picture for panel in panels]
    return Shot(
        anchor=f"frame-{0 if check.step is None else check.step + 1}",
        name=clip(event.data.get("name") if event else check.what, 80),
        step=0 if check.step is None else check.step + 1,
        verdict=clip(entry.get("verdict"), 20),
        good=good,
        reason=clip(check.reason),
        time=seconds(event.host_ns) if event else "",
        file=clip(file, 120),
        picture=picture,
        why_not=album.left_out.get(file, "there is no picture"),
        panels=panels,
        whole=Area(0, 0, max(p.width for p in sides), max(p.height for p in sides)) if sides else None,
        box=box,
        loupe=_loupe(box, entry.get("first"), sides) if box and sides else None,
        details=chips(entry, shown_lines, skip=_SHOWN_APART),
    )


def _panels(entry: Mapping[str, Any], album: Album) -> Iterable[Panel]:
    for title, key in (("expected", "expected_file"), ("actual", "file"), ("difference", "difference_file")):
        picture = album.add(entry.get(key))
        if picture is not None:
            yield Panel(title, picture)


def _area(box: object) -> Area | None:
    match box:
        case [int() as x, int() as y, int() as w, int() as h] if w > 0 and h > 0:
            return Area(x, y, w, h)
        case _:
            return None


def _loupe(box: Area, first: object, pictures: Sequence[Picture]) -> Area:
    """The part to magnify: the whole difference if it is small, else the surroundings of its first pixel."""
    w, h = max(box.w + 2 * _MARGIN, _LOUPE[0]), max(box.h + 2 * _MARGIN, _LOUPE[1])
    if w > _LOUPE_MOST[0] or h > _LOUPE_MOST[1]:
        w, h = _LOUPE
        match first:
            case {"x": int() as x, "y": int() as y}:
                box = Area(x, y, 1, 1)
            case _:
                box = Area(box.x, box.y, 1, 1)
    width, height = min(p.width for p in pictures), min(p.height for p in pictures)
    w, h = min(w, width), min(h, height)
    x = min(max(box.x + box.w // 2 - w // 2, 0), width - w)
    y = min(max(box.y + box.h // 2 - h // 2, 0), height - h)
    return Area(x, y, w, h)
