"""Windows of the host's own Wayland clients: what they show is what the scenario gave them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from harness.clients.scene_clients import FIRST_HOST_CLIENT, Client
from harness.clients.scene_views import BORDER, DESKTOP_HEIGHT, DESKTOP_WIDTH, TITLE_ROWS, Surface
from harness.geometry import Rect

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.clients.scene_desk import Desk

_PLACE, _ACCENT = (64, 64), 0x808080


class HostWindows:
    """Tell it what the clients of the host asked for, by window id (from 97), in the order of their requests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._unmapped: dict[int, Client] = {}  # windows without a first buffer

    def fork(self, desk: Desk) -> HostWindows:
        other = HostWindows(desk)
        other._unmapped = {number: copy(client) for number, client in self._unmapped.items()}
        return other

    def place(self, number: int, x: int, y: int) -> None:
        """rayos_window_v1.set_place."""
        self._desk.move(self._client(number), x, y)

    def accent(self, number: int, color: int) -> None:
        """rayos_window_v1.set_accent."""
        client = self._client(number)
        client.color = color & 0xFFFFFF
        client.damage(client.outer, self._desk.turn)

    def title(self, number: int, title: str) -> None:
        """xdg_toplevel.set_title."""
        client = self._client(number)
        client.title = title
        client.damage(client.outer, self._desk.turn)

    def commit(self, number: int, pixels: NDArray[np.uint32], areas: list[Rect] | None = None) -> None:
        """wl_surface.commit of a buffer; the first one makes the window, on top and with the focus.

        :param pixels: the buffer as 0x00RRGGBB, shape (height, width); copied.
        :param areas: damage in pixels of the content; None: all of it.
        """
        client = self._client(number)
        self._attach(client, Surface.of(pixels), areas)
        if not client.visible and number in self._unmapped:
            client.visible = True
            del self._unmapped[number]
            self._desk.add(client)
        self._desk.settle()

    def gone(self, number: int) -> None:
        """The toplevel was destroyed, or its client's connection ended."""
        self._unmapped.pop(number, None)
        client = self._desk.find(number)
        if client is not None:
            self._desk.remove(client)

    def _attach(self, client: Client, surface: Surface, areas: list[Rect] | None) -> None:
        """Its window takes the buffer's size and what the compositor told it to be, full-screen or not."""
        client.inbox.clear()  # configures and keys are the business of the host's own client
        height, width = surface.pixels.shape
        size = min(width + 2 * BORDER, DESKTOP_WIDTH), min(height + TITLE_ROWS + BORDER, DESKTOP_HEIGHT)
        if client.told_fullscreen:
            size = client.w, client.h
        client.surface = surface
        client.changed()
        if (*size, client.told_fullscreen) != (client.w, client.h, client.fullscreen):
            client.resize(size, client.told_fullscreen, self._desk.turn)
            return
        inner = client.inner
        for area in [Rect(0, 0, inner.w, inner.h)] if areas is None else areas:
            left, top = max(area.x, 0), max(area.y, 0)
            right, bottom = min(area.x + area.w, inner.w), min(area.y + area.h, inner.h)
            if left < right and top < bottom:
                client.damage(Rect(inner.x + left, inner.y + top, right - left, bottom - top), self._desk.turn)

    def _client(self, number: int) -> Client:
        """
        :raises ValueError: for an id of the guest's own clients.
        """
        if number < FIRST_HOST_CLIENT:
            raise ValueError(f"window {number} belongs to the guest, not to a client of the host")
        found = self._desk.find(number) or self._unmapped.get(number)
        if found is None:
            found = Client(number, *_PLACE, 0, 0, _ACCENT, 0, checker=False, title="", visible=False)
            self._unmapped[number] = found
        return found
