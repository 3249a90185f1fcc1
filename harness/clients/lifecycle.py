"""What the guest's markers say of clients that die by themselves and come back, told to a scene."""

from __future__ import annotations

import re

from harness.clients.scene import Scene

_CLIENT = re.compile(
    r"RAYOS_(?:FAILURE:(DETECTED:[a-z_]+|RECOVERY_START)|SOAK:CLIENT_(CREATED|DESTROYED)):([0-9]{1,5})"
)
_LIVES_ON = frozenset(("DETECTED:hang", "DETECTED:unresponsive"))


def is_lifecycle(text: str) -> bool:
    """Whether this marker says that a client came, died or comes back."""
    found = _CLIENT.fullmatch(text)
    return found is not None and found[1] not in _LIVES_ON


def apply_lifecycle(scene: Scene, text: str) -> None:
    """One marker for which `is_lifecycle` holds. What the scene knows from the command that led to it is no news."""
    found = _CLIENT.fullmatch(text)
    if found is None:
        return
    number = int(found[3])
    if found[1] == "RECOVERY_START":
        scene.client_restarts(number)
    elif found[2] == "CREATED":
        scene.client_created(number)
    else:
        scene.client_died(number)
