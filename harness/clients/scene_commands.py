"""What each command of the control channel does to the scene (docs/reference-guest.md, "Commands" and "Clients")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.clients import workloads
from harness.clients.scene_client_commands import CLIENT_COMMANDS, Handler, guest, named
from harness.clients.scene_clients import Client
from harness.clients.scene_events import Animate, Birth, Configure, Redraw
from harness.clients.words import UnknownSceneError

if TYPE_CHECKING:
    from harness.clients.scene import Scene
    from harness.clients.words import Words

_WINDOW_LIMIT = 96
_WIDTHS, _HEIGHTS, _PLACES = range(48, 993), range(40, 769), range(-4096, 4096)
_ON = range(2)
_CRASHES = frozenset(
    (
        "ud",
        "pf",
        "de",
        "panic",
        "triple",
        "cliloop",
        "clihlt",
        "spin",
        "silent",
        "flood",
        "noise",
        "reboot",
        "compositor",
    )
)
_STRESS = frozenset(("cpu", "memory", "disk", "clients"))
_PERF = frozenset(("present", "commit", "input", "alloc", "disk", "wire"))
_DISK = frozenset(("append", "store", "flush", "read", "trim", "limit", "state"))


def soak_window(index: int, number: int) -> Birth:
    """The window that a soak run creates *index*-th (from 0)."""
    color = 0x304050 + index * 0x071319 & 0xFFFFFF
    return Birth(number, 8 + index % 6 * 163, 32 + index // 6 % 6 * 122, 160, 120, color, checker=True)


def _nothing(scene: Scene, a: Words) -> None:
    a.skip()


def _create(scene: Scene, a: Words) -> None:
    number = a.integer("id", range(1, _WINDOW_LIMIT + 1))
    if scene.desk.find(number) is not None:
        raise a.wrong(f"window {number} exists")
    x, y = a.integer("x", _PLACES), a.integer("y", _PLACES)
    w, h = a.integer("w", _WIDTHS), a.integer("h", _HEIGHTS)
    color, kind = a.color("color"), a.word("kind", "solid")
    if kind not in {"solid", "checker"}:
        raise a.wrong(f"there is no kind {kind}")
    scene.start(Birth(number, x, y, w, h, color, kind == "checker"))


def _destroy(scene: Scene, a: Words) -> None:
    client = named(scene, a)
    if not client.host:  # that is asked to close, and does as it likes
        scene.desk.remove(client)


def _move(scene: Scene, a: Words) -> None:
    client = _windowed(scene, a)
    scene.desk.move(client, a.integer("x", _PLACES), a.integer("y", _PLACES))


def _resize(scene: Scene, a: Words) -> None:
    client = _windowed(scene, a)
    if client.told_fullscreen:
        raise UnknownSceneError(f"the size of client {client.id} on its way to full-screen is not defined")
    client.damage(client.outer, scene.desk.turn)
    scene.desk.deliver(client, Configure((a.integer("w", _WIDTHS), a.integer("h", _HEIGHTS))))


def _windowed(scene: Scene, a: Words) -> Client:
    client = named(scene, a)
    if client.fullscreen:
        raise a.wrong("the window is full-screen")
    return client


def _raise(scene: Scene, a: Words) -> None:
    scene.desk.to_top(_visible(scene, a))


def _visible(scene: Scene, a: Words) -> Client:
    client = named(scene, a)
    if not client.visible:
        raise a.wrong("the window is hidden")
    return client


def _lower(scene: Scene, a: Words) -> None:
    scene.desk.lower(named(scene, a))


def _hide(scene: Scene, a: Words) -> None:
    scene.desk.hide(named(scene, a))


def _show(scene: Scene, a: Words) -> None:
    client = named(scene, a)
    client.visible = True
    scene.desk.to_top(client)


def _fullscreen(scene: Scene, a: Words) -> None:
    client = named(scene, a)
    if not client.acknowledges:
        raise UnknownSceneError(f"what a full-screen client {client.id} shows that acknowledges nothing is not defined")
    if a.integer("on", _ON):
        client.told_fullscreen = True
        scene.desk.deliver(client, Configure(fullscreen=True))
    elif client.told_fullscreen:
        client.told_fullscreen = False
        scene.desk.deliver(client, Configure(fullscreen=False))


def _redraw(scene: Scene, a: Words) -> None:
    scene.desk.deliver(_undrawn(scene, a), Redraw())


def _animate(scene: Scene, a: Words) -> None:
    client = _undrawn(scene, a)
    on = bool(a.integer("on", _ON))
    if scene.free and on:
        client.counted = False
    scene.desk.deliver(client, Animate(on))


def _undrawn(scene: Scene, a: Words) -> Client:
    client = guest(scene, a)
    if client.work is not None and client.work.name in workloads.DRAWING:
        raise a.wrong(f"the workload {client.work.name} draws the window")
    return client


def _frames(scene: Scene, a: Words) -> None:
    scene.run_ticks(a.integer("n", range(1, 1_000_001)))


def _soak(scene: Scene, a: Words) -> None:
    count, seconds = a.integer("clients", range(1, _WINDOW_LIMIT + 1)), a.integer("seconds", range(1, 86_401))
    if scene.desk.stack:
        raise a.wrong("windows exist")
    scene.soak(count, seconds)


def _stress(scene: Scene, a: Words) -> None:
    kind = a.word("kind")
    if kind not in _STRESS:
        raise a.wrong(f"there is no kind {kind}")
    a.integer("level", range(1, 101))
    scene.stress(a.integer("seconds", range(1, 3601)), clients=kind == "clients")


def _perf(scene: Scene, a: Words) -> None:
    if a.word("op") not in _PERF:
        raise a.wrong("there is no such operation")
    a.integer("n", range(1, 100_001))
    scene.lose_count()


def _disk(scene: Scene, a: Words) -> None:
    if a.word("do") not in _DISK:
        raise a.wrong("there is no such operation")
    a.skip()


def _net(scene: Scene, a: Words) -> None:
    if a.word("do") == "beat":
        scene.run_ticks(a.integer("n", range(1, 1_000_001)))
    a.skip()


def _crash(scene: Scene, a: Words) -> None:
    kind = a.word("kind")
    if kind not in _CRASHES:
        raise a.wrong("there is no such kind")
    if kind == "compositor":
        for client in tuple(scene.desk.stack):
            scene.client_died(client.id)
        scene.desk.restart()
    a.skip()


COMMANDS: Mapping[str, Handler] = {
    **CLIENT_COMMANDS,
    "create": _create,
    "destroy": _destroy,
    "move": _move,
    "resize": _resize,
    "raise": _raise,
    "focus": _raise,
    "lower": _lower,
    "hide": _hide,
    "show": _show,
    "fullscreen": _fullscreen,
    "redraw": _redraw,
    "animate": _animate,
    "frames": _frames,
    "soak": _soak,
    "stress": _stress,
    "perf": _perf,
    "disk": _disk,
    "net": _net,
    "crash": _crash,
    **dict.fromkeys(
        (
            "hello",
            "frame",
            "query",
            "scenario",
            "milestone",
            "verify",
            "complete",
            "client",
            "poweroff",
            "exit",
            "integrity",
        ),
        _nothing,
    ),
    **dict.fromkeys(  # harness/clients/scene_tunnel.py
        ("wire-open", "wire-send", "wire-recv", "wire-memory", "wire-fill", "wire-put", "wire-get", "wire-close"),
        _nothing,
    ),
}
