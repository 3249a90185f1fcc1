"""What can be wrong with the frame checks of a scenario: pictures that nothing takes, keys that do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.scenario.steps import CheckFrame, RememberFrame, Step
from harness.toml import Problem


def picture_problems(steps: Sequence[Step]) -> Iterator[Problem]:
    """Every problem with its place in the file."""
    remembered: dict[str, int] = {}
    for index, step in enumerate(steps):
        if isinstance(step, RememberFrame):
            if remembered.setdefault(step.name, index) != index:
                yield Problem(("step", index, "name"), f"two pictures are remembered as {step.name!r}")
        elif isinstance(step, CheckFrame):
            yield from _check(index, step, remembered)


def _check(index: int, step: CheckFrame, remembered: dict[str, int]) -> Iterator[Problem]:
    if step.against != "remembered":
        shifted = step.shifted != (0, 0)
        for key, given in (("like", step.like), ("crop", step.crop), ("shifted", shifted), ("changed", step.changed)):
            if given:
                yield Problem(("step", index, key), f'{key}: is for checks against = "remembered"')
        return
    if not step.like:
        yield Problem(("step", index), "like: say which remembered picture the screen should be like")
    elif step.like not in remembered:
        what = f"like: no remember-frame step before this one takes {step.like!r}"
        yield Problem(("step", index, "like"), what, step.like, tuple(remembered))
    if step.changed < 0:
        yield Problem(("step", index, "changed"), "changed: should be a number of pixels")
    if step.crop is None and step.shifted != (0, 0):
        yield Problem(("step", index, "shifted"), "shifted: needs a crop, for a whole desktop has nowhere to go")
    if step.crop is not None:
        x, y, w, h = step.crop
        dx, dy = step.shifted
        if w < 1 or h < 1 or min(x, y, x + dx, y + dy) < 0:
            yield Problem(
                ("step", index, "crop"), "crop: x, y, w, h of a part that lies on the desktop, also when shifted"
            )
