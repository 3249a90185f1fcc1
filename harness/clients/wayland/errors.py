"""What can be wrong on a Wayland connection. The other side did it: none of these is a `UsageError` or `LabError`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.clients.wayland.remote import Event


class Fault(StrEnum):
    """How a message breaks the wire format or the protocol."""

    SIZE = "size"  # header: under 8 bytes, over 4096, or no multiple of 4
    OBJECT = "object"  # addressed to an object that does not exist (any more)
    OPCODE = "opcode"  # the object's interface has no such message
    VERSION = "version"  # the message is newer than the version that the object was bound with
    TRUNCATED = "truncated"  # the message ends before its arguments do
    TRAILING = "trailing"  # bytes after the last argument
    UNTERMINATED = "unterminated"  # a string without NUL at its end
    INNER_NUL = "inner-nul"  # a string with a NUL before its end
    NULL = "null"  # null where the protocol allows none
    ARGUMENT = "argument"  # an object argument that names no object, or one of another interface
    NEW_ID = "new-id"  # an id in use, or out of its side's range
    FD = "fd"  # a file descriptor that did not come, or one that no message took
    UNFINISHED = "unfinished"  # the stream ended inside a message


class PeerError(HarnessError):
    """The other side of the connection did something wrong, or ended it.

    `events` is what came before it in the wait that it ended.
    """

    events: tuple[Event, ...] = ()


class WireError(PeerError):
    """A message that breaks the wire format or the protocol. `object_id` and `opcode` are its header's, or None."""

    def __init__(self, fault: Fault, detail: str, object_id: int | None = None, opcode: int | None = None) -> None:
        place = "" if object_id is None else f" (object {object_id}, opcode {opcode})"
        super().__init__(f"{fault}: {detail}{place}")
        self.fault = fault
        self.detail = detail
        self.object_id = object_id
        self.opcode = opcode


class CompositorError(PeerError):
    """The compositor sent `wl_display.error`: a request was wrong, and the connection is over.

    `name` is what the interface's error enum calls `code`; the number where it does not say.
    """

    def __init__(self, object_id: int, interface: str, code: int, name: str, message: str) -> None:
        super().__init__(f"{interface}@{object_id}: {name}: {message}")
        self.object_id = object_id
        self.interface = interface
        self.code = code
        self.name = name
        self.message = message


class ConnectionEnded(PeerError):
    """The compositor closed the connection."""


class Unanswered(PeerError):
    """A compositor that is idle, with every request handled, has not sent what was waited for, and never will."""


class Refused(PeerError):
    """The guest refused a command of the tunnel. `reason` is the control protocol's: `limit`, `id`, `state` …"""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"the guest refused {command}: {reason}")
        self.reason = reason.partition(" ")[0]
