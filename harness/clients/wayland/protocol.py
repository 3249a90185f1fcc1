"""Wayland interfaces as their protocol XML describes them: requests, events, argument types, enums."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from harness.errors import UsageError

SHIPPED = ("wayland", "xdg-shell", "presentation-time", "rayos")
"""What `standard` knows; the files are made by `python -m harness.clients.wayland.generate`."""


class Kind(StrEnum):
    """The argument types of the wire format."""

    INT = "int"
    UINT = "uint"
    FIXED = "fixed"  # signed 24.8
    STRING = "string"
    OBJECT = "object"
    NEW_ID = "new_id"
    ARRAY = "array"
    FD = "fd"  # no bytes in the message; passed beside the stream, in order


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. `interface` is None for a `new_id` whose interface and version go over the wire too.

    `enum` is the full name of the enum that its values are from (`wl_shm.format`), or None.
    """

    name: str
    kind: Kind
    interface: str | None = None
    nullable: bool = False
    enum: str | None = None


@dataclass(frozen=True, slots=True)
class MessageType:
    """One request or event. `destructor`: its object is gone after it."""

    name: str
    opcode: int
    arguments: tuple[Argument, ...] = ()
    since: int = 1
    destructor: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One named value of an enum."""

    name: str
    value: int
    since: int = 1


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The named values of a `uint` or `int` argument, or of an error's code."""

    name: str
    entries: tuple[Entry, ...]
    bitfield: bool = False
    since: int = 1

    def name_of(self, value: int) -> str | None:
        """The name of *value*; None if it has none."""
        return next((entry.name for entry in self.entries if entry.value == value), None)


@dataclass(frozen=True)
class Interface:
    """What can be said to and by an object. The opcode of a message is its place in its tuple."""

    name: str
    version: int
    requests: tuple[MessageType, ...] = ()
    events: tuple[MessageType, ...] = ()
    enums: Mapping[str, Enumeration] | None = None

    @cached_property
    def requests_by_name(self) -> Mapping[str, MessageType]:
        return {message.name: message for message in self.requests}

    def request(self, name: str) -> MessageType:
        """:raises UsageError: if there is no such request."""
        try:
            return self.requests_by_name[name]
        except KeyError:
            known = ", ".join(self.requests_by_name)
            raise UsageError(f"{self.name} has no request {name!r}", f"it has: {known}") from None

    def error_name(self, code: int) -> str:
        """What the interface's `error` enum calls *code*; the number itself if it does not say."""
        enum = (self.enums or {}).get("error")
        return (enum and enum.name_of(code)) or str(code)


Interfaces: TypeAlias = Mapping[str, Interface]


@cache
def standard() -> Interfaces:
    """The interfaces of the shipped protocols (`SHIPPED`)."""
    folder = resources.files(__package__) / "protocols"
    found: dict[str, Interface] = {}
    for name in SHIPPED:
        found |= parse((folder / f"{name}.xml").read_bytes())
    return found


def load(*files: Path) -> Interfaces:
    """The interfaces of the shipped protocols and of those that *files* describe, which take precedence.

    :raises UsageError: if a file is no protocol description.
    :raises OSError: if one cannot be read.
    """
    found = dict(standard())
    for file in files:
        try:
            found |= parse(file.read_bytes())
        except UsageError as error:
            raise UsageError(f"{file}: {error.what}", error.hint) from None
    return found


def parse(document: bytes) -> dict[str, Interface]:
    """The interfaces that one protocol XML describes, by name.

    :raises UsageError: if it is no protocol description.
    """
    try:
        root = ET.fromstring(document)  # noqa: S314 - a description that the user chose, not input from a guest
    except ET.ParseError as error:
        raise UsageError(f"no XML: {error}") from None
    if root.tag != "protocol":
        raise UsageError(f"no Wayland protocol: its root is <{root.tag}>")
    try:
        return {element.attrib["name"]: _interface(element) for element in root.iter("interface")}
    except KeyError as error:
        raise UsageError(f"no Wayland protocol: an element lacks its attribute {error}") from None
    except ValueError as error:
        raise UsageError(f"no Wayland protocol: {error}") from None


def _interface(element: ET.Element) -> Interface:
    name = element.attrib["name"]
    return Interface(
        name=name,
        version=int(element.attrib["version"]),
        requests=tuple(_message(name, n, child) for n, child in enumerate(element.findall("request"))),
        events=tuple(_message(name, n, child) for n, child in enumerate(element.findall("event"))),
        enums={child.attrib["name"]: _enumeration(child) for child in element.findall("enum")},
    )


def _message(interface: str, opcode: int, element: ET.Element) -> MessageType:
    return MessageType(
        name=element.attrib["name"],
        opcode=opcode,
        arguments=tuple(_argument(interface, child) for child in element.findall("arg")),
        since=int(element.get("since", "1")),
        destructor=element.get("type") == "destructor",
    )


def _argument(interface: str, element: ET.Element) -> Argument:
    enum = element.get("enum")
    return Argument(
        name=element.attrib["name"],
        kind=Kind(element.attrib["type"]),
        interface=element.get("interface"),
        nullable=element.get("allow-null") == "true",
        enum=f"{interface}.{enum}" if enum and "." not in enum else enum,
    )


def _enumeration(element: ET.Element) -> Enumeration:
    return Enumeration(
        name=element.attrib["name"],
        entries=tuple(
            Entry(child.attrib["name"], int(child.attrib["value"], 0), int(child.get("since", "1")))
            for child in element.findall("entry")
        ),
        bitfield=element.get("bitfield") == "true",
        since=int(element.get("since", "1")),
    )
