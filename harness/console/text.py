"""From raw console bytes to text that is safe to show and to match: escape sequences out, control characters visible.

How a carriage return is read: CRs at either end of a line belong to the line end (guests print `\\r\\n`, `\\n\\r` and
`\\r\\r\\n`) and vanish. One in the middle is a redraw (a firmware's progress bar). A terminal would overwrite; here
it stays visible as U+240D, so that a redraw can never wipe out a marker that was printed.
"""

from __future__ import annotations

import codecs
import re

_ANSI = re.compile(
    rb"\x1b(?:"
    rb"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    rb"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: window titles
    rb"|[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    rb"|[ -/]+[0-~]"  # character sets
    # single commands; no other letter, for one lost `[` must not eat the first letter of a word
    rb"|[78=>cDEHMNOZ\\lmno|}~]"
    rb")"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]+)?\Z")
_VISIBLE: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20) if code != 0x09},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), 0x2028, 0x2029], 0xFFFD),  # C1 and Unicode's own line ends
}
CR = "\u240d"
"""How a carriage return inside a line is shown."""


def render(raw: bytes) -> tuple[str, bool]:
    """Text of one line, and whether it held bytes that are not UTF-8."""
    if raw.isascii() and (text := raw.decode("ascii")).isprintable():
        return text, False
    if b"\x1b" in raw:
        raw = _ANSI.sub(b"", raw)
    raw = raw.strip(b"\r")
    try:
        return raw.decode("utf-8").translate(_VISIBLE), False
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").translate(_VISIBLE), True


def render_unfinished(raw: bytes) -> tuple[str, bool]:
    """The same for a line that goes on: a sequence or character that is not complete yet is left out."""
    if b"\x1b" in raw:
        raw = _UNFINISHED.sub(b"", raw)
    done = codecs.utf_8_decode(raw, "replace", False)[1]
    return render(raw[:done])
