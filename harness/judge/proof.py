"""Judges a run frame by frame: each presented frame is the next one, whole, right, and drawn where it was allowed.

`proof` events hold the frames that were good when they were looked at; `proof.bad` the first that was not, with its
picture. Live run and offline judge come to the same verdict from them.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.clients.scene_views import DESKTOP
from harness.clients.words import UnknownSceneError
from harness.errors import LabError
from harness.frames.compare import Difference, Pixels, compare
from harness.frames.identity import IdentityChecker, desktop_of
from harness.frames.ledger import forbidden_bits
from harness.frames.oracle import render
from harness.frames.prediction import Prediction
from harness.frames.types import Frame, FrameVerdict
from harness.judge.coming import Coming, Forecast

if TYPE_CHECKING:
    from harness.clients.follower import SceneFollower
    from harness.evidence.journal import Event
    from harness.markers.types import Marker
    from harness.scenario.model import Proof


class Trouble(NamedTuple):
    """What is wrong with a frame: a stable word for machines, a sentence, and details for the report."""

    cause: str
    reason: str
    details: dict[str, Any]


class Bad(NamedTuple):
    """A frame that was refused, its trouble, and the desktop that should have been there where that is known."""

    trouble: Trouble
    expected: Pixels | None


class ProofJudge:
    """Counts the proved frames of a run and names the first that is wrong.

    :param scene: is told every event and marker before this is.
    """

    def __init__(self, proof: Proof, scene: SceneFollower) -> None:
        self._proof = proof
        self._scene = scene
        self._canvas = Prediction()
        self._running = hashlib.sha256()
        self.frames = 0  # proved in all
        self._begin()

    def _begin(self) -> None:
        self.last = 0  # number of the last frame of this boot
        self._ahead: deque[Coming | str] = deque()  # told to the prover, not yet judged
        self._forecast = Forecast(counted=self._proof.against == "scene")
        self._fresh = False  # whether the frame before is on the canvas

    @property
    def against(self) -> str:
        """As `Proof.against`."""
        return self._proof.against

    @property
    def damage(self) -> bool:
        """As `Proof.damage`."""
        return self._proof.damage

    @property
    def digest(self) -> str:
        """Of all frames proved so far: number, guest time and pixels."""
        return self._running.hexdigest()[:32]

    def observe(self, event: Event) -> None:
        """See a journal event, before the scene does: what is to come is told from the scene as it was."""
        match event.kind:
            case "epoch":
                self._begin()
            case "control.send":
                self._fresh = False
                try:
                    self._forecast.ask(self._scene.scene, str(event.data["payload"]))
                except UnknownSceneError as error:
                    self._forecast.give_up(error.what)
            case "control.reply":
                self._forecast.answered(bool(event.data["ok"]))

    def observe_marker(self, marker: Marker) -> None:
        """See a marker, before the scene does."""
        self._forecast.observe_marker(marker)

    def coming(self) -> Coming | str | None:
        """The next frame, for whoever looks at it; a sentence if it cannot be told, None if there should be none."""
        found = self._pull()
        if found is not None:
            self._ahead.append(found)
        return found

    @property
    def expected(self) -> Pixels:
        """The desktop of the frame that `coming` told last, where frames are judged against the scene."""
        return self._canvas.pixels

    def take(self, event: Event) -> Trouble | None:
        """Judge the good frames of a `proof` event; what is wrong with the first that is not so good after all.

        :raises LabError: if the scene is not known that they should show.
        """
        first = int(event.data["first"])
        columns = zip(event.data["us"], event.data["crc"], event.data["digest"], strict=True)
        for number, (us, crc, digest) in enumerate(columns, first):
            trouble = self._good(number, str(digest))
            if trouble is not None:
                return trouble
            self._running.update(f"{number}:{us}:{crc}:{digest}\n".encode())
            self.frames += 1
            self.last = number
        return self._settled() if event.data["settled"] else None

    def refuse(self, event: Event, frame: Frame, before: Frame | None) -> Bad:
        """What is wrong with the frame of a `proof.bad` event.

        :raises LabError: if nothing is.
        """
        number, crc = int(event.data["number"]), int(str(event.data["crc"]), 16)
        coming = self._next()
        view = coming.view if isinstance(coming, Coming) else None
        expected = render(view) if view is not None else None
        difference = None if expected is None else compare(expected, desktop_of(frame.pixels))
        trouble = (
            self._sequence(number, coming)
            or self._identity(number, crc, frame, difference)
            or self._pixels(number, difference)
            or self._damage(number, frame, before, coming)
        )
        if trouble is None:
            raise LabError(f"frame {number} was refused when it was looked at, and its picture has no fault")
        return Bad(trouble, expected)

    # ---- one frame -----------------------------------------------------------------------------------------------

    def _pull(self) -> Coming | str | None:
        found = self._forecast.next()
        if isinstance(found, Coming) and self._proof.against == "scene":
            self._canvas.show(found.view, found.allowed if self._fresh and found.allowed is not None else (DESKTOP,))
            self._fresh = True
        return found

    def _next(self) -> Coming | str | None:
        return self._ahead.popleft() if self._ahead else self._pull()

    def _good(self, number: int, digest: str) -> Trouble | None:
        coming = self._next()
        trouble = self._sequence(number, coming)
        if trouble is not None or self._proof.against != "scene":
            return trouble
        if not isinstance(coming, Coming):
            raise LabError(f"what frame {number} should show is not known: {coming}")
        if coming.digest is None:
            coming.digest = self._canvas.digest
        if coming.digest != digest:
            reason = f"frame {number} has not the pixels of the computed picture (no picture of it was kept)"
            return Trouble("frame-mismatch", reason, {"number": number})
        return None

    def _sequence(self, number: int, coming: Coming | str | None) -> Trouble | None:
        due = self.last + 1
        if number > due:
            missing = f"frame {due} is" if number == due + 1 else f"frames {due} to {number - 1} are"
            return Trouble("frame-missing", f"{missing} missing: frame {number} came after {self.last}", {})
        if number < due:
            return Trouble("frame-repeated", f"frame {number} came after frame {self.last}", {"number": number})
        if coming is None:
            return Trouble(
                "frame-unexpected", f"frame {number} was presented, and nothing was to be", {"number": number}
            )
        return None

    def _identity(self, number: int, crc: int, frame: Frame, difference: Difference | None) -> Trouble | None:
        result = IdentityChecker().check(frame, number, (number, crc))
        if result.matches:
            return None
        reason, details = result.reason, result.to_json()
        if result.verdict is FrameVerdict.MISMATCH and difference is not None and not difference.equal:
            reason, details = f"{_told(difference)}; {reason}", details | _details(difference)
        return Trouble(f"frame-{result.verdict.lower()}", f"frame {number}: {reason}", details)

    def _pixels(self, number: int, difference: Difference | None) -> Trouble | None:
        if self._proof.against != "scene" or difference is None or difference.equal:
            return None
        return Trouble("frame-mismatch", f"frame {number}: {_told(difference)}", _details(difference))

    def _damage(self, number: int, frame: Frame, before: Frame | None, coming: Coming | str | None) -> Trouble | None:
        if not self._proof.damage or not isinstance(coming, Coming) or coming.allowed is None or before is None:
            return None
        was, now = desktop_of(before.pixels), desktop_of(frame.pixels)
        outside = compare(was, now, ignore=~forbidden_bits(coming.allowed, now.shape))
        if outside.equal or outside.box is None:
            return None
        box, noun = outside.box, "pixel" if outside.count == 1 else "pixels"
        reason = (
            f"frame {number}: {outside.count} {noun} changed outside of the damage, in {box.w}×{box.h} at"
            f" ({box.x}, {box.y}); the damage was {', '.join(f'{r.w}×{r.h} at ({r.x}, {r.y})' for r in coming.allowed)}"
        )
        return Trouble("frame-damage", reason, _details(outside))

    def _settled(self) -> Trouble | None:
        """The guest stands at its rendezvous: is anything missing? A run without any frame has checked nothing."""
        if not self.frames:
            return None
        if not self._forecast.open_ended and isinstance(self._pull(), Coming):
            return Trouble("frame-missing", f"frame {self.last + 1} was due and was not presented", {})
        ahead = self._forecast.outcome()
        if ahead is not None:
            self._scene.adopt(ahead)
        claim = self._scene.claim
        if claim is not None and claim.number > self.last:
            reason = (
                f"the guest says it presented frame {claim.number}, and the last that it had looked at is {self.last}"
            )
            return Trouble("frame-missing", reason, {"number": claim.number})
        return None


def _told(difference: Difference) -> str:
    tiles = difference.tiles
    if not tiles:
        return str(difference)
    listed = ", ".join(f"({x}, {y})" for x, y in tiles[:4])
    return f"{difference}; {'tile' if len(tiles) == 1 else 'tiles'} {listed}{' …' if len(tiles) > 4 else ''}"


def _details(difference: Difference) -> dict[str, Any]:
    details: dict[str, Any] = {"differing": difference.count, "tiles": [list(t) for t in difference.tiles]}
    if difference.box is not None:
        details["box"] = [difference.box.x, difference.box.y, difference.box.w, difference.box.h]
    return details


def picture(pixels: Pixels, host_ns: int) -> Frame:
    """A picture of a proved frame."""
    from harness.frames.digest import digest_of

    return Frame(np.ascontiguousarray(pixels), digest_of(pixels), host_ns, "vram")
