"""Judges captured frames: identity strip, computed oracle, goldens. The live run and the offline judge differ only
in where pixels come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clients.follower import SceneFollower
from harness.errors import LabError
from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event
from harness.frames.compare import Bits, Pixels, compare
from harness.frames.goldens import Goldens
from harness.frames.identity import IdentityChecker, desktop_of, one_colour
from harness.frames.oracle import render
from harness.frames.png import load_png
from harness.frames.result import FrameResult
from harness.frames.types import Frame, FrameVerdict
from harness.judge.clients_shown import ClientsShown
from harness.judge.facts import GuestFacts
from harness.judge.proof import ProofJudge, Trouble
from harness.judge.remembered import against_remembered
from harness.markers.types import Marker
from harness.scenario.model import Proof, Scenario
from harness.scenario.steps import CheckFrame

if TYPE_CHECKING:
    from collections.abc import Mapping


class SceneFrames:
    """Follows the scene and judges pictures against it. Subclasses say where the picture of a `frame` event is."""

    def __init__(self, facts: GuestFacts, bundle: Bundle, proof: Proof | None = None) -> None:
        self._facts = facts
        self._bundle = bundle
        self._scene = SceneFollower(free=facts.clock == "wall")
        self._identity = IdentityChecker()
        self._goldens = Goldens(bundle.inputs / "goldens")
        self._remembered: dict[str, Frame] = {}
        self._clients = ClientsShown()
        self._proof = ProofJudge(proof, self._scene) if proof is not None else None

    def observe(self, event: Event) -> None:
        if self._proof is not None:
            self._proof.observe(event)
        self._scene.observe(event)
        self._clients.observe(event)
        if event.kind == "remembered":
            self._remembered[str(event.data["name"])] = self.picture(event)

    def observe_marker(self, marker: Marker) -> None:
        if self._proof is not None:
            self._proof.observe_marker(marker)
        self._scene.observe_marker(marker)
        self._clients.observe_marker(marker)

    def judge(self, step: CheckFrame, event: Event) -> tuple[str, str, dict[str, Any]]:
        """Frame verdict word, reason, details.

        :raises harness.errors.LabError: if nothing can be said (a scene that the model does not know).
        """
        frame = self.picture(event)
        result, expected = self.result(step, frame, stable=bool(event.data.get("stable", True)))
        details: dict[str, Any] = {"way": event.data.get("way"), **result.to_json()}
        details.pop("verdict")
        details.pop("reason")
        if not result.matches and expected is not None:
            details |= self.keep_difference(event, frame, expected)
        return str(result.verdict), result.reason, details

    def result(self, step: CheckFrame, frame: Frame, *, stable: bool) -> tuple[FrameResult, Pixels | None]:
        """The judgement, and the picture that should have been there where one is known (desktop only)."""
        strip = self._strip(frame)
        by_clients = step.against == "clients" or (step.against == "scene" and self._facts.oracle == "clients")
        if step.against == "scene" and not by_clients:
            expected = render(self._scene.view())
            return self._against_scene(step, frame, strip, expected), expected
        if strip is not None and not strip.matches:
            return strip, None
        if by_clients:
            return self._clients.judge(frame), None
        if step.against == "remembered":
            return against_remembered(step, self._remembered.get(step.like), frame, self._facts.identity)
        if step.against == "golden":
            found, expected_golden = self._goldens.compare(step.name, frame, tolerance=step.tolerance)
            if not found.matches and not stable:
                reason = f"the screen did not hold still until the deadline; last: {found.reason}"
                return FrameResult(FrameVerdict.UNSTABLE, reason), expected_golden
            return found, expected_golden
        colour = one_colour(frame.pixels)
        if colour is not None:
            return FrameResult(FrameVerdict.BLANK, f"the whole screen is {colour:06x}"), None
        if strip is not None:
            return strip, None
        if step.against == "identity":
            return FrameResult(FrameVerdict.MISMATCH, "the image's profile promises no identity strip"), None
        return FrameResult(FrameVerdict.MATCH, "the screen is not blank"), None

    @property
    def proving(self) -> ProofJudge:
        """Who judges the run frame by frame.

        :raises LabError: if the scenario does not ask for it.
        """
        if self._proof is None:
            raise LabError("the scenario does not have its frames proved")
        return self._proof

    def prove(self, event: Event) -> Trouble | None:
        """What is wrong with the frames of a `proof` or `proof.bad` event.

        :raises harness.errors.LabError: if nothing can be said.
        """
        if event.kind == "proof":
            return self.proving.take(event)
        frame, before = self.pair(event)
        bad = self.proving.refuse(event, frame, before)
        verdict = bad.trouble.cause.removeprefix("frame-").upper()
        pictures = {"file": event.data["file"], "before_file": event.data["before_file"]}
        details = {"verdict": verdict, **pictures, **bad.trouble.details}
        if bad.expected is not None:
            details |= self.keep_difference(event, frame, bad.expected)
        return bad.trouble._replace(details=details)

    @property
    def proved(self) -> tuple[int, int, str]:
        """Frames proved so far in this run, number of the last of this boot, digest of them all."""
        return self.proving.frames, self.proving.last, self.proving.digest

    def pair(self, event: Event) -> tuple[Frame, Frame]:
        """The pixels of a `proof.bad` event, and those of the frame before it."""
        raise NotImplementedError

    def picture(self, event: Event) -> Frame:
        """The pixels of a `frame` event."""
        raise NotImplementedError

    def keep_difference(self, event: Event, frame: Frame, expected: Pixels) -> Mapping[str, Any]:
        """Paths of the pictures that show a difference, relative to the bundle."""
        stem = Path(str(event.data["file"])).with_suffix("")
        found = {}
        for key, suffix in (("expected_file", ".expected.png"), ("difference_file", ".diff.png")):
            if (self._bundle.path / f"{stem}{suffix}").is_file():
                found[key] = f"{stem}{suffix}"
        return found

    def _strip(self, frame: Frame) -> FrameResult | None:
        if not self._facts.identity:
            return None
        claim, least = self._scene.claim, self._scene.least
        if claim is not None and self._scene.exact:
            return self._identity.check(frame, least, claim=(claim.number, claim.crc))
        return self._identity.check(frame, least)

    @staticmethod
    def _against_scene(step: CheckFrame, frame: Frame, strip: FrameResult | None, expected: Pixels) -> FrameResult:
        if strip is not None and strip.verdict not in {FrameVerdict.MATCH, FrameVerdict.MISMATCH}:
            return strip
        number, crc = (strip.number, strip.crc) if strip is not None else (None, None)
        difference = compare(expected, desktop_of(frame.pixels), tolerance=step.tolerance)
        if difference.equal:
            return strip if strip is not None else FrameResult(FrameVerdict.MATCH, "equal to the computed picture")
        reason = str(difference)
        if strip is not None and not strip.matches:
            reason = f"{reason}; {strip.reason}"
        return FrameResult(
            FrameVerdict.MISMATCH, reason, number, crc, difference.count, difference.box, difference.first
        )


class LiveFrames(SceneFrames):
    """Pictures come from the camera; differences are drawn while the pixels are there."""

    def __init__(self, facts: GuestFacts, bundle: Bundle, proof: Proof | None = None) -> None:
        super().__init__(facts, bundle, proof)
        self._shown: Frame | None = None
        self._pair: tuple[Frame, Frame] | None = None

    def keep_inputs(self, scenario: Scenario) -> None:
        """Copy the goldens and masks that the verdict rests on into the bundle."""
        source = Goldens(scenario.folder / "goldens")
        for step in scenario.steps:
            if isinstance(step, CheckFrame) and step.against == "golden":
                for file in source.files(step.name):
                    self._bundle.keep(file, "goldens")

    def update_golden(self, step: CheckFrame, frame: Frame, scenario: Scenario, *, add: bool) -> Path | None:
        """Approve *frame* in the scenario's own folder; the path, or None if an approved picture matches already.

        :param add: as a further variant.
        """
        pixels = desktop_of(frame.pixels) if self._facts.identity else frame.pixels  # the strip's number is no picture
        path = Goldens(scenario.folder / "goldens").update(step.name, pixels, add=add)
        if path is not None:
            self._bundle.keep(path, "goldens")
        return path

    def mask(self, step: CheckFrame, frame: Frame, scenario: Scenario) -> Bits | None:
        """What is ignored of pictures of the size of *frame*."""
        return Goldens(scenario.folder / "goldens").mask(step.name, frame.pixels)

    def show(self, frame: Frame) -> None:
        """The picture that the next `frame` event is about."""
        self._shown = frame

    def show_pair(self, frame: Frame, before: Frame) -> None:
        """The pictures that the next `proof.bad` event is about."""
        self._pair = frame, before

    def pair(self, event: Event) -> tuple[Frame, Frame]:
        if self._pair is None or self._pair[0].digest != event.data["digest"]:
            raise LabError("a frame was refused without its picture")
        return self._pair

    def picture(self, event: Event) -> Frame:
        if self._shown is None or self._shown.digest != event.data["digest"]:
            raise LabError("a frame event without its picture")
        return self._shown

    def keep_difference(self, event: Event, frame: Frame, expected: Pixels) -> Mapping[str, Any]:
        from harness.frames.difference import write_difference

        got = frame.pixels if expected.shape == frame.pixels.shape else desktop_of(frame.pixels)
        write_difference(self._bundle.path / Path(str(event.data["file"])).with_suffix(""), expected, got)
        return super().keep_difference(event, frame, expected)


class BundleFrames(SceneFrames):
    """Pictures come from the bundle's PNG files."""

    def picture(self, event: Event) -> Frame:
        """:raises LabError: if the picture is missing or is not the one that was taken."""
        return self._load(event, str(event.data["file"]), str(event.data["digest"]))

    def pair(self, event: Event) -> tuple[Frame, Frame]:
        """:raises LabError: as `picture`."""
        now, before = event.data["file"], event.data["before_file"]
        return (
            self._load(event, str(now), str(event.data["digest"])),
            self._load(event, str(before), str(event.data["before_digest"])),
        )

    def _load(self, event: Event, file: str, digest: str) -> Frame:
        from harness.frames.digest import digest_of

        path = self._bundle.path / file
        if path.parent != self._bundle.frames or not path.is_file():
            raise LabError(f"the bundle lacks the picture {file}")
        pixels = load_png(path)
        frame = Frame(pixels, digest_of(pixels), event.host_ns, str(event.data.get("way", "")))
        if frame.digest != digest:
            raise LabError(f"the picture {file} is not the one that was taken")
        return frame
