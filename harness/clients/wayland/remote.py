"""What a client holds: objects of the compositor that it makes requests to, and the events that come from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.clients.wayland.codec import Value
from harness.clients.wayland.protocol import Interface

if TYPE_CHECKING:
    from harness.clients.wayland.connection import Connection

Handler: TypeAlias = Callable[["Event"], None]


class RemoteObject:
    """One object of a connection. Each request of its interface is a method: `surface.attach(buffer, 0, 0)`.

    A method takes the request's arguments without the new object, and returns that: `pool = shm.create_pool(file, n)`.
    `wl_registry.bind` takes interface and version instead. Requests go out with the next wait or `Connection.flush`.
    """

    def __init__(self, connection: Connection, id_: int, interface: Interface, version: int) -> None:
        self._connection = connection
        self._handlers: dict[str, Handler] = {}
        self.id = id_
        self.interface = interface
        self.version = version

    def __repr__(self) -> str:
        return f"{self.interface.name}@{self.id}"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self.interface.requests_by_name:
            raise AttributeError(f"{self.interface.name} has no request {name!r}")
        return lambda *arguments: self._connection.request(self, name, *arguments)

    def on(self, event: str, handler: Handler) -> None:
        """Call *handler* with each such event, before it is returned. It may make requests; one handler for each event.

        :raises KeyError: if the interface has no such event.
        """
        if all(event != message.name for message in self.interface.events):
            raise KeyError(f"{self.interface.name} has no event {event!r}")
        self._handlers[event] = handler

    def handle(self, event: Event) -> None:
        """Give *event* to its handler, if it has one."""
        if handler := self._handlers.get(event.name):
            handler(event)


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Arguments by name; objects and new objects as `RemoteObject`, descriptors as `File`."""

    object: RemoteObject
    name: str
    arguments: Mapping[str, Value]

    def __getitem__(self, argument: str) -> Value:
        return self.arguments[argument]


@dataclass(frozen=True, slots=True)
class Global:
    """Something that the compositor offers to bind. `name` is its number in the registry."""

    name: int
    interface: str
    version: int
