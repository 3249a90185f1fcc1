"""The dialogue with a boot loader, as its bytes come: autoboot leaves a second or less to be stopped."""

from __future__ import annotations

from collections.abc import Sequence

from harness.boards.model import Exchange
from harness.console.regex import compile_regex

_WINDOW = 4096  # bytes of what came since the last answer that are searched


class LoaderDialogue:
    """A pure function of the bytes: what is to be sent after them."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = [(compile_regex(e.expect, bounded=True), e) for e in exchanges]
        self._at = len(exchanges)
        self._text = ""

    def restart(self) -> None:
        """The board starts anew."""
        self._at, self._text = 0, ""

    @property
    def waiting(self) -> str:
        """What has not come yet; empty once the dialogue is over."""
        return self._exchanges[self._at][1].expect if self._at < len(self._exchanges) else ""

    def feed(self, data: bytes) -> list[tuple[int, Exchange]]:
        """The exchanges whose turn came with *data*, with their numbers."""
        found: list[tuple[int, Exchange]] = []
        if self._at == len(self._exchanges):
            return found
        self._text = (self._text + data.decode("latin-1"))[-max(_WINDOW, len(data)) :]
        while self._at < len(self._exchanges):
            pattern, exchange = self._exchanges[self._at]
            match = pattern.search(self._text)
            if match is None:
                break
            self._text = self._text[match.end() :]
            self._at += 1
            found.append((self._at, exchange))
        return found
