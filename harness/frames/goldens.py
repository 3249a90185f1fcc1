"""Approved pictures: `goldens/NAME.png` beside the scenario, variants as `NAME.VARIANT.png`, masks as `NAME.mask.*`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from harness.errors import UsageError
from harness.frames.compare import Bits, Pixels, compare
from harness.frames.identity import desktop_of, one_colour
from harness.frames.masks import load_mask
from harness.frames.png import encode_png, load_png
from harness.frames.result import FrameResult
from harness.frames.types import Frame, FrameVerdict
from harness.writing import write_whole

_NAME = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,79}"
)  # no dot: it separates the variant; no slash: it stays in its folder
_KEPT = 9  # PNG compression of a picture that goes into version control; written once, 60 ms


class Goldens:
    """The approved pictures of the scenarios of one folder.

    A check has one picture or several variants, any of which may match. A mask hides what is never compared:
    see `harness.frames.masks`.
    A picture of the frame's size is compared with all of it, one of the desktop's size with the desktop only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pictures(self, name: str) -> list[Path]:
        """The approved pictures of check *name*, `NAME.png` first.

        :raises UsageError: for a name that cannot be one of files.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a golden",
                "use letters, digits, spaces, - and _ in the names of checks against goldens",
            )
        variants = sorted(p for p in self.folder.glob(f"{name}.*.png") if p.name != f"{name}.mask.png")
        return [p for p in (self.folder / f"{name}.png", *variants) if p.is_file()]

    def files(self, name: str) -> list[Path]:
        """All files that decide check *name*: pictures and masks; what a bundle has to keep.

        :raises UsageError: as `pictures`.
        """
        masks = (self.folder / f"{name}.mask.{kind}" for kind in ("toml", "png"))
        return [*self.pictures(name), *(p for p in masks if p.is_file())]

    def compare(self, name: str, frame: Frame, *, tolerance: int = 0) -> tuple[FrameResult, Pixels | None]:
        """Judge *frame* by the approved pictures of check *name*, and return the nearest of them.

        :raises UsageError: if there is no approved picture, or a file cannot be used (damaged, a mask outside).
        """
        compared = []
        for path in self._required(name):
            expected = load_png(path)
            mask = self.mask(name, expected)
            compared.append(
                (compare(expected, _part(frame, expected), ignore=mask, tolerance=tolerance), path, expected)
            )
        difference, path, expected = min(compared, key=lambda entry: entry[0].count)
        if difference.equal:
            return FrameResult(FrameVerdict.MATCH, f"equal to {path.name}"), expected
        colour = one_colour(_part(frame, expected))
        if colour is not None:
            return FrameResult(FrameVerdict.BLANK, f"the whole screen is {colour:06x}, unlike {path.name}"), expected
        reason = f"{difference} ({path.name})"
        count, box, first = difference.count, difference.box, difference.first
        return FrameResult(FrameVerdict.MISMATCH, reason, differing=count, box=box, first=first), expected

    def update(self, name: str, pixels: Pixels, *, add: bool = False) -> Path | None:
        """Approve *pixels* as `NAME.png`, in one step; None if an approved picture matches already. Variants stay.

        :param add: keep `NAME.png` as it is, and approve a further variant `NAME.N.png`.
        :raises UsageError: as `pictures`, or if a mask cannot be used.
        :raises OSError: if it cannot be written.
        """
        known = self.pictures(name)
        for path in known:
            expected = load_png(path)
            if compare(expected, pixels, ignore=self.mask(name, expected)).equal:
                return None
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        if add and known:
            path = next(p for n in count(2) if not (p := self.folder / f"{name}.{n}.png").exists())
        write_whole(path, encode_png(pixels, _KEPT), durable=True)
        return path

    def mask(self, name: str, picture: Pixels) -> Bits | None:
        """What is ignored of *picture*, True where it is; None without a mask.

        :raises UsageError: if a mask file cannot be read or does not fit the picture.
        """
        found = load_mask(self.folder, name)
        return None if found is None else found.bits(picture.shape[1], picture.shape[0])

    def check_mask(self, name: str, today: datetime.date, *, identity: bool) -> None:
        """Whether the mask of check *name* may be used on this day.

        :param identity: the guest's frames have an identity, so that little of them can need a mask.
        :raises UsageError: if it cannot be read, does not fit its pictures, has expired, or hides too much.
        """
        found = load_mask(self.folder, name)
        if found is None:
            return
        found.refuse_expired(today)
        for path in self.pictures(name):
            height, width = load_png(path).shape
            found.bits(width, height)
            if identity:
                found.refuse_large(width, height)

    def _required(self, name: str) -> list[Path]:
        found = self.pictures(name)
        if not found:
            raise UsageError(
                f"there is no approved picture {self.folder / name}.png",
                "run with --update-goldens, look at what it wrote, and keep it if it is right",
            )
        return found


def used_by(checks: Iterable[tuple[Path, str]]) -> dict[Path, list[Path]]:
    """Which scenario files use each golden, from (scenario file, name of its check against a golden) pairs."""
    users: dict[Path, list[Path]] = {}
    for scenario, name in checks:
        for golden in Goldens(scenario.parent / "goldens").pictures(name):
            known = users.setdefault(golden, [])
            if scenario not in known:
                known.append(scenario)
    return users


def _part(frame: Frame, expected: Pixels) -> Pixels:
    desktop = desktop_of(frame.pixels)
    return desktop if expected.shape == desktop.shape else frame.pixels
