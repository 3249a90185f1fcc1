"""The scene of the reference desktop: what its screen must show, worked out from what was asked of the guest.

Pure: same commands, inputs and ticks, same scene. It knows nothing of pixels (see `harness.frames.oracle`) and nothing
from the guest but its yes or no. The rules are those of docs/reference-guest.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.clients.keyboard import BACKSPACE, Keyboard
from harness.clients.words import UnknownSceneError, Words

DESKTOP_WIDTH, DESKTOP_HEIGHT = 992, 768  # pixels
TITLE_ROWS = 19  # rows y … y+18 of a window: its upper border and its title bar; a press there drags
TEXT_LIMIT = 256  # characters a window keeps
PHASES = 16  # redraw counts after which a checker looks the same again: two cells of eight pixels

_WINDOW_LIMIT = 96
_WIDTHS, _HEIGHTS, _PLACES = range(48, 993), range(40, 769), range(-4096, 4096)
_CRASHES = frozenset(
    ("ud", "pf", "de", "panic", "triple", "cliloop", "clihlt", "spin", "silent", "flood", "noise", "reboot")
)


@dataclass(frozen=True, slots=True)
class WindowView:
    """One visible window: outer rectangle in desktop pixels, `color` 0xRRGGBB, `phase` its redraws modulo `PHASES`."""

    id: int
    x: int
    y: int
    w: int
    h: int
    color: int
    checker: bool
    phase: int
    text: str
    focused: bool


@dataclass(frozen=True, slots=True)
class SceneView:
    """All that the desktop's pixels depend on: visible windows from bottom to top, and the cursor's hot spot."""

    windows: tuple[WindowView, ...] = ()
    cursor: tuple[int, int] | None = None


@dataclass(slots=True)
class _Window:
    id: int
    x: int
    y: int
    w: int
    h: int
    color: int
    checker: bool
    redraws: int = 0
    animated: bool = False
    counted: bool = True  # whether `redraws` is known; ticks of a free-running guest are not
    visible: bool = True
    text: str = ""

    def covers(self, x: int, y: int) -> bool:
        return self.visible and self.x <= x < self.x + self.w and self.y <= y < self.y + self.h

    @property
    def shown(self) -> bool:
        """Whether any of it lies on the desktop, seen or covered."""
        return self.visible and _on_desktop(self.x, self.y, self.w, self.h)

    @property
    def content_shown(self) -> bool:
        return self.visible and _on_desktop(self.x + 1, self.y + TITLE_ROWS, self.w - 2, self.h - TITLE_ROWS - 1)


def _on_desktop(x: int, y: int, w: int, h: int) -> bool:
    return x < DESKTOP_WIDTH and y < DESKTOP_HEIGHT and x + w > 0 and y + h > 0


class Scene:
    """State of the desktop since one boot.

    Feed it every command that was answered ok and every input event that the guest confirmed, in order.

    :param free: the guest ticks by itself (wall clock mode), so that what is pending is soon presented.
    """

    def __init__(self, *, free: bool = False) -> None:
        self.free = free
        self.focus = 0
        self.cursor: tuple[int, int] | None = None
        self._stack: list[_Window] = []  # bottom to top
        self._drag: tuple[_Window, int, int] | None = None
        self._left = False
        self._keyboard = Keyboard()
        self._presented: SceneView | None = SceneView()
        self._damaged = False
        self._frames_due: int | None = 1

    # ---- what it must show ---------------------------------------------------------------------------------------

    def presented(self) -> SceneView:
        """What the screen must show now: the scene at the last tick.

        :raises UnknownSceneError: where the documents leave that open.
        """
        if self.free:
            return self.pending()
        if self._presented is None:
            raise UnknownSceneError(
                "what a soak leaves on the screen is not defined", "run `frames n=1` before the check"
            )
        return self._presented

    def pending(self) -> SceneView:
        """What the screen will show after the next tick, animations left aside.

        :raises UnknownSceneError: if a visible window was animated by ticks that nobody counted.
        """
        return SceneView(tuple(self._view(w) for w in self._stack if w.visible), self.cursor)

    @property
    def frames_due(self) -> int | None:
        """The number of the frame that must be on the screen, counted here; None where ticks were not counted."""
        return None if self.free else self._frames_due

    def _view(self, w: _Window) -> WindowView:
        if w.checker and not w.counted:
            raise UnknownSceneError(
                f"window {w.id} was animated while the guest ticked freely", "use the virtual clock"
            )
        phase = w.redraws % PHASES if w.checker else 0
        return WindowView(w.id, w.x, w.y, w.w, w.h, w.color, w.checker, phase, w.text, w.id == self.focus)

    # ---- input ---------------------------------------------------------------------------------------------------

    def apply_key(self, direction: str, scancode: int) -> None:
        """One key event that the guest delivered: `down` or `up`, set-1 scancode (e0 prefix as 0xe0xx)."""
        typed = self._keyboard.key(direction == "down", scancode)
        if not typed or not self.focus:
            return
        window = self._find(self.focus)
        before = window.text
        if typed == BACKSPACE:
            window.text = before[:-1]
        elif len(before) < TEXT_LIMIT:
            window.text = before + typed
        self._damaged |= window.text != before and window.content_shown

    def apply_pointer(self, x: int, y: int, buttons: int) -> None:
        """One pointer event that the guest delivered; button bit 0 is the left one."""
        x, y = min(max(x, 0), DESKTOP_WIDTH - 1), min(max(y, 0), DESKTOP_HEIGHT - 1)
        self.cursor = (x, y)
        self._damaged = True  # the cursor's square: its hot spot is always on the desktop
        pressed = bool(buttons & 1)
        if self._drag is not None:
            window, dx, dy = self._drag
            window.x, window.y = x - dx, y - dy
        elif pressed and not self._left:
            hit = next((w for w in reversed(self._stack) if w.covers(x, y)), None)
            if hit is not None:
                self._to_top(hit)
                if y < hit.y + TITLE_ROWS:
                    self._drag = (hit, x - hit.x, y - hit.y)
        if not pressed:
            self._drag = None
        self._left = pressed

    # ---- commands ------------------------------------------------------------------------------------------------

    def apply_command(self, payload: str, words: Mapping[str, str]) -> None:
        """One command that the guest answered ok, with the words of its answer.

        :raises UnknownSceneError: for a command that this model does not know, or that the guest should have refused.
        """
        verb, *rest = payload.split(" ")
        handler = _COMMANDS.get(verb)
        if handler is None:
            raise UnknownSceneError(f"the scene model does not know the command `{payload}`")
        arguments = Words(payload, rest)
        if verb == "hello":
            self.free = words.get("free", "0") == "1"
        handler(self, arguments)
        arguments.done()

    def _nothing(self, arguments: Words) -> None:
        arguments.skip()

    def _create(self, a: Words) -> None:
        number = a.integer("id", range(1, _WINDOW_LIMIT + 1))
        if any(w.id == number for w in self._stack):
            raise a.wrong(f"window {number} exists")
        x, y = a.integer("x", _PLACES), a.integer("y", _PLACES)
        w, h = a.integer("w", _WIDTHS), a.integer("h", _HEIGHTS)
        color, kind = a.color("color"), a.word("kind", "solid")
        if kind not in {"solid", "checker"}:
            raise a.wrong(f"there is no kind {kind}")
        window = _Window(number, x, y, w, h, color, kind == "checker")
        self._stack.append(window)
        self._to_top(window)

    def _destroy(self, a: Words) -> None:
        window = self._named(a)
        self._damaged |= window.shown
        self._stack.remove(window)
        self._leave(window)

    def _move(self, a: Words) -> None:
        window = self._named(a)
        self._damaged |= window.shown
        window.x, window.y = a.integer("x", _PLACES), a.integer("y", _PLACES)
        self._damaged |= window.shown

    def _resize(self, a: Words) -> None:
        window = self._named(a)
        self._damaged |= window.shown
        window.w, window.h = a.integer("w", _WIDTHS), a.integer("h", _HEIGHTS)
        self._damaged |= window.shown

    def _raise(self, a: Words) -> None:
        window = self._named(a)
        if not window.visible:
            raise a.wrong("the window is hidden")
        self._to_top(window)

    def _lower(self, a: Words) -> None:
        window = self._named(a)
        self._damaged |= window.shown
        self._stack.remove(window)
        self._stack.insert(0, window)
        if self.focus == window.id:
            self._focus_topmost()

    def _hide(self, a: Words) -> None:
        window = self._named(a)
        self._damaged |= window.shown
        window.visible = False
        self._leave(window)

    def _show(self, a: Words) -> None:
        window = self._named(a)
        window.visible = True
        self._to_top(window)

    def _redraw(self, a: Words) -> None:
        window = self._named(a)
        window.redraws += 1
        self._damaged |= window.content_shown

    def _animate(self, a: Words) -> None:
        window = self._named(a)
        window.animated = bool(a.integer("on", range(2)))
        if self.free and window.animated:
            window.counted = False

    def _frames(self, a: Words) -> None:
        ticks = a.integer("n", range(1, 1_000_001))
        moving = False
        for window in self._stack:
            if window.animated:
                window.redraws += ticks
                moving |= window.content_shown
        if self._frames_due is not None:
            self._frames_due += ticks if moving else int(self._damaged)
        self._damaged = False
        if not self.free:
            self._presented = self.pending()

    def _soak(self, a: Words) -> None:
        a.integer("clients", range(1, _WINDOW_LIMIT + 1))
        a.integer("seconds")
        if self._stack:
            raise a.wrong("windows exist")
        self._damaged = True
        self._presented = None
        self._frames_due = None  # it ends by guest time, so its ticks are not counted

    def _crash(self, a: Words) -> None:
        if a.word("kind") not in _CRASHES:
            raise a.wrong("there is no such kind")
        a.skip()

    # ---- stacking and focus --------------------------------------------------------------------------------------

    def _find(self, number: int) -> _Window:
        return next(w for w in self._stack if w.id == number)

    def _named(self, a: Words) -> _Window:
        number = a.integer("id")
        window = next((w for w in self._stack if w.id == number), None)
        if window is None:
            raise a.wrong(f"there is no window {number}")
        return window

    def _to_top(self, window: _Window) -> None:
        self._stack.remove(window)
        self._stack.append(window)
        self._damaged |= window.shown
        self._give_focus(window.id)

    def _leave(self, window: _Window) -> None:
        if self._drag is not None and self._drag[0] is window:
            self._drag = None
        if self.focus == window.id:
            self._focus_topmost()

    def _focus_topmost(self) -> None:
        self._give_focus(next((w.id for w in reversed(self._stack) if w.visible), 0))

    def _give_focus(self, number: int) -> None:
        if number != self.focus:
            self._damaged |= any(w.shown for w in self._stack if w.id in (number, self.focus))
        self.focus = number


_COMMANDS: Mapping[str, Callable[[Scene, Words], None]] = {
    "create": Scene._create,
    "destroy": Scene._destroy,
    "move": Scene._move,
    "resize": Scene._resize,
    "raise": Scene._raise,
    "focus": Scene._raise,
    "lower": Scene._lower,
    "hide": Scene._hide,
    "show": Scene._show,
    "redraw": Scene._redraw,
    "animate": Scene._animate,
    "frames": Scene._frames,
    "soak": Scene._soak,
    "crash": Scene._crash,
    **dict.fromkeys(
        ("hello", "frame", "query", "scenario", "milestone", "verify", "complete", "poweroff", "exit"), Scene._nothing
    ),
}
