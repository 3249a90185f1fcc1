"""PC set-1 scancodes as characters of the US layout, with the state of the shift keys."""

from __future__ import annotations

ENTER = "\n"
BACKSPACE = "\b"

_SHIFT_KEYS = frozenset({0x2A, 0x36})
_ROWS: tuple[tuple[int, str, str], ...] = (  # first scancode, characters, the same with shift
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1E, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (0x39, " ", " "),
    (0x1C, ENTER, ENTER),
    (0x0E, BACKSPACE, BACKSPACE),
)
_PLAIN = {first + i: c for first, plain, _ in _ROWS for i, c in enumerate(plain)}
_SHIFTED = {first + i: c for first, _, shifted in _ROWS for i, c in enumerate(shifted)}
_CODES = {c: code for code, c in _PLAIN.items()}


class Keyboard:
    """What the keys of one keyboard mean, event by event."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def key(self, down: bool, scancode: int) -> str:
        """The character that this event types (`ENTER` and `BACKSPACE` included), or an empty string.

        :param scancode: make code; with an e0 prefix 0xe0xx. Those type nothing, like the keypad, Tab and the locks.
        """
        if scancode in _SHIFT_KEYS:
            (self._held.add if down else self._held.discard)(scancode)
            return ""
        if not down:
            return ""
        return (_SHIFTED if self._held else _PLAIN).get(scancode, "")

    def scancode(self, character: str) -> int:
        """The key that types *character* without shift.

        :raises KeyError: if none does.
        """
        return _CODES[character]

    def fork(self) -> Keyboard:
        """Another keyboard with the same keys held."""
        other = Keyboard()
        other._held = set(self._held)
        return other
