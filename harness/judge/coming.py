"""The frames that a command of the control channel will make the guest present, told before it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clients.lifecycle import apply_lifecycle, is_lifecycle
from harness.clients.scene_views import SceneView
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

if TYPE_CHECKING:
    from harness.clients.scene import Present, Scene
    from harness.markers.types import Marker

_BY_TIME = ("soak", "stress")  # verbs of runs that guest time ends: the model tells as many frames as there can be


@dataclass(slots=True)
class Coming:
    """One frame to come: what it shows, and where it may differ from the frame before (None: anywhere)."""

    view: SceneView
    allowed: tuple[Rect, ...] | None
    digest: str | None = None  # of its tile table, once that was worked out


class Forecast:
    """The frames of one boot, command by command.

    :param counted: whether clients that die or come by themselves in the midst of a run are followed. They are where
        every frame is judged before the guest's next marker is read; else nothing more is told of that run.
    """

    def __init__(self, *, counted: bool) -> None:
        self._counted = counted
        self._scene: Scene | None = None  # a copy that goes ahead
        self._source: Iterator[Present] | None = None
        self._first: Coming | None = Coming(SceneView(), None)
        self._unknown = ""
        self._disturbed: Scene | None = None  # the copy, where clients came or went in the midst of its ticks
        self.open_ended = False  # there may be fewer frames than are told

    def ask(self, scene: Scene, payload: str) -> None:
        """This command is on its way to a guest with this scene."""
        self._first, self._unknown, self._disturbed = None, "", None
        self.open_ended = payload.split(" ", 1)[0] in _BY_TIME
        self._scene = scene.fork()
        self._source = self._scene.coming(payload)

    def give_up(self, why: str) -> None:
        """Nothing is known of what comes until the next command."""
        self._first, self._scene, self._source, self._unknown, self._disturbed = None, None, None, why, None

    def answered(self, ok: bool) -> None:
        """The command was answered. One that was refused presents nothing."""
        self._scene = None
        if not ok:
            self._first, self._source, self._unknown = None, None, ""

    def observe_marker(self, marker: Marker) -> None:
        """A client comes or goes in the midst of a run."""
        if self._scene is None or not marker.trusted or not is_lifecycle(marker.text):
            return
        before = list(self._scene.desk.stack)
        apply_lifecycle(self._scene, marker.text)
        after = self._scene.desk.stack
        if len(before) == len(after) and all(a is b for a, b in zip(before, after, strict=True)):
            return
        if self._counted:
            self._disturbed = self._scene
        else:
            self.give_up("a client came or went in the midst of a run")

    def outcome(self) -> Scene | None:
        """The scene after the command, once `next` told that no frame is left: None where that of the follower, which
        learns of deaths and of ticks one after the other, is as good.
        """
        done, self._disturbed = self._disturbed, None
        return None if self.open_ended else done

    def next(self) -> Coming | str | None:
        """The next frame; a sentence if it cannot be told, None if there should be none."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._unknown or self._source is None:
            return self._unknown or None
        try:
            present = next(self._source, None)
        except UnknownSceneError as error:
            self.give_up(error.what)
            return error.what
        return None if present is None else Coming(present.view, present.damage)
