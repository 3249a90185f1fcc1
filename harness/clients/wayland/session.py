"""What both sides of one connection say, understood: every message decoded in the light of those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.clients.wayland import codec
from harness.clients.wayland.codec import Encoded, Fd, NewId, Value
from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import Frame
from harness.clients.wayland.objects import DISPLAY, Object, ObjectTable, Side
from harness.clients.wayland.protocol import Interface, Interfaces, Kind, MessageType, standard


@dataclass(frozen=True, slots=True)
class Call:
    """One request or event with its arguments (`codec` says in what form)."""

    side: Side
    object_id: int
    interface: Interface
    message: MessageType
    values: tuple[Value, ...]
    padding: bytes = b""

    @property
    def name(self) -> str:
        return f"{self.interface.name}.{self.message.name}"

    @property
    def arguments(self) -> Mapping[str, Value]:
        """The values by the names of the arguments."""
        return {argument.name: value for argument, value in zip(self.message.arguments, self.values, strict=True)}

    @property
    def has_clean_padding(self) -> bool:
        """Whether strings and arrays are filled up with zeroes. Nothing demands it; what else is there leaks memory."""
        return not any(self.padding)

    @property
    def fds(self) -> list[Fd]:
        """The file descriptors among the values."""
        return [v for a, v in zip(self.message.arguments, self.values, strict=True) if a.kind is Kind.FD]

    def encode(self) -> Encoded:
        """The message as it goes over the wire."""
        return codec.encode(self.object_id, self.message, self.values, self.padding)


class Session:
    """One connection: the objects that exist, as its messages make and destroy them.

    :param interfaces: what objects can be; the shipped protocols by default.
    """

    def __init__(self, interfaces: Interfaces | None = None) -> None:
        self.objects = ObjectTable(standard() if interfaces is None else interfaces)

    def read(self, side: Side, frame: Frame, fds: deque[Fd]) -> Call:
        """The next message of *side*, decoded, and its effect noted.

        :param fds: the descriptors of that side that no message took yet, in order; takes those of this one.
        :raises WireError: if the message is wrong. What it would have done is not noted.
        """
        target = self._target(side, frame.object_id, frame.opcode)
        messages = target.interface.requests if side is Side.CLIENT else target.interface.events
        kind = "request" if side is Side.CLIENT else "event"
        name = target.interface.name
        if frame.opcode >= len(messages):
            raise WireError(Fault.OPCODE, f"{name} has no {kind} {frame.opcode}", frame.object_id, frame.opcode)
        decoded = codec.decode(frame, messages[frame.opcode], fds)
        return self._note(side, target, messages[frame.opcode], decoded.values, decoded.padding)

    def write(self, object_id: int, name: str, values: Sequence[Value]) -> Call:
        """The request *name* of a client, checked as a compositor would, and its effect noted.

        :raises UsageError: if there is no such request, or the values do not fit it.
        :raises WireError: if the request would be a protocol error.
        """
        target = self._target(Side.CLIENT, object_id, None)
        message = target.interface.request(name)
        codec.encode(object_id, message, values)  # before anything is noted
        return self._note(Side.CLIENT, target, message, tuple(values), b"")

    def _target(self, side: Side, id_: int, opcode: int | None) -> Object:
        target = self.objects.get(id_)
        # Events are on their way while their object is being destroyed; a request to one is the client's mistake.
        if target is None or (side is Side.CLIENT and not target.alive):
            state = "does not exist" if target is None else f"({target.interface.name}) is destroyed"
            raise WireError(Fault.OBJECT, f"object {id_} {state}", id_, opcode)
        return target

    def _note(
        self, side: Side, target: Object, message: MessageType, values: tuple[Value, ...], padding: bytes
    ) -> Call:
        call = Call(side, target.id, target.interface, message, values, padding)
        try:
            self._check(call, target)
            self._make_objects(call, target)
        except WireError as error:
            raise WireError(error.fault, f"{call.name}: {error.detail}", target.id, message.opcode) from None
        if message.destructor:
            self.objects.destroy(target.id)
        return call

    def _check(self, call: Call, target: Object) -> None:
        if call.message.since > target.version:
            detail = f"since version {call.message.since}, but the object has version {target.version}"
            raise WireError(Fault.VERSION, detail)
        for argument, value in zip(call.message.arguments, call.values, strict=True):
            # One without interface is that of wl_display.error: any object, or one that never was.
            if argument.kind is not Kind.OBJECT or value is None or argument.interface is None:
                continue
            found = self.objects.get(value)
            if found is None or (call.side is Side.CLIENT and not found.alive):
                raise WireError(Fault.ARGUMENT, f"{argument.name}: object {value} does not exist")
            if found.interface.name != argument.interface:
                detail = f"{argument.name}: object {value} is a {found.interface.name}, not a {argument.interface}"
                raise WireError(Fault.ARGUMENT, detail)

    def _make_objects(self, call: Call, target: Object) -> None:
        if call.side is Side.SERVER and target.id == DISPLAY and call.message.name == "delete_id":
            self.objects.delete(call.values[0])
        for argument, value in zip(call.message.arguments, call.values, strict=True):
            if argument.kind is not Kind.NEW_ID or value is None:
                continue
            if isinstance(value, NewId):
                self.objects.add(call.side, value.id, value.interface, value.version)
            else:
                assert argument.interface is not None
                self.objects.add(call.side, value, argument.interface, target.version)
