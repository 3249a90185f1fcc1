"""One name for all crashes of one cause: titles without what differs from run to run and from build to build."""

from __future__ import annotations

import hashlib
import re

_CLONE = re.compile(r"(?:\.(?:isra|constprop|part|cold|llvm|lto_priv)(?:\.\d+)*)+$")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$|17h[0-9a-f]{16}(?=E$)")  # demangled or not; another in each build
_VARYING = (
    (re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?"), ""),  # offsets in functions
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "HEX"),
    (re.compile(r"\b(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,16}\b|\b[0-9]{12,}\b"), "HEX"),
    (re.compile(r"(?<![\w])-?\d+(?:\.\d+)*(?![\w])"), "N"),
    (re.compile(r"(?<=[A-Za-z][#:/])\d+"), "N"),
    (re.compile(r"\s+"), " "),
)


def function_name(name: str) -> str:
    """A function as its source calls it: without what compilers append to copies and parts of it."""
    return _RUST_HASH.sub("", _CLONE.sub("", name))


def stable(text: str) -> str:
    """*text* without addresses, offsets and numbers."""
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.strip()


def signature(kind: str, title: str) -> str:
    """Twelve hex digits, the same for crashes of one kind and one (stable) title."""
    return hashlib.blake2s(f"{kind}\n{stable(title)}".encode("utf-8", "replace"), digest_size=6).hexdigest()
