"""Control frames: a command or reply as one ASCII line with length and CRC-32 (docs/protocol.md, "Control frames")."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.errors import UsageError

PAYLOAD_LIMIT = 1024  # bytes; docs/protocol.md
LINE_LIMIT = 1100  # bytes; a longer line is no frame and is dropped up to its newline, on both sides
SEQUENCE_LIMIT = 0xFFFF  # wraps to 1; 0 stands for "a frame that could not be read"

_FRAME = re.compile(r"~([CRE])([0-9a-f]{4})([0-9a-f]{4}) ([ -~]*) ([0-9a-f]{8})")
_HEAD = re.compile(r"~[RE][0-9a-f]{8} ")
_GARBAGE_KEPT = 80  # characters of a damaged line that are kept, enough to recognise it in a report


@dataclass(frozen=True)
class Reply:
    """The guest's answer to the command with sequence number `seq`; 0 answers a frame that the guest could not read."""

    seq: int
    ok: bool
    payload: str

    @cached_property
    def words(self) -> Mapping[str, str]:
        """The `key=value` words of the payload; of a repeated key the first counts."""
        found: dict[str, str] = {}
        for word in self.payload.split(" "):
            key, equals, value = word.partition("=")
            if equals:
                found.setdefault(key, value)
        return found

    @property
    def reason(self) -> str:
        """The first word of a refusal; empty for an answer that is ok."""
        return "" if self.ok else self.payload.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that should have been a reply and is none. `why`: overlong, form, length, crc, type or syntax."""

    why: str
    text: str


def encode(sequence: int, payload: str, kind: str = "C") -> bytes:
    """One frame with its newline. `kind` is C for a command, R or E for an answer.

    :raises UsageError: for a payload that the protocol cannot carry.
    """
    if not 0 <= sequence <= SEQUENCE_LIMIT or (kind == "C" and sequence == 0):
        raise UsageError(f"control sequence number {sequence} is outside 1 to {SEQUENCE_LIMIT}")
    if not payload or not all(" " <= c <= "~" for c in payload):
        raise UsageError(f"control payload {payload!r} is empty or not printable ASCII")
    if len(payload) > PAYLOAD_LIMIT:
        raise UsageError(f"control payload of {len(payload)} bytes is longer than {PAYLOAD_LIMIT}")
    body = f"{kind}{sequence:04x}{len(payload):04x} {payload}"
    return f"~{body} {zlib.crc32(body.encode('ascii')):08x}\n".encode("ascii")


def decode(line: str) -> Reply | Garbage:
    """One whole line, without its newline, as what it holds."""
    if len(line) > LINE_LIMIT:
        return Garbage("overlong", line[:_GARBAGE_KEPT])
    match = _FRAME.fullmatch(line)
    if match is None:
        return Garbage("form", line[:_GARBAGE_KEPT])
    kind, sequence, length, payload, crc = match.groups()
    why = ""
    if zlib.crc32(line[1:-9].encode("ascii")) != int(crc, 16):
        why = "crc"
    elif len(payload) != int(length, 16) or len(payload) > PAYLOAD_LIMIT:
        why = "length"
    elif kind == "C":
        why = "type"  # our own command, echoed
    elif kind == "R" and payload.partition(" ")[0] != "ok":
        why = "syntax"
    if why:
        return Garbage(why, line[:_GARBAGE_KEPT])
    return Reply(int(sequence, 16), kind == "R", payload)


def pick(text: str) -> Reply | Garbage | None:
    """The reply at the end of a console line (inline mode), also behind other text; None if the line holds none.

    A line that has the beginning of a reply but no whole one is Garbage: a reply was damaged on its way.
    """
    damaged: Garbage | None = None
    for head in _HEAD.finditer(text):
        found = decode(text[head.start() : head.start() + LINE_LIMIT + 1])
        if isinstance(found, Reply):
            return found
        damaged = damaged or found
    return damaged


class ControlDecoder:
    """Bytes of a control port of its own, in pieces of any size, to replies. Holds at most one line."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> list[Reply | Garbage]:
        """What *data* completed, in order. Empty lines count for nothing."""
        found: list[Reply | Garbage] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._take(piece, found)
            line = bytes(self._line).removesuffix(b"\r")
            if line:
                found.append(decode(line.decode("latin-1")))
            self._line.clear()
            self._dropping = False
        self._take(rest, found)
        return found

    def _take(self, piece: bytes, found: list[Reply | Garbage]) -> None:
        if self._dropping:
            return
        room = LINE_LIMIT + 1 - len(self._line)  # one more for a carriage return
        self._line += piece[:room]
        if len(piece) > room:
            found.append(Garbage("overlong", self._line[:_GARBAGE_KEPT].decode("latin-1")))
            self._line.clear()
            self._dropping = True
