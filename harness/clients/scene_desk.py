"""The compositor's side of the scene: stacking, focus, pointer, selection, ticks."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.clients.keyboard import Keyboard
from harness.clients.scene_clients import Client
from harness.clients.scene_events import ClientEvent, Keystroke, Motion, Offer, Order, Rise, Theme, Turn, Typed
from harness.clients.scene_views import (
    CURSOR_SIZE,
    DESKTOP,
    DESKTOP_HEIGHT,
    DESKTOP_WIDTH,
    TITLE_ROWS,
    clipped,
)
from harness.geometry import Rect


@dataclass(slots=True)
class Desk:
    """Windows from bottom to top, who has the focus, where the pointer is, and what was damaged since the last tick."""

    stack: list[Client] = field(default_factory=list)
    focus: int = 0
    cursor: tuple[int, int] | None = None
    light: bool = False
    selection: tuple[int, str] | None = None  # client, text
    turn: Turn = field(default_factory=Turn)
    keyboard: Keyboard = field(default_factory=Keyboard)
    _drag: tuple[int, int, int] | None = None  # window, and the pointer's place in it
    _buttons: int = 0

    def fork(self) -> Desk:
        return Desk(
            [client.fork() for client in self.stack],
            self.focus,
            self.cursor,
            self.light,
            self.selection,
            self.turn.fork(),
            self.keyboard.fork(),
            self._drag,
            self._buttons,
        )

    def find(self, number: int) -> Client | None:
        return next((c for c in self.stack if c.id == number), None)

    def hit(self, x: int, y: int) -> Client | None:
        """The topmost visible window there."""
        return next((c for c in reversed(self.stack) if c.covers(x, y)), None)

    def deliver(self, client: Client, event: ClientEvent | Order) -> None:
        """Send an event or an order, and do what that leads to."""
        client.deliver(event, self.turn)
        self.settle()

    # ---- stacking and focus --------------------------------------------------------------------------------------

    def add(self, client: Client) -> None:
        self.stack.append(client)
        self.to_top(client)

    def to_top(self, client: Client) -> None:
        self.stack.remove(client)
        self.stack.append(client)
        client.damage(client.outer, self.turn)
        self._give_focus(client.id)

    def lower(self, client: Client) -> None:
        self.stack.remove(client)
        self.stack.insert(0, client)
        client.damage(client.outer, self.turn)
        if self.focus == client.id:
            self._focus_topmost()

    def move(self, client: Client, x: int, y: int) -> None:
        client.damage(client.outer, self.turn)
        client.x, client.y = x, y
        client.damage(client.outer, self.turn)

    def hide(self, client: Client) -> None:
        client.damage(client.outer, self.turn)
        client.visible = False
        self._leave(client)

    def remove(self, client: Client) -> None:
        client.damage(client.outer, self.turn)
        self.stack.remove(client)
        if self.selection is not None and self.selection[0] == client.id:
            self.selection = None
        self._leave(client)

    def end_drag(self, client: Client) -> None:
        if self._drag is not None and self._drag[0] == client.id:
            self._drag = None

    def _leave(self, client: Client) -> None:
        self.end_drag(client)
        if self.focus == client.id:
            self._focus_topmost()

    def _focus_topmost(self) -> None:
        self._give_focus(next((c.id for c in reversed(self.stack) if c.visible), 0))

    def _give_focus(self, number: int) -> None:
        if number != self.focus:
            for client in self.stack:
                if client.id in (number, self.focus):
                    client.damage(client.outer, self.turn)
        self.focus = number

    # ---- input ---------------------------------------------------------------------------------------------------

    def key(self, down: bool, scancode: int) -> None:
        """A key of the one keyboard; what it types goes to the focused window."""
        typed = self.keyboard.key(down, scancode)
        client = self.find(self.focus)
        if typed and client is not None:
            self.deliver(client, Typed(typed))

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """The pointer moves, then its buttons change; bit 0 is the left one."""
        x, y = min(max(x, 0), DESKTOP_WIDTH - 1), min(max(y, 0), DESKTOP_HEIGHT - 1)
        for place in (self.cursor, (x, y)):
            if place is not None:
                self.turn.damage.add(Rect(*place, CURSOR_SIZE, CURSOR_SIZE))
        self.cursor = (x, y)
        pressed, held = bool(buttons & 1), bool(self._buttons & 1)
        if self._drag is not None:
            number, dx, dy = self._drag
            dragged = self.find(number)
            if dragged is not None:
                self.move(dragged, x - dx, y - dy)
        elif pressed and not held:
            self._press(x, y)
        if not pressed:
            self._drag = None
        self._buttons = buttons

    @property
    def pressed(self) -> bool:
        """Whether a button of the mouse is held."""
        return bool(self._buttons)

    def _press(self, x: int, y: int) -> None:
        client = self.hit(x, y)
        if client is None:
            return
        self.to_top(client)
        if not client.fullscreen and y < client.y + TITLE_ROWS:
            self._drag = (client.id, x - client.x, y - client.y)

    def settle(self) -> None:
        """Do what clients asked for, in the order of their requests."""
        while self.turn.requests:
            match self.turn.requests.popleft():
                case Keystroke(letter):
                    scancode = self.keyboard.scancode(letter)
                    self.key(True, scancode)
                    self.key(False, scancode)
                case Motion(x, y):
                    self.pointer(x, y, self._buttons)
                case Rise(number):
                    client = self.find(number)
                    if client is not None:
                        self.end_drag(client)
                        self.to_top(client)
                case Offer(number, text, if_focused):
                    if not if_focused or self.focus == number:
                        self.selection = (number, text)

    # ---- ticks ---------------------------------------------------------------------------------------------------

    def tick(self) -> tuple[Rect, ...]:
        """One tick: clients draw in ascending order of their ids, then what they asked for is done.

        :returns: the damage since the tick before; a frame is presented if there is any.
        """
        ticking = self._ticking()
        for client in ticking:
            client.tick(self.turn)
        self.settle()
        for client in ticking:
            client.shut()
        return self.turn.damage.take()

    def leap(self, ticks: int) -> int | None:
        """*ticks* ticks at once, where each is like the others: how many frames they present; None if they differ."""
        ticking = self._ticking()
        if ticks < 1 or self.turn.damage or not all(client.steady for client in ticking):
            return None
        for client in ticking:
            client.leap(ticks)
        return ticks if any(clipped(client.inner) for client in ticking) else 0

    def _ticking(self) -> list[Client]:
        return sorted((c for c in self.stack if (c.visible or c.slow) and c.ticking and not c.idle), key=lambda c: c.id)

    def restart(self) -> None:
        """The compositor died, with all its windows, and is there again as after a boot."""
        self.cursor, self.light, self.keyboard = None, False, Keyboard()
        self.turn.damage.add(DESKTOP)

    def theme(self, *, light: bool) -> None:
        """The compositor's colours; every client is told."""
        self.light = light
        self.turn.damage.add(DESKTOP)
        for client in list(self.stack):
            if not client.host:
                self.deliver(client, Theme(light))
