"""QEMU's command line for people: as it was, and in a form that can be pasted into a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_FULL = 80  # characters after which the next option begins a new line


def lines(argv: Sequence[str]) -> str:
    """*argv* quoted for a shell, broken into lines between options."""
    rows: list[str] = []
    for word in map(shlex.quote, argv):
        is_option = word.startswith("-")
        if rows and (not is_option or len(rows[-1]) + len(word) < _FULL):
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return " \\\n  ".join(rows)


def by_hand(argv: Sequence[str]) -> list[str]:
    """The same machine without the harness: its first serial port on the terminal, running at once.

    The harness gives QEMU inherited file descriptors and private sockets; without it they are not there. So its
    monitor, gdbstub and log go, the console becomes the terminal, and what else hung on such a chardev leads nowhere.
    """
    pairs = [(name, value or "") for name, value in _options(argv)]
    private = {_id(value) for name, value in pairs if name == "-chardev" and _is_private(value)}
    tools = {_chardev(value) for name, value in pairs if name in {"-mon", "-gdb"}}
    console = next((_chardev(value) for name, value in pairs if name == "-serial"), "")
    own_log = any(name == "-D" and value.startswith("/dev/fd/") for name, value in pairs)
    kept = list(argv[:1])
    for name, value in _options(argv):
        match name, value:
            case ("-S", _):
                continue
            case ("-D" | "-d", _) if own_log:
                continue
            case ("-mon" | "-gdb", str() as where) if _chardev(where) in private:
                continue
            case ("-chardev", str() as chardev) if _id(chardev) in private & tools:
                continue
            case ("-chardev", str() as chardev) if _id(chardev) in private:
                backend = "stdio" if _id(chardev) == console else "null"
                kept += [name, f"{backend},id={_id(chardev)}"]
            case _:
                kept += [name] if value is None else [name, value]
    return kept


def _options(argv: Sequence[str]) -> list[tuple[str, str | None]]:
    """(option, its value), without the program."""
    pairs: list[tuple[str, str | None]] = []
    for word in argv[1:]:
        if pairs and pairs[-1][1] is None and not word.startswith("-"):
            pairs[-1] = pairs[-1][0], word
        else:
            pairs.append((word, None))
    return pairs


def _keys(value: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in value.split(",") if "=" in part)


def _id(value: str) -> str:
    return _keys(value).get("id", "")


def _chardev(value: str) -> str:
    """Of `-mon chardev=x,mode=control`, `-gdb chardev:x` or `-serial chardev:x`: x."""
    return _keys(value).get("chardev") or value.removeprefix("chardev:")


def _is_private(value: str) -> bool:
    """Whether a chardev leads to something that only the harness has, or into its files."""
    return value.partition(",")[0] in {"socket", "pipe", "file"}
