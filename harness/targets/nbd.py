"""The server's end of the NBD protocol, as far as QEMU's client speaks it: one export, simple replies, no TLS.

Fixed newstyle negotiation and transmission as the protocol's specification has them (NBD project, `doc/proto.md`).
QEMU sends nothing but reads, writes and flushes: everything else is an option, and none is offered.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Operation = Literal["read", "write", "flush"]
EIO, ENOSPC = 5, 28  # the numbers of the protocol are those of Linux

_MAGIC, _OPTION_MAGIC, _OPTION_REPLY_MAGIC = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_HAS_FLAGS, _SEND_FLUSH = 1, 4
_OPT_EXPORT_NAME, _OPT_ABORT, _OPT_INFO, _OPT_GO = 1, 2, 6, 7
_REP_ACK, _REP_INFO, _ERR_UNSUP = 1, 3, 0x80000001
_INFO_EXPORT, _INFO_BLOCK_SIZE = 0, 3
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_OPERATIONS: dict[int, Operation] = {_READ: "read", _WRITE: "write", _FLUSH: "flush"}
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
LONGEST = 32 << 20  # bytes of one request: what a server may count on by the specification
_OPTION_LONGEST = 64 << 10


class NbdError(Exception):
    """The client broke the protocol."""


@dataclass(frozen=True, slots=True)
class Request:
    """`offset` and `length` in bytes; `data` is what is to be written."""

    operation: Operation
    offset: int = 0
    length: int = 0
    data: bytes = b""


Answer = Callable[[Request], "tuple[int, bytes]"]
"""From a request to its error number (0: none) and, of a read, the bytes."""


def serve(client: socket.socket, size: int, block: int, answer: Answer) -> None:
    """Serve *client*, request by request in the order in which they come, until it goes.

    :param size: of the export, in bytes.
    :param block: bytes: the client sends no request that is not aligned to it.
    :raises NbdError: if the client breaks the protocol.
    :raises OSError: if the connection breaks.
    """
    if not _negotiate(client, size, block):
        return
    while (header := _exactly(client, _REQUEST.size, may_end=True)) is not None:
        magic, _, kind, handle, offset, length = _REQUEST.unpack(header)
        if magic != _REQUEST_MAGIC:
            raise NbdError(f"a request begins with {magic:#x}")
        if kind == _DISCONNECT:
            return
        operation = _OPERATIONS.get(kind)
        if operation is None or length > LONGEST or offset + length > size:
            raise NbdError(f"request {kind} of {length} bytes at {offset}")
        data = _must(client, length) if operation == "write" else b""
        error, found = answer(Request(operation, offset, length, data))
        if not error and operation == "read" and len(found) != length:
            raise NbdError(f"{len(found)} bytes were read where {length} are wanted")
        client.sendall(_REPLY.pack(_REPLY_MAGIC, error, handle) + (b"" if error else found))


def _negotiate(client: socket.socket, size: int, block: int) -> bool:
    """Whether the client goes on to requests."""
    client.sendall(struct.pack(">QQH", _MAGIC, _OPTION_MAGIC, _FIXED_NEWSTYLE | _NO_ZEROES))
    if _exactly(client, 4, may_end=True) is None:  # its flags
        return False
    about = struct.pack(">QH", size, _HAS_FLAGS | _SEND_FLUSH)
    while (head := _exactly(client, 16, may_end=True)) is not None:
        magic, option, length = struct.unpack(">QII", head)
        if magic != _OPTION_MAGIC or length > _OPTION_LONGEST:
            raise NbdError(f"an option begins with {magic:#x} and has {length} bytes")
        _must(client, length)
        if option == _OPT_EXPORT_NAME:
            client.sendall(about)
            return True
        if option in (_OPT_GO, _OPT_INFO):
            _reply(client, option, _REP_INFO, struct.pack(">H", _INFO_EXPORT) + about)
            _reply(client, option, _REP_INFO, struct.pack(">HIII", _INFO_BLOCK_SIZE, block, 4096, LONGEST))
            _reply(client, option, _REP_ACK)
            if option == _OPT_GO:
                return True
        elif option == _OPT_ABORT:
            _reply(client, option, _REP_ACK)
            return False
        else:
            _reply(client, option, _ERR_UNSUP)
    return False


def _reply(client: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    client.sendall(struct.pack(">QIII", _OPTION_REPLY_MAGIC, option, kind, len(data)) + data)


def _must(client: socket.socket, length: int) -> bytes:
    data = _exactly(client, length)
    if data is None:
        raise NbdError("the connection ended within a request")
    return data


def _exactly(client: socket.socket, length: int, *, may_end: bool = False) -> bytes | None:
    """*length* bytes, or None if there are no more (in the middle of them only where it *may_end* there too)."""
    data = bytearray(length)
    got = 0
    while got < length:
        n = client.recv_into(memoryview(data)[got:])
        if n == 0:
            if got == 0 or not may_end:
                return None
            raise NbdError("the connection ended within a header")
        got += n
    return bytes(data)
