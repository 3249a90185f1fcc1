"""The scene of the reference desktop: what its screen must show, worked out from what was asked of the guest.

Pure: same commands, inputs and ticks, same scene. It knows nothing of pixels (see `harness.frames.oracle`) and nothing
from the guest but its yes or no, which of its clients died, and how many ticks a run by guest time had. The rules are
those of docs/reference-guest.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.clients.scene_clients import Client
from harness.clients.scene_commands import COMMANDS, soak_window
from harness.clients.scene_desk import Desk
from harness.clients.scene_events import Birth
from harness.clients.scene_host import HostWindows
from harness.clients.scene_views import (
    DESKTOP_HEIGHT,
    DESKTOP_WIDTH,
    PHASES,
    Content,
    Present,
    SceneView,
    WindowView,
)
from harness.clients.words import UnknownSceneError, Words
from harness.clients.workloads import DRAWING, Work

if TYPE_CHECKING:
    from harness.geometry import Rect

__all__ = ["DESKTOP_HEIGHT", "DESKTOP_WIDTH", "PHASES", "Content", "Present", "Scene", "SceneView", "WindowView"]

_RATE = 60  # ticks a second


@dataclass(frozen=True, slots=True)
class _Run:
    """Ticks that a command asks for. Where guest time ends them, `ticks` is the most that there can be."""

    ticks: int
    counted_as: str = ""  # the word of the reply that tells their number, where guest time ends them
    temporary: tuple[int, ...] = ()  # windows that exist only during the run
    load: bool = False  # clients come and go during it


class Scene:
    """State of the desktop since one boot.

    Feed it every command that was answered ok and every input event that the guest confirmed, in order; of clients that
    die by themselves `client_died`, and when a supervised one is back `client_created`. Clients of the host: `host`.

    :param free: the guest ticks by itself (wall clock mode), so that what is pending is soon presented.
    """

    def __init__(self, *, free: bool = False) -> None:
        self.free = free
        self.desk = Desk()
        self.host = HostWindows(self.desk)
        self._presented: SceneView | None = SceneView()
        self._frames_due: int | None = 1
        self._dead: dict[int, Birth] = {}
        self._restarting: set[int] = set()
        self._loose = ""  # why nothing is known any more
        self._run: _Run | None = None
        self._loaded: int | None = None  # windows that a load of clients has brought so far

    def fork(self) -> Scene:
        """A scene of its own that goes on from here."""
        other = copy(self)
        other.desk = self.desk.fork()
        other.host = self.host.fork(other.desk)
        other._dead, other._restarting = dict(self._dead), set(self._restarting)
        return other

    # ---- what it must show ---------------------------------------------------------------------------------------

    @property
    def focus(self) -> int:
        """The window with the focus, 0 for none."""
        return self.desk.focus

    @property
    def cursor(self) -> tuple[int, int] | None:
        return self.desk.cursor

    def presented(self) -> SceneView:
        """What the screen must show now: the scene at the last tick.

        :raises UnknownSceneError: where that cannot be told.
        """
        if self.free or self._loose:
            return self.pending()
        if self._presented is None:
            raise UnknownSceneError(
                "what a soak, a load or a measurement left on the screen is not known",
                "run `frames n=1` before the check",
            )
        return self._presented

    def pending(self) -> SceneView:
        """What the screen will show after the next tick, animations left aside.

        :raises UnknownSceneError: if a visible window was drawn by ticks that nobody counted.
        """
        if self._loose:
            raise UnknownSceneError(self._loose)
        shown = [c for c in self.desk.stack if c.visible]
        for client in shown:
            if not client.counted:
                raise UnknownSceneError(
                    f"window {client.id} was animated while the guest ticked freely", "use the virtual clock"
                )
        windows = tuple(c.view(focused=c.id == self.desk.focus) for c in shown)
        return SceneView(windows, self.desk.cursor, self.desk.light)

    @property
    def frames_due(self) -> int | None:
        """The number of the frame that must be on the screen, counted here; None where ticks were not counted."""
        return None if self.free else self._frames_due

    # ---- what happens --------------------------------------------------------------------------------------------

    def apply_key(self, direction: str, scancode: int) -> None:
        """One key event that the guest delivered: `down` or `up`, set-1 scancode (e0 prefix as 0xe0xx)."""
        self.desk.key(direction == "down", scancode)

    def apply_pointer(self, x: int, y: int, buttons: int) -> None:
        """One pointer event that the guest delivered; button bit 0 is the left one."""
        self.desk.pointer(x, y, buttons)

    def apply_command(self, payload: str, words: Mapping[str, str]) -> None:
        """One command that the guest answered ok, with the words of its answer.

        :raises UnknownSceneError: for a command that this model does not know, or that the guest should have refused.
        """
        if payload.split(" ", 1)[0] == "hello":
            self.free = words.get("free", "0") == "1"
        run = self._begin(payload)
        if run is not None:
            self._finish(run, words)

    def coming(self, payload: str) -> Iterator[Present]:
        """Apply a command now, and take its ticks as the frames that it presents are asked for.

        Use a `fork` for a command that is not answered yet. Between two frames `apply_key`, `apply_pointer`,
        `client_died` and `client_created` may be called; they belong to the tick of the next frame. Runs that guest
        time ends (`soak`, `stress`) yield as many frames as there can be at 60 a second; the guest may end earlier.

        :raises UnknownSceneError: as `apply_command`, or as soon as the next frame cannot be told.
        """
        due = self._frames_due
        run = self._begin(payload)
        if run is None and self._frames_due != due:
            raise UnknownSceneError(f"how many frames `{payload}` presents is not counted")
        return iter(()) if run is None else self._ticks(run)

    def client_died(self, number: int) -> None:
        """The guest says that this client died, or that its window is gone."""
        client = self.desk.find(number)
        if client is None:
            return
        self.desk.remove(client)
        if client.birth is not None:
            self._dead[number] = client.birth

    def client_restarts(self, number: int) -> None:
        """The guest says that it starts a dead client again, so that `client_created` is no window of a load."""
        self._restarting.add(number)

    def client_created(self, number: int) -> None:
        """The guest says that a client made its window. That is news after a death, and during a load of clients."""
        if self.desk.find(number) is not None:
            return
        if self._loaded is not None and number not in self._restarting:
            self.start(soak_window(self._loaded, number))
            client = self.desk.stack[-1]
            client.animated, client.birth = True, None
            self._loaded += 1
        elif number in self._dead:
            self.start(self._dead[number])

    def settled(self) -> None:
        """Clients came or went in a run that is over, and ticks that cannot be told presented it."""
        self._distrust_letters()
        self.desk.turn.damage.take()
        self._frames_due = None
        self._presented = None if self.free or self._loose else self.pending()

    # ---- for the commands ----------------------------------------------------------------------------------------

    def start(self, birth: Birth) -> None:
        """A client of the guest makes its window."""
        self._dead.pop(birth.id, None)
        self._restarting.discard(birth.id)
        self.desk.add(Client.born(birth, light=self.desk.light))

    def loosen(self, client: Client, work: Work) -> None:
        """A workload runs while nobody counts its ticks."""
        if work.name in DRAWING:
            client.counted = False
        elif work.name in {"typist", "pointer"}:
            self._loose = f"a {work.name} was at work while the guest ticked freely"

    def run_ticks(self, ticks: int) -> None:
        self._run = _Run(ticks)

    def soak(self, count: int, seconds: int) -> None:
        """Make the windows of a soak run; it lasts *seconds* of guest time."""
        for index in range(count):
            self.start(soak_window(index, index + 1))
            self.desk.stack[-1].animated = True
        self._run = _Run(_RATE * seconds + 1, "frames", tuple(range(1, count + 1)))

    def stress(self, seconds: int, *, clients: bool) -> None:
        """Load for *seconds* of guest time, after one second without."""
        self._loaded = 0 if clients else None
        self._run = _Run(_RATE * (seconds + 1) + 1, "ticks", load=clients)

    def lose_count(self) -> None:
        """Frames are presented that nobody counts."""
        self._frames_due = self._presented = None

    # ---- ticks ---------------------------------------------------------------------------------------------------

    def _begin(self, payload: str) -> _Run | None:
        verb, *rest = payload.split(" ")
        handler = COMMANDS.get(verb)
        if handler is None:
            raise UnknownSceneError(f"the scene model does not know the command `{payload}`")
        arguments = Words(payload, rest)
        handler(self, arguments)
        arguments.done()
        run, self._run = self._run, None
        return run

    def _ticks(self, run: _Run) -> Iterator[Present]:
        for tick in range(run.ticks):
            damage = self.desk.tick()
            if damage:
                yield self._present(tick, damage)
        self._end(run)

    def _present(self, tick: int, damage: Sequence[Rect]) -> Present:
        if self._frames_due is not None:
            self._frames_due += 1
        self._presented = self.pending()
        return Present(tick, self._frames_due, self._presented, tuple(damage))

    def _finish(self, run: _Run, words: Mapping[str, str]) -> None:
        """Take the ticks of a run that is over."""
        ticks: int | None = run.ticks
        if run.counted_as:
            told = words.get(run.counted_as, "")
            ticks = int(told) if re.fullmatch(r"[0-9]{1,9}", told) and int(told) <= run.ticks else None
        if run.load:
            self._distrust_letters()
        if ticks is None and any(c.ticking and c.visible and c.id not in run.temporary for c in self.desk.stack):
            self._loose = "how many ticks a run by guest time had is not told"
        presented = self._take(ticks or 0)
        if ticks is None or run.load:
            self.lose_count()
        else:
            if self._frames_due is None:
                self._frames_due = _number(words)
            else:
                self._frames_due += presented
            if not (self.free or self._loose):
                self._presented = self.pending()
        self._end(run)

    def _distrust_letters(self) -> None:
        if any(c.work is not None and c.work.name == "typist" for c in self.desk.stack):
            self._loose = "a typist was at work while windows came and went"

    def _take(self, ticks: int) -> int:
        """So many ticks; the number of frames that they present."""
        presented = 0
        for left in range(ticks, 0, -1):
            leapt = self.desk.leap(left)
            if leapt is not None:
                return presented + leapt
            presented += bool(self.desk.tick())
        return presented

    def _end(self, run: _Run) -> None:
        for number in run.temporary:
            client = self.desk.find(number)
            if client is not None:
                self.desk.remove(client)
        self._loaded = None


def _number(words: Mapping[str, str]) -> int | None:
    told = words.get("frame", "")
    return int(told) if re.fullmatch(r"[0-9]{1,10}", told) else None
