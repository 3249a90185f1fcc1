"""Packets of the GDB remote serial protocol: `$payload#checksum`, each answered with `+` or `-`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from harness.errors import ProtocolError

_LONGEST = 1 << 16  # bytes; QEMU's own are 4096, and its description of the registers some 10,000
_ESCAPE, _RUN = 0x7D, 0x2A  # `}`: the next byte is XORed with 0x20; `*`: the byte before it comes n - 29 times more


class Acknowledged(Enum):
    """The peer read our packet: `+`."""

    YES = auto()


class Refused(Enum):
    """The peer read a wrong checksum: `-`."""

    YES = auto()


def packet(payload: bytes) -> bytes:
    """*payload* as it goes over the line. It holds none of `$#}*`: all that we send is text and hex digits."""
    return b"$%s#%02x" % (payload, sum(payload) & 0xFF)


class Packets:
    """Cuts a byte stream into packets; holds at most one unfinished one."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes | Acknowledged | Refused]:
        """What is complete by now: payloads, and the peer's opinions of ours.

        :raises ProtocolError: for a wrong checksum, a byte that begins nothing, or a packet over 64 KiB.
        """
        self._rest += data
        while self._rest:
            first = self._rest[0]
            if first == 0x2B:
                del self._rest[0]
                yield Acknowledged.YES
            elif first == 0x2D:
                del self._rest[0]
                yield Refused.YES
            elif first != 0x24:
                raise ProtocolError(f"no gdbstub answers here: {bytes(self._rest[:20])!r}")
            else:
                end = self._rest.find(b"#")
                if end < 0 or len(self._rest) < end + 3:
                    if len(self._rest) > _LONGEST:
                        raise ProtocolError(f"the gdbstub sent a packet of more than {_LONGEST} bytes")
                    return
                payload, check = bytes(self._rest[1:end]), bytes(self._rest[end + 1 : end + 3])
                del self._rest[: end + 3]
                if check.lower() != b"%02x" % (sum(payload) & 0xFF):
                    raise ProtocolError(f"a packet of the gdbstub has a wrong checksum: {payload[:40]!r}#{check!r}")
                yield _plain(payload)


def _plain(payload: bytes) -> bytes:
    """*payload* without escapes and run lengths."""
    if _ESCAPE not in payload and _RUN not in payload:
        return payload
    out, at = bytearray(), 0
    while at < len(payload):
        byte = payload[at]
        if byte in (_ESCAPE, _RUN) and at + 1 < len(payload):
            at += 1
            if byte == _ESCAPE:
                out.append(payload[at] ^ 0x20)
            elif out:
                out += out[-1:] * max(0, payload[at] - 29)
        else:
            out.append(byte)
        at += 1
    if len(out) > _LONGEST:
        raise ProtocolError("a packet of the gdbstub unfolds to more than it may hold")
    return bytes(out)
