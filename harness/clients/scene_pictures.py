"""The next picture of a client, as its animation and its workload ask at a frame callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clients import workloads
from harness.clients.scene_events import Keystroke, Motion, Offer, Turn
from harness.clients.scene_views import Blocks
from harness.geometry import Rect

if TYPE_CHECKING:
    from harness.clients.scene_clients import Client


def advance(client: Client, turn: Turn) -> None:
    """Its next picture, as its animation and its workload ask."""
    if client.animated:
        client.redraws += 1
        client.draw(turn)
    work = client.work
    if work is None or client.slow:
        return
    k, work.k = work.k, work.k + 1
    match work.name:
        case "solid":
            client.fill, client.checker = workloads.solid(work.seed, k), False
            client.draw(turn)
        case "full" | "surge" if work.name == "full" or workloads.surges(k):
            client.redraws, client.checker = client.redraws + 1, True
            client.draw(turn)
        case "damage":
            _block(client, work.seed, k, turn)
        case "media":
            picture = workloads.picture(work.seed, work.rate, k)
            if picture is not None:
                client.picture = picture
                client.draw(turn)
        case "typist":
            if letter := workloads.letter(work.seed, k):
                turn.requests.append(Keystroke(letter))
        case "pointer":
            turn.requests.extend(Motion(x, y) for x, y in workloads.motions(work.seed, k))
        case "resize":
            _grow(client, workloads.size(work.base, k), turn)
        case "clipboard" if workloads.offers(k):
            turn.requests.append(Offer(client.id, f"c{k}", if_focused=True))


def _block(client: Client, seed: int, k: int, turn: Turn) -> None:
    last = client.blocks[-1] if client.blocks else None
    if last is not None and (last.seed, last.stop) == (seed, k):
        client.blocks = (*client.blocks[:-1], Blocks(seed, last.start, k + 1))
    else:
        client.blocks = (*client.blocks, Blocks(seed, k, k + 1))
    client.changed()
    inner = client.inner
    block = workloads.block(seed, k, inner.w, inner.h)
    client.damage(Rect(inner.x + block.x, inner.y + block.y, block.w, block.h), turn)


def _grow(client: Client, size: tuple[int, int], turn: Turn) -> None:
    if client.fullscreen:
        return
    if size == (client.w, client.h):
        client.draw(turn)
    else:
        client.resize(size, False, turn)
