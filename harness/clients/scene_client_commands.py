"""What the commands for clients and their workloads do to the scene (docs/reference-guest.md, "Clients")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from harness.clients import workloads
from harness.clients.scene_clients import Client
from harness.clients.scene_events import Copy, Freeze, Start, Typed
from harness.clients.scene_views import DESKTOP
from harness.clients.words import UnknownSceneError
from harness.clients.workloads import Work
from harness.geometry import Rect

if TYPE_CHECKING:
    from harness.clients.scene import Scene
    from harness.clients.words import Words

Handler = Callable[["Scene", "Words"], None]

_ON = range(2)
_DIES = ("page_fault", "neighbour", "invalid_opcode", "divide_error", "protection", "exit")
_PROTOCOL = ("no_ack", "bad_object", "bad_opcode", "bad_size", "bad_buffer", "bad_string", "double_role", "flood")
_FREEZES = ("hang", "deaf")
_MISBEHAVIOUR = frozenset((*_DIES, *_PROTOCOL, *_FREEZES, "leak", "no_pong"))


def named(scene: Scene, a: Words, key: str = "id") -> Client:
    """The window that a command names.

    :raises UnknownSceneError: if there is none.
    """
    number = a.integer(key)
    client = scene.desk.find(number)
    if client is None:
        raise a.wrong(f"there is no window {number}")
    return client


def guest(scene: Scene, a: Words) -> Client:
    """The same, of one of the guest's own clients."""
    client = named(scene, a)
    if client.host:
        raise a.wrong(f"window {client.id} belongs to a client of the host")
    return client


def _work(scene: Scene, a: Words) -> None:
    client = guest(scene, a)
    name, seed, rate = a.word("name"), a.word("seed", "1"), a.word("rate", "24")
    if name not in workloads.NAMES | {"stop"}:
        raise a.wrong(f"there is no workload {name}")
    if not re.fullmatch(r"[0-9]{1,10}", seed) or int(seed) not in workloads.SEEDS:
        raise a.wrong(f"seed={seed}")
    if rate not in {str(r) for r in workloads.RATES}:
        raise a.wrong(f"rate={rate}")
    if name in workloads.DRAWING and client.animated:
        raise a.wrong("the window is animated")
    work = None if name == "stop" else Work(name, int(seed), int(rate), (client.w, client.h))
    if scene.free and work is not None:
        scene.loosen(client, work)
    scene.desk.deliver(client, Start(work))


def _misbehave(scene: Scene, a: Words) -> None:
    client, how = guest(scene, a), a.word("how")
    if how not in _MISBEHAVIOUR:
        raise a.wrong(f"there is no misbehaviour {how}")
    if how in _FREEZES:  # what the others lead to is told by markers
        scene.desk.deliver(client, Freeze())
    client.acknowledges = client.acknowledges and how != "no_ack"


def _stop(scene: Scene, a: Words) -> None:
    client = guest(scene, a)
    client.stopped = bool(a.integer("on", _ON))
    client.run(scene.desk.turn)
    scene.desk.settle()


def _kill(scene: Scene, a: Words) -> None:
    a.integer("id")  # its death is told by markers, which may come before the answer


def _supervise(scene: Scene, a: Words) -> None:
    a.integer("on", _ON)


def _theme(scene: Scene, a: Words) -> None:
    name = a.word("name")
    if name not in {"dark", "light"}:
        raise a.wrong(f"there is no theme {name}")
    scene.desk.theme(light=name == "light")


def _copy(scene: Scene, a: Words) -> None:
    client = _focused(scene, a)
    if client.slow:
        raise UnknownSceneError(f"whether client {client.id} has read that it has the focus, so that its offer counts")
    scene.desk.deliver(client, Copy(a.word("text")))


def _paste(scene: Scene, a: Words) -> None:
    client = _focused(scene, a)
    if scene.desk.selection is None:
        raise a.wrong("there is no selection")
    owner = scene.desk.find(scene.desk.selection[0])
    if owner is None or not (owner.reads and client.reads):
        raise a.wrong("who offers or who receives does not read")
    scene.desk.deliver(client, Typed(scene.desk.selection[1]))


def _focused(scene: Scene, a: Words) -> Client:
    client = guest(scene, a)
    if scene.desk.focus != client.id:
        raise a.wrong("the window has not the focus")
    return client


def _drag(scene: Scene, a: Words) -> None:
    desk, source, target = scene.desk, named(scene, a, "from"), named(scene, a, "to")
    (x, y), (u, v) = (_middle(client) for client in (source, target))
    if desk.hit(x, y) is not source or desk.hit(u, v) is not target:
        raise a.wrong("the middle of one of the windows is not visible")
    if desk.pressed or (target is not source and _has(source.outer, u, v)):
        raise a.wrong("a button is pressed, or the source will cover the target")
    for px, py, buttons in ((x, y, 0), (x, y, 1), (u, v, 1), (u, v, 0)):
        desk.pointer(px, py, buttons)
    if source.reads and target.reads:
        desk.deliver(target, Typed(f"drop {source.id}"))


def _middle(client: Client) -> tuple[int, int]:
    """Middle of the content; where it is beside the desktop no window is hit."""
    area = client.inner
    x, y = area.x + area.w // 2, area.y + area.h // 2
    return (x, y) if _has(DESKTOP, x, y) else (-1 << 20, 0)


def _has(area: Rect, x: int, y: int) -> bool:
    return area.x <= x < area.x + area.w and area.y <= y < area.y + area.h


CLIENT_COMMANDS: Mapping[str, Handler] = {
    "work": _work,
    "misbehave": _misbehave,
    "stop": _stop,
    "kill": _kill,
    "supervise": _supervise,
    "theme": _theme,
    "copy": _copy,
    "paste": _paste,
    "drag": _drag,
}
