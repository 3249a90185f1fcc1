"""Files to and from a guest, and shell commands in it, by its agent's verbs on the control link (docs/weston.md)."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

from harness.clients.control import ControlLink
from harness.errors import LabError, ProtocolError

PIECE = 600  # bytes in one command, which as base64 fits its 1,024 characters
FILE_MOST = 64 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, one of `code` and `signal`, and all that it wrote to its output and error."""

    code: int | None
    signal: int | None
    output: bytes


async def send_file(link: ControlLink, data: bytes, name: str) -> None:
    """Write *data* to the file *name* of the guest's scratch folder, and check what lies there by its CRC-32.

    :param name: without a slash, not beginning with a dot.
    :raises LabError: if it is too large, the guest refuses, or has something else then.
    """
    if len(data) > FILE_MOST:
        raise LabError(f"{name} has {len(data)} bytes, and a guest takes {FILE_MOST}", "give it a disk with the file")
    for at in range(0, max(len(data), 1), PIECE):
        piece = base64.b64encode(data[at : at + PIECE]).decode()
        await _ask(link, f"put name={name} at={at} data={piece}")
    told = await _ask(link, f"sum name={name}")
    _check(name, data, told)


async def fetch_file(link: ControlLink, name: str) -> bytes:
    """The content of the file *name* of the guest's scratch folder, checked by its CRC-32.

    :raises LabError: if there is none, it is too large, or changes while it is read.
    """
    told = await _ask(link, f"sum name={name}")
    if int(told["size"]) > FILE_MOST:
        raise LabError(f"{name} has {told['size']} bytes, more than the {FILE_MOST} that are fetched")
    data = bytearray()
    while len(data) < int(told["size"]):
        piece = base64.b64decode((await _ask(link, f"get name={name} at={len(data)}"))["data"])
        if not piece:
            break
        data += piece
    _check(name, bytes(data), told)
    return bytes(data)


async def run_command(link: ControlLink, line: str, stdin: bytes = b"", *, seconds: int = 10) -> Ran:
    """Run the shell command *line* in the guest, up to 700 bytes.

    :param stdin: what it reads.
    :param seconds: of guest time, after which it is killed and the command refused.
    :raises LabError: if the guest refuses.
    """
    await send_file(link, stdin, "stdin")
    words = f"run line={base64.b64encode(line.encode()).decode()} seconds={seconds}"
    told = await _ask(link, words, timeout=seconds * 10 + 60)  # host time: a crowded host is slower by that
    output = base64.b64decode(told["data"])
    if len(output) < int(told["size"]):
        output = await fetch_file(link, "stdout")
    code, signal = told.get("code"), told.get("signal")
    return Ran(None if code is None else int(code), None if signal is None else int(signal), output)


async def _ask(link: ControlLink, payload: str, timeout: float | None = None) -> dict[str, str]:
    reply = await link.command(payload, timeout)
    if not reply.ok:
        raise LabError(f"the guest refused `{payload[:60]}`: {reply.payload}")
    return dict(word.split("=", 1) for word in reply.payload.split(" ")[1:])


def _check(name: str, data: bytes, told: dict[str, str]) -> None:
    if (int(told["size"]), int(told["crc"], 16)) != (len(data), zlib.crc32(data)):
        raise ProtocolError(f"{name} is another file in the guest: {told}, here {len(data)} bytes")
