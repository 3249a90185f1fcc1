"""Files that a reader finds whole, old or new, whenever the writer dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_whole(target: Path, data: bytes | str, *, durable: bool = False) -> None:
    """Put *data* (text: in UTF-8) at *target*, whole or not at all.

    :param durable: it survives the death of the host, too (which takes 2 ms).
    :raises OSError: naming the file, if it cannot be written; then what was there stays.
    """
    with written_whole(target, durable=durable) as stream:
        stream.write(data.encode("utf-8") if isinstance(data, str) else data)


@contextmanager
def written_whole(target: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """As `write_whole`, of what the block writes. A block that raises leaves what was there.

    A link stays a link. What is no regular file (`/dev/stdout`, a pipe) is written to and not replaced: the device
    is the host's.
    """
    temporary: Path | None = None
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        place = target.resolve()
        temporary = place.with_name(f".{place.name}.{os.urandom(4).hex()}.tmp")
        try:
            with temporary.open("xb") as stream:
                yield stream
                if durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            temporary.replace(place)
        except BaseException:
            temporary.unlink(missing_ok=True)  # half a file takes the room that is missing
            raise
    except OSError as error:
        if error.filename is None or error.filename == str(temporary):  # a full disk names none, nobody knows the other
            error.filename, error.filename2 = str(target), None
        raise
