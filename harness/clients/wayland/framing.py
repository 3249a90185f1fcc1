"""Messages in a byte stream: object id, size and opcode in front, nothing about what the body means."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.clients.wayland.errors import Fault, WireError

HEADER = struct.Struct("<II")  # object id; size << 16 | opcode. A socket has host byte order: this one on all our hosts
MESSAGE_LIMIT = 4096
"""Bytes of the longest message. Not in the protocol's text: libwayland up to 1.22 holds what comes on a connection in
a ring of 4096 bytes (`struct wl_ring_buffer`, src/connection.c), where no longer one is ever whole. Later ones name the
limit: `WL_MAX_MESSAGE_SIZE` in wayland-util.h."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message whose arguments are not read yet."""

    object_id: int
    opcode: int
    body: bytes

    def to_bytes(self) -> bytes:
        """As it goes over the wire. The size is the true one; nothing else is checked."""
        size = HEADER.size + len(self.body)
        return HEADER.pack(self.object_id, size << 16 | self.opcode) + self.body


class FrameSplitter:
    """A byte stream in pieces of any size, to its messages. Holds less than one message."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._error: WireError | None = None

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame | WireError]:
        """What *data* completed, in order.

        A header that cannot be right (`Fault.SIZE`) is the last item there ever is: where the next is, nobody knows.
        """
        found: list[Frame | WireError] = []
        if self._error is not None:
            return found
        self._held += data
        at = 0
        with memoryview(self._held) as held:
            while len(held) - at >= HEADER.size:
                object_id, word = HEADER.unpack_from(held, at)
                size, opcode = word >> 16, word & 0xFFFF
                if size < HEADER.size or size > MESSAGE_LIMIT or size % 4:
                    self._error = WireError(Fault.SIZE, f"a message of {size} bytes", object_id, opcode)
                    found.append(self._error)
                    at = len(held)
                    break
                if len(held) - at < size:
                    break
                found.append(Frame(object_id, opcode, bytes(held[at + HEADER.size : at + size])))
                at += size
        del self._held[:at]
        return found

    def finish(self) -> None:
        """:raises WireError: `Fault.UNFINISHED` if the stream ended inside a message."""
        if self._held:
            raise WireError(Fault.UNFINISHED, f"the stream ended {len(self._held)} bytes into a message")
