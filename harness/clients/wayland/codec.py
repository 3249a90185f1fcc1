"""The arguments of one message, to bytes and back, exactly.

| kind | in Python |
|---|---|
| int, uint | int |
| fixed | float, a multiple of 1/256 |
| string | str; bytes that are no UTF-8 are lone surrogates (`surrogateescape`); None for a null string |
| object | the object's id; None for a null object |
| new_id | the id; a `NewId` where interface and version go over the wire too |
| array | bytes (a null array is an empty one on the wire) |
| fd | whatever stands for a file descriptor on this connection; not in the bytes |
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import HEADER, MESSAGE_LIMIT, Frame
from harness.clients.wayland.protocol import Argument, Kind, MessageType
from harness.errors import UsageError

Value: TypeAlias = Any
Fd: TypeAlias = Any

_INT = struct.Struct("<i")
_UINT = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class NewId:
    """A new object whose interface the message itself names, as in `wl_registry.bind`."""

    interface: str
    version: int
    id: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message's bytes, and the file descriptors that go with them, in order."""

    data: bytes
    fds: tuple[Fd, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message's arguments in order. `padding`: the bytes that fill strings and arrays up to words, all together."""

    values: tuple[Value, ...]
    padding: bytes = b""


def encode(object_id: int, message: MessageType, values: Sequence[Value], padding: bytes = b"") -> Encoded:
    """One message.

    :param padding: as in `Decoded`; missing bytes are zero.
    :raises UsageError: for values that the message does not have or the wire cannot carry. A `Frame` carries anything.
    """
    if len(values) != len(message.arguments):
        names = ", ".join(argument.name for argument in message.arguments)
        raise UsageError(f"{message.name} takes {len(message.arguments)} arguments ({names}), not {len(values)}")
    writer = _Writer(padding)
    for argument, value in zip(message.arguments, values, strict=True):
        try:
            writer.put(argument, value)
        except (TypeError, ValueError, OverflowError, AttributeError, struct.error) as error:
            raise UsageError(f"{message.name}: {argument.name} cannot be {value!r}: {error}") from None
    data = Frame(object_id, message.opcode, bytes(writer.body))
    if HEADER.size + len(data.body) > MESSAGE_LIMIT:
        raise UsageError(f"{message.name} of {HEADER.size + len(data.body)} bytes is longer than {MESSAGE_LIMIT}")
    return Encoded(data.to_bytes(), tuple(writer.fds))


def decode(frame: Frame, message: MessageType, fds: deque[Fd]) -> Decoded:
    """The arguments of *frame*, read as *message*. Takes as many of *fds* as it has fd arguments, from the left.

    :raises WireError: if the body is not exactly such arguments.
    """
    reader = _Reader(frame, message, fds)
    values = tuple(reader.take(argument) for argument in message.arguments)
    if reader.at != len(frame.body):
        raise reader.error(Fault.TRAILING, f"{len(frame.body) - reader.at} bytes after the last argument")
    return Decoded(values, bytes(reader.padding))


class _Writer:
    def __init__(self, padding: bytes) -> None:
        self.body = bytearray()
        self.fds: list[Fd] = []
        self._padding = padding

    def put(self, argument: Argument, value: Value) -> None:
        match argument.kind:
            case Kind.INT:
                self.body += _INT.pack(value)
            case Kind.UINT:
                self.body += _UINT.pack(value)
            case Kind.FIXED:
                self.body += _INT.pack(_fixed(value))
            case Kind.STRING:
                self._string(None if value is None else value.encode("utf-8", "surrogateescape"), argument.nullable)
            case Kind.OBJECT:
                self._id(value, argument.nullable)
            case Kind.NEW_ID if argument.interface is None:
                self._string(value.interface.encode(), nullable=False)
                self.body += _UINT.pack(value.version)
                self._id(value.id, nullable=False)
            case Kind.NEW_ID:
                self._id(value, argument.nullable)
            case Kind.ARRAY:
                self._counted(bytes(memoryview(value)))
            case Kind.FD:
                self.fds.append(value)

    def _id(self, value: int | None, nullable: bool) -> None:
        if value == 0 or (value is None and not nullable):
            raise ValueError("null is not allowed here" if value is None else "0 is no object's id; null is None")
        self.body += _UINT.pack(value or 0)

    def _string(self, text: bytes | None, nullable: bool) -> None:
        if text is None:
            if not nullable:
                raise ValueError("null is not allowed here")
            self.body += _UINT.pack(0)
            return
        if b"\0" in text:
            raise ValueError("a NUL cannot be inside a string")
        self._counted(text + b"\0")

    def _counted(self, data: bytes) -> None:
        fill = -len(data) % 4
        self.body += _UINT.pack(len(data)) + data + self._padding[:fill].ljust(fill, b"\0")
        self._padding = self._padding[fill:]


class _Reader:
    def __init__(self, frame: Frame, message: MessageType, fds: deque[Fd]) -> None:
        self.at = 0
        self.padding = bytearray()
        self._frame = frame
        self._message = message
        self._fds = fds

    def error(self, fault: Fault, detail: str) -> WireError:
        return WireError(fault, f"{self._message.name}: {detail}", self._frame.object_id, self._frame.opcode)

    def take(self, argument: Argument) -> Value:
        match argument.kind:
            case Kind.INT:
                return self._word(argument, _INT)
            case Kind.UINT:
                return self._word(argument, _UINT)
            case Kind.FIXED:
                return self._word(argument, _INT) / 256
            case Kind.STRING:
                return self._string(argument)
            case Kind.OBJECT:
                return self._id(argument)
            case Kind.NEW_ID if argument.interface is None:
                interface = self._string(argument)
                version = self._word(argument, _UINT)
                return NewId(interface, version, self._id(argument))
            case Kind.NEW_ID:
                return self._id(argument)
            case Kind.ARRAY:
                return self._counted(argument, self._word(argument, _UINT))
            case Kind.FD:
                if not self._fds:
                    raise self.error(Fault.FD, f"{argument.name}: no file descriptor came with it")
                return self._fds.popleft()

    def _word(self, argument: Argument, form: struct.Struct) -> int:
        if len(self._frame.body) - self.at < form.size:
            raise self.error(Fault.TRUNCATED, f"ends before {argument.name}")
        value: int = form.unpack_from(self._frame.body, self.at)[0]
        self.at += form.size
        return value

    def _id(self, argument: Argument) -> Value:
        value = self._word(argument, _UINT)
        if value == 0 and not argument.nullable:
            raise self.error(Fault.NULL, f"{argument.name} is null")
        return value or None

    def _string(self, argument: Argument) -> Value:
        length = self._word(argument, _UINT)
        if length == 0:
            if not argument.nullable:
                raise self.error(Fault.NULL, f"{argument.name} is null")
            return None
        data = self._counted(argument, length)
        if data[-1]:
            raise self.error(Fault.UNTERMINATED, f"{argument.name} does not end with NUL")
        if b"\0" in data[:-1]:
            raise self.error(Fault.INNER_NUL, f"{argument.name} has a NUL before its end")
        return data[:-1].decode("utf-8", "surrogateescape")

    def _counted(self, argument: Argument, length: int) -> bytes:
        end = self.at + length
        padded = end + -length % 4
        if padded > len(self._frame.body):
            left = len(self._frame.body) - self.at
            raise self.error(Fault.TRUNCATED, f"{argument.name} of {length} bytes, where {left} are left")
        data = self._frame.body[self.at : end]
        self.padding += self._frame.body[end:padded]
        self.at = padded
        return data


def _fixed(value: float) -> int:
    """As 24.8 fixed point, rounded to the nearest, ties to even, as `wl_fixed_from_double` of libwayland 1.21 does."""
    if not math.isfinite(value):
        raise ValueError("not finite")
    return round(value * 256)
