"""Which objects exist on a connection, of what interface and version."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.protocol import Interface, Interfaces

DISPLAY = 1  # the one object that exists from the start
SERVER_FIRST = 0xFF000000  # ids from here on are the server's to give, those below (but 0) the client's
_ID_END = 1 << 32


class Side(StrEnum):
    """Who sent a message: a client requests, a server's messages are events."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(slots=True)
class Object:
    """One object. Not `alive`: destroyed, but the other side may not know yet, and what it says to it means nothing."""

    id: int
    interface: Interface
    version: int
    alive: bool = True


class ObjectTable:
    """The objects of one connection, and the ids that its client may use."""

    def __init__(self, interfaces: Interfaces) -> None:
        self._interfaces = interfaces
        self._objects = {DISPLAY: Object(DISPLAY, interfaces["wl_display"], 1)}
        self._free: list[int] = []
        self._next = DISPLAY + 1

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, id_: int) -> Object | None:
        """The object, alive or not; None if nothing is known of it."""
        return self._objects.get(id_)

    def is_alive(self, id_: int) -> bool:
        found = self._objects.get(id_)
        return found is not None and found.alive

    def known_version(self, interface: str) -> int:
        """The newest version of *interface* that is described; 1 if none is."""
        found = self._interfaces.get(interface)
        return found.version if found else 1

    def allocate(self) -> int:
        """An id for a new object of the client: the one freed last, as libwayland has it, else the first never used.

        A libwayland server takes no id beyond the first never used.
        """
        while self._free:
            free = self._free.pop()
            if free not in self._objects:
                return free
        while self._next in self._objects:  # taken by raw bytes
            self._next += 1
        self._next += 1
        return self._next - 1

    def give_back(self, id_: int) -> None:
        """An allocated id whose object was not made after all."""
        self._free.append(id_)

    def add(self, side: Side, id_: int, interface: str, version: int) -> Object:
        """A new object that *side* made. An interface that nothing describes has no messages.

        :raises WireError: if the id is in use, or not one of *side*'s.
        """
        ids = range(1, SERVER_FIRST) if side is Side.CLIENT else range(SERVER_FIRST, _ID_END)
        if id_ not in ids:
            raise WireError(Fault.NEW_ID, f"{id_} is not among the ids of the {side}")
        old = self._objects.get(id_)
        # The server frees its ids itself, on the request that destroys the object; for the client's there is delete_id.
        if old is not None and (old.alive or side is Side.CLIENT):
            raise WireError(Fault.NEW_ID, f"{id_} is in use by {old.interface.name}")
        found = self._interfaces.get(interface) or Interface(interface, version)
        self._objects[id_] = Object(id_, found, version)
        return self._objects[id_]

    def destroy(self, id_: int) -> None:
        """One side will not use the object any more."""
        self._objects[id_].alive = False

    def delete(self, id_: int) -> None:
        """Both sides know that the object is gone: the id is free. The server says so with `wl_display.delete_id`.

        :raises WireError: if there is no such object, or it is not the client's.
        """
        if not DISPLAY < id_ < SERVER_FIRST or id_ not in self._objects:
            raise WireError(Fault.ARGUMENT, f"delete_id of {id_}, which is no object of the client")
        del self._objects[id_]
        self._free.append(id_)
