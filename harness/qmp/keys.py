"""Names of keys: QEMU's qcodes, the words people write for them, and the key behind each character of the US layout."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from harness.errors import UsageError

_PUNCTUATION = {
    "-": "minus",
    "=": "equal",
    "[": "bracket_left",
    "]": "bracket_right",
    ";": "semicolon",
    "'": "apostrophe",
    "`": "grave_accent",
    "\\": "backslash",
    ",": "comma",
    ".": "dot",
    "/": "slash",
}
_LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAMED = (
    "shift shift_r alt alt_r ctrl ctrl_r meta_l meta_r menu esc backspace tab ret spc caps_lock num_lock scroll_lock"
    " less f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 print sysrq pause insert delete home end pgup pgdn up down left right"
    " kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_add kp_subtract kp_multiply kp_divide kp_decimal kp_enter"
    " power sleep wake volumeup volumedown audiomute audionext audioprev audioplay audiostop calculator computer mail"
)
QCODES = frozenset(_NAMED.split()) | frozenset(_PUNCTUATION.values()) | frozenset(_LETTERS_AND_DIGITS)

ALIASES = {
    "enter": "ret",
    "return": "ret",
    "space": "spc",
    "escape": "esc",
    "del": "delete",
    "ins": "insert",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "control": "ctrl",
    "altgr": "alt_r",
    "super": "meta_l",
    "win": "meta_l",
    "meta": "meta_l",
}

_PLAIN = {
    **{c: c for c in _LETTERS_AND_DIGITS},
    **_PUNCTUATION,
    " ": "spc",
    "\n": "ret",
    "\r": "ret",
    "\t": "tab",
    "\b": "backspace",
    "\x1b": "esc",
}
_SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))


def key_of(char: str) -> tuple[str, bool]:
    """The qcode of the key that types *char* on a US keyboard, and whether shift has to be held.

    :raises UsageError: for a character that this layout does not have.
    """
    if char in _PLAIN:
        return _PLAIN[char], False
    base = _SHIFTED.get(char, char.lower() if "A" <= char <= "Z" else "")
    if base not in _PLAIN:
        raise UsageError(f"no key of the US layout types {char!r}", "send such text over the console instead")
    return _PLAIN[base], True


def chord_keys(chord: str) -> list[str]:
    """The qcodes of a chord such as `ctrl-alt-delete`, `ret`, `ctrl-c`, `shift-f3`, `ctrl--`; held down in this order.

    A part may be a qcode, a common name, or a character (with shift put in where that needs it).

    :raises UsageError: for a part that names no key.
    """
    keys = [key for part in _parts(chord) for key in _part(part, chord)]
    return list(dict.fromkeys(keys))


def _parts(chord: str) -> Iterator[str]:
    rest = chord
    if rest.endswith("-") and rest != "":
        yield from (part for part in rest[:-1].split("-") if part)
        yield "-"
        return
    yield from rest.split("-")


def _part(part: str, chord: str) -> list[str]:
    name = ALIASES.get(part.lower(), part.lower())
    if len(part) == 1:
        qcode, shift = key_of(part)
        return ["shift", qcode] if shift else [qcode]
    if name not in QCODES:
        near = get_close_matches(name, [*QCODES, *ALIASES], n=1)
        raise UsageError(f"{chord!r}: there is no key {part!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return [name]
