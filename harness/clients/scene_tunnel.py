"""What clients of the host show, from the bytes that they send through the tunnel (docs/protocol.md)."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.clients.scene import Scene
from harness.clients.scene_clients import FIRST_HOST_CLIENT
from harness.clients.wayland.errors import WireError
from harness.clients.wayland.framing import FrameSplitter
from harness.clients.wayland.objects import Side
from harness.clients.wayland.session import Call, Session
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

_FIRST_FURTHER = 105  # ids of a client's windows but its first
_POSITIONS = -4096, 4095
_TITLE = 63
_MOVING_EDGES = 1 | 4  # top, left: their drag moves the window too
_OPEN = frozenset(  # requests whose effects this model does not follow
    ("xdg_toplevel.set_fullscreen", "xdg_toplevel.unset_fullscreen", "xdg_toplevel.move",
     "rayos_shell_v1.key", "rayos_shell_v1.motion", "rayos_shell_v1.button")
)  # fmt: skip


@dataclass(slots=True)
class _Buffer:
    memory: bytearray
    offset: int
    width: int
    height: int
    stride: int

    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The pixels now, 0x00RRGGBB, shape (height, width)."""
        end = self.offset + self.stride * self.height
        rows = np.frombuffer(self.memory, np.uint8)[self.offset : end].reshape(self.height, self.stride)
        return rows[:, : 4 * self.width].copy().view("<u4") & np.uint32(0xFFFFFF)


@dataclass(slots=True)
class _Surface:
    attached: bool = False
    waiting: _Buffer | None = None  # attached, not committed
    shown: _Buffer | None = None
    damage: list[Rect] = field(default_factory=list)
    toplevel: bool = False
    window: int | None = None  # its id while it is mapped
    title: str | None = None
    place: tuple[int, int] | None = None
    accent: int | None = None
    geometry: Rect | None = None


@dataclass(slots=True)
class _Connection:
    client: int
    session: Session = field(default_factory=Session)
    requests: FrameSplitter = field(default_factory=FrameSplitter)
    events: FrameSplitter = field(default_factory=FrameSplitter)
    handles: dict[int, bytearray | None] = field(default_factory=dict)  # None: memory of others, came with an event
    sent: deque[bytearray] = field(default_factory=deque)
    things: dict[int, Any] = field(default_factory=dict)  # what stands behind the ids of the client
    drags: bool = False  # it has offered something by drag and drop
    ended: bool = False


class Tunnel:
    """Feed it every `wire-*` command that the guest answered ok, in order: it tells the scene's host windows.

    What is handed over between clients is not followed: where a client of the guest may get a text from one of the host
    (a paste, a drop) the scene becomes unknown.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._connections: dict[int, _Connection] = {}

    def apply(self, payload: str, words: Mapping[str, str]) -> None:
        """One command, with the words of its answer.

        :raises UnknownSceneError: if what it shows cannot be told.
        """
        verb, *rest = payload.split(" ")
        a = dict(word.split("=", 1) for word in rest)
        number = int(words["conn"] if verb == "wire-open" else a["conn"])
        if verb == "wire-open":
            self._connections[number] = _Connection(FIRST_HOST_CLIENT - 1 + number)
            return
        connection = self._connections.get(number)
        if connection is None:
            raise UnknownSceneError(f"connection {number} of the tunnel was opened where nobody saw it")
        match verb:
            case "wire-memory":
                memory = bytearray(int(a["size"]))
                connection.handles[int(words["fd"])] = memory
                connection.sent.append(memory)
            case "wire-fill" | "wire-put":
                self._write(connection, verb, a)
            case "wire-send" | "wire-recv":
                self._talk(connection, b64decode(a.get("data", "")), words)
            case "wire-close":
                self._end(connection)
                del self._connections[number]

    def lost(self, client: int) -> None:
        """The guest says that it closed the connection of *client*."""
        connection = self._connections.get(client - FIRST_HOST_CLIENT + 1)
        if connection is not None:
            self._end(connection)

    def _end(self, connection: _Connection) -> None:
        connection.ended = True
        for surface in {id(t): t for t in connection.things.values() if isinstance(t, _Surface)}.values():
            self._unmap(surface)

    def _write(self, connection: _Connection, verb: str, a: Mapping[str, str]) -> None:
        memory, at = connection.handles[int(a["fd"])], int(a["at"])
        if memory is None:
            if connection.drags:
                raise UnknownSceneError("what a client of the host hands over, perhaps to a client of the guest")
            return
        if verb == "wire-put":
            data = b64decode(a["data"])
        else:
            data = b"".join(struct.pack("<I", p) * n for n, p in struct.iter_unpack("<II", b64decode(a["runs"])))
        memory[at : at + len(data)] = data

    def _talk(self, connection: _Connection, data: bytes, words: Mapping[str, str]) -> None:
        if connection.ended:
            return
        try:
            for frame in connection.requests.feed(data):
                if isinstance(frame, WireError):
                    raise frame
                self._request(connection, connection.session.read(Side.CLIENT, frame, connection.sent))
        except WireError:
            self._end(connection)  # the guest says so too
            return
        came: deque[Any] = deque()
        for handle in words.get("fds", "").split(",") if "fds" in words else ():
            connection.handles[int(handle)] = None
            came.append(handle)
        try:
            for frame in connection.events.feed(b64decode(words.get("data", ""))):
                if isinstance(frame, WireError):
                    raise frame
                connection.session.read(Side.SERVER, frame, came)
        except WireError as error:
            raise UnknownSceneError(f"an event of the guest cannot be read: {error}") from None

    # ---- requests ------------------------------------------------------------------------------------------------

    def _request(self, connection: _Connection, call: Call) -> None:
        a, things = call.arguments, connection.things
        target: Any = things.get(call.object_id)
        match call.name:
            case name if name in _OPEN:
                raise UnknownSceneError(f"what {name} of a client of the host leads to")
            case "xdg_toplevel.resize" if a["edges"] & _MOVING_EDGES:
                raise UnknownSceneError("where a window is whose left or upper edge the user drags")
            case "wl_data_device.start_drag":
                connection.drags = True
            case "wl_data_device.set_selection":
                self._scene.desk.selection = None  # a guest's client that pastes has to wait for the host
            case "wl_shm.create_pool":
                things[a["id"]] = a["fd"]
            case "wl_shm_pool.create_buffer":
                things[a["id"]] = _Buffer(target, a["offset"], a["width"], a["height"], a["stride"])
            case "wl_compositor.create_surface":
                things[a["id"]] = _Surface()
            case "xdg_wm_base.get_xdg_surface":
                things[a["id"]] = things[a["surface"]]
            case "xdg_surface.get_toplevel":
                target.toplevel = True
                things[a["id"]] = target
            case "rayos_shell_v1.get_window":
                things[a["id"]] = things[a["toplevel"]]
            case "wl_surface.attach":
                target.attached, target.waiting = True, things[a["buffer"]] if a["buffer"] is not None else None
            case "wl_surface.damage" | "wl_surface.damage_buffer":
                target.damage.append(Rect(a["x"], a["y"], a["width"], a["height"]))
            case "xdg_surface.set_window_geometry":
                target.geometry = Rect(a["x"], a["y"], a["width"], a["height"])
            case "wl_surface.commit":
                self._commit(connection, target)
            case "wl_surface.destroy" | "xdg_surface.destroy" | "xdg_toplevel.destroy":
                target.toplevel = False
                self._unmap(target)
                if call.name == "xdg_surface.destroy":
                    target.title = target.place = target.accent = target.geometry = None
            case "xdg_toplevel.set_title" | "rayos_window_v1.set_place" | "rayos_window_v1.set_accent":
                self._dress(target, call)

    def _dress(self, surface: _Surface, call: Call) -> None:
        host, values = self._scene.host, call.values
        match call.message.name:
            case "set_title":
                surface.title = values[0].encode("utf-8", "surrogateescape")[:_TITLE].decode("utf-8", "replace")
                if surface.window is not None:
                    host.title(surface.window, surface.title)
            case "set_place":
                x, y = (min(max(v, _POSITIONS[0]), _POSITIONS[1]) for v in values)
                surface.place = x, y
                if surface.window is not None:
                    host.place(surface.window, x, y)
            case _:
                surface.accent = values[0] & 0xFFFFFF
                if surface.window is not None:
                    host.accent(surface.window, surface.accent)

    def _commit(self, connection: _Connection, surface: _Surface) -> None:
        damage, surface.damage = surface.damage, []
        if surface.attached:
            surface.shown, surface.attached, surface.waiting = surface.waiting, False, None
        if not surface.toplevel:
            return
        if surface.shown is None:
            self._unmap(surface)
            return
        pixels, part = surface.shown.pixels(), Rect(0, 0, surface.shown.width, surface.shown.height)
        if surface.geometry is not None:
            common = _common(surface.geometry, part)
            part = common if common is not None else part
        areas = [Rect(d.x - part.x, d.y - part.y, d.w, d.h) for d in damage]
        if surface.window is None:
            surface.window = self._free_id(connection.client)
            if surface.place is not None:
                self._scene.host.place(surface.window, *surface.place)
            if surface.accent is not None:
                self._scene.host.accent(surface.window, surface.accent)
            if surface.title is not None:
                self._scene.host.title(surface.window, surface.title)
        shown = pixels[part.y : part.y + part.h, part.x : part.x + part.w]
        self._scene.host.commit(surface.window, shown, areas)

    def _unmap(self, surface: _Surface) -> None:
        if surface.window is not None:
            client = self._scene.desk.find(surface.window)
            if client is not None:
                surface.place = client.x, client.y
            self._scene.host.gone(surface.window)
        surface.window = None

    def _free_id(self, client: int) -> int:
        number = client
        if self._scene.desk.find(client) is not None:
            number = _FIRST_FURTHER
            while self._scene.desk.find(number) is not None:
                number += 1
        return number


def _common(a: Rect, b: Rect) -> Rect | None:
    left, top = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.x + a.w, b.x + b.w), min(a.y + a.h, b.y + b.h)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None
