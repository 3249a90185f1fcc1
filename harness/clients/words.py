"""The words of a control command that the guest accepted, read as strictly as the documents define them."""

from __future__ import annotations

import re

from harness.errors import LabError


class UnknownSceneError(LabError):
    """The scene model does not know what the screen must show now, so nothing can be compared with it."""


class Words:
    """The `key=value` words of one command; whatever the documents do not allow makes the scene unknown."""

    def __init__(self, payload: str, words: list[str]) -> None:
        self._payload = payload
        self._words: dict[str, str] = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals or key in self._words:
                raise self.wrong(f"word {word!r}")
            self._words[key] = value

    def wrong(self, why: str) -> UnknownSceneError:
        return UnknownSceneError(f"the guest accepted `{self._payload}`, which it should refuse: {why}")

    def word(self, key: str, default: str | None = None) -> str:
        value = self._words.pop(key, default)
        if value is None:
            raise self.wrong(f"no {key}")
        return value

    def integer(self, key: str, allowed: range | None = None) -> int:
        value = self.word(key)
        if not re.fullmatch(r"-?[0-9]{1,10}", value) or (allowed is not None and int(value) not in allowed):
            raise self.wrong(f"{key}={value}")
        return int(value)

    def color(self, key: str) -> int:
        value = self.word(key)
        if not re.fullmatch(r"[0-9a-fA-F]{6}", value):
            raise self.wrong(f"{key}={value}")
        return int(value, 16)

    def skip(self) -> None:
        self._words.clear()

    def done(self) -> None:
        if self._words:
            raise self.wrong(f"unknown {', '.join(self._words)}")
