"""Guest text made safe to show: no control character reaches a terminal, an XML file or a page."""

from __future__ import annotations

import re

_NEUTRAL: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},  # control pictures
    0x7F: 0x2421,
    **dict.fromkeys(
        [
            *range(0x80, 0xA0),  # C1: 0x9b alone starts a CSI sequence on some terminals
            *(
                0x061C,
                0x200E,
                0x200F,
                *range(0x202A, 0x202F),
                *range(0x2066, 0x206A),
            ),  # bidi: text that reads otherwise than it is
            *(0x200B, 0x2060, 0xFEFF),  # characters without width: two different texts would look the same
            *(0x2028, 0x2029),  # line ends to some programs
            *(0xFFFE, 0xFFFF),  # not allowed in XML
        ],
        0xFFFD,
    ),
}
_UNSAFE = re.compile(f"[{''.join(map(re.escape, map(chr, _NEUTRAL)))}\ud800-\udfff]")


def safe(text: str, limit: int, *, newlines: bool = False) -> str:
    """*text* with every unsafe character shown as a picture or U+FFFD, at most *limit* characters (cut: `…` last).

    Newlines are kept only with *newlines*. `<` and `&` stay: escaping them is the job of whoever writes XML or HTML.
    """
    if len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"[:limit]
    if not text.isprintable():
        text = _UNSAFE.sub(_neutral, text)
    return text if newlines else text.replace("\n", "\u240a")


def _neutral(match: re.Match[str]) -> str:
    return chr(_NEUTRAL.get(ord(match[0]), 0xFFFD))
