"""A client of the guest's compositor: its window, the events that wait for it, and what it draws when it reads them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace

from harness.clients import workloads
from harness.clients.keyboard import BACKSPACE
from harness.clients.scene_events import (
    Animate,
    Birth,
    ClientEvent,
    Configure,
    Copy,
    FrameCallback,
    Freeze,
    Offer,
    Order,
    Redraw,
    Rise,
    Start,
    Theme,
    Turn,
    Typed,
)
from harness.clients.scene_pictures import advance
from harness.clients.scene_views import (
    DESKTOP,
    PHASES,
    Blocks,
    Content,
    Surface,
    WindowView,
    inside,
)
from harness.clients.workloads import Work
from harness.geometry import Rect

TEXT_LIMIT = 256  # characters a window keeps
FIRST_HOST_CLIENT = 97  # ids below are the guest's own clients


@dataclass(slots=True)
class Client:
    """One client with one window. `color` is the accent of its title bar, `fill` the colour of its content."""

    id: int
    x: int
    y: int
    w: int
    h: int
    color: int
    fill: int
    checker: bool
    title: str
    birth: Birth | None = None
    visible: bool = True
    fullscreen: bool = False
    told_fullscreen: bool = False  # what the compositor asked for; a client that does not read has not followed yet
    stopped: bool = False
    frozen: bool = False
    acknowledges: bool = True  # configures
    light: bool = False
    redraws: int = 0
    animated: bool = False
    counted: bool = True  # whether what it shows is known; ticks of a free-running guest are not
    text: str = ""
    work: Work | None = None
    picture: int | None = None
    blocks: tuple[Blocks, ...] = ()
    surface: Surface | None = None
    inbox: list[ClientEvent] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    _open: bool = False  # a slow reader's eyes
    _content: Content | None = None
    _view: WindowView | None = None

    @classmethod
    def born(cls, birth: Birth, *, light: bool) -> Client:
        """The client right after its first commit."""
        b = birth
        title = f"client {b.id}"
        return cls(b.id, b.x, b.y, b.w, b.h, b.color, b.color, b.checker, title, birth=b, light=light)

    def fork(self) -> Client:
        return replace(
            self,
            inbox=list(self.inbox),
            orders=list(self.orders),
            work=None if self.work is None else replace(self.work),
        )

    # ---- what it shows -------------------------------------------------------------------------------------------

    @property
    def outer(self) -> Rect:
        return DESKTOP if self.fullscreen else Rect(self.x, self.y, self.w, self.h)

    @property
    def inner(self) -> Rect:
        """Where its content is on the desktop."""
        return DESKTOP if self.fullscreen else inside(self.outer)

    def covers(self, x: int, y: int) -> bool:
        area = self.outer
        return self.visible and area.x <= x < area.x + area.w and area.y <= y < area.y + area.h

    def view(self, *, focused: bool) -> WindowView:
        """Its window. The same object again while nothing changed."""
        area, view = self.outer, self._view
        content = self._content
        if content is None:
            phase = self.redraws % PHASES if self.checker else 0
            light = self.light and bool(self.text)
            content = self._content = Content(
                self.fill, self.checker, phase, self.text, light, self.picture, self.blocks, self.surface
            )
        if (
            view is None
            or view.content is not content
            or view.focused is not focused
            or view.fullscreen is not self.fullscreen
            or (view.x, view.y, view.w, view.h) != (area.x, area.y, area.w, area.h)
            or (view.color, view.title) != (self.color, self.title)
        ):
            view = self._view = WindowView(
                self.id, area.x, area.y, area.w, area.h, self.color, focused, content, self.title, self.fullscreen
            )
        return view

    def changed(self) -> None:
        """Its content is not as `view` told it last."""
        self._content = None

    # ---- when it reads -------------------------------------------------------------------------------------------

    @property
    def host(self) -> bool:
        """It is a client of the host: what it shows is what it commits."""
        return self.id >= FIRST_HOST_CLIENT

    @property
    def reads(self) -> bool:
        """Whether an event that is sent to it now is acted upon at once."""
        return not (self.stopped or self.frozen or self.host) and (self._open or not self.slow)

    @property
    def slow(self) -> bool:
        return self.work is not None and self.work.name == "slow"

    @property
    def ticking(self) -> bool:
        """Whether a tick is anything to it: it asked for a frame callback, or is a slow reader."""
        return self.animated or self.work is not None

    @property
    def idle(self) -> bool:
        """Whether ticks are nothing to it until it reads again: the one callback that it asked for waits already."""
        return (self.stopped or self.frozen) and (self.slow or FrameCallback() in self.inbox)

    @property
    def steady(self) -> bool:
        """Whether n ticks at once (`leap`) leave it as n ticks one by one."""
        if not self.reads or self.inbox:
            return False
        return self.animated if self.work is None else self.work.steady and not self.animated

    def deliver(self, event: ClientEvent | Order, turn: Turn) -> None:
        if isinstance(event, Order):
            self.orders.append(event)
        else:
            self.inbox.append(event)
        self.run(turn)

    def run(self, turn: Turn) -> None:
        """Give it time: it acts upon what waits for it, as far as it reads; orders reach a slow reader too."""
        while not (self.stopped or self.frozen):
            if self.orders:
                self._obey(self.orders.pop(0), turn)
            elif self.inbox and self.reads:
                self._act(self.inbox.pop(0), turn)
            else:
                break

    def tick(self, turn: Turn) -> None:
        """A tick. A visible window's client gets the callback that it asked for, unless one waits for it already."""
        if self.visible and (self.animated or (self.work is not None and not self.slow)):
            callback = FrameCallback()
            if callback not in self.inbox:
                self.inbox.append(callback)
        if self.slow and self.work is not None and not (self.stopped or self.frozen):
            self._open = workloads.reads(self.work.k)
            self.work.k += 1
        self.run(turn)

    def shut(self) -> None:
        """The tick is over: a slow reader reads no more."""
        self._open = False

    def leap(self, ticks: int) -> None:
        """*ticks* ticks at once, without damage; for a `steady` client only."""
        work = self.work
        if work is None or work.name == "full":
            self.redraws, self.checker = self.redraws + ticks, self.checker or work is not None
        else:
            self.fill, self.checker = workloads.solid(work.seed, work.k + ticks - 1), False
        if work is not None:
            work.k += ticks
        self.blocks, self.picture = (), None
        self.changed()

    # ---- what it does --------------------------------------------------------------------------------------------

    def _obey(self, order: Order, turn: Turn) -> None:
        match order:
            case Redraw():
                self.redraws += 1
                self.draw(turn)
            case Animate(on):
                self.animated = on
            case Start(work):
                self.work = copy(work)  # a fork of the scene may hold the same order, and its ticks are its own
            case Freeze():
                self.frozen = True
            case Copy(text):
                turn.requests.append(Offer(self.id, text, if_focused=False))

    def _act(self, event: ClientEvent, turn: Turn) -> None:
        match event:
            case FrameCallback():
                advance(self, turn)
            case Typed(text):
                self._type(text, turn)
            case Configure(size, fullscreen):
                self.resize(size or (self.w, self.h), self.fullscreen if fullscreen is None else fullscreen, turn)
            case Theme(light):
                self.light = light
                self.draw(turn)

    def damage(self, area: Rect, turn: Turn) -> None:
        """Nothing of a hidden window is damaged."""
        if self.visible:
            turn.damage.add(area)

    def resize(self, size: tuple[int, int], fullscreen: bool, turn: Turn) -> None:
        """It commits a buffer of another size."""
        self.damage(self.outer, turn)
        (self.w, self.h), self.fullscreen = size, fullscreen
        self.draw(turn)
        self.damage(self.outer, turn)
        if fullscreen and self.visible:
            turn.requests.append(Rise(self.id))

    def draw(self, turn: Turn) -> None:
        """Draw the content as a whole."""
        self.blocks = ()
        if self.work is None or self.work.name != "media":
            self.picture = None
        self.changed()
        self.damage(self.inner, turn)

    def _type(self, typed: str, turn: Turn) -> None:
        before = self.text
        for character in typed:
            if character == BACKSPACE:
                self.text = self.text[:-1]
            elif len(self.text) < TEXT_LIMIT:
                self.text += character
        if self.text != before:
            self.draw(turn)
