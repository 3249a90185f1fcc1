"""What can happen to frames on their way from one guest to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import UsageError

What = Literal["partition", "noisy-partition", "unplug", "delay", "loss", "corrupt", "duplicate"]
_DELAY_MOST = 60_000.0  # ms


@dataclass(slots=True, eq=False)
class Impairment:
    """One fault of a link, from when it is imposed to when it is undone. `frames` counts those that felt it."""

    number: int
    what: What
    between: tuple[str, ...]
    one_way: bool = False
    ms: float = 0.0
    share: float = 1.0
    frames: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"{self.what}: the share of the frames should be over 0 and at most 1, not {self.share:g}")
        if self.what == "delay" and not 0 < self.ms <= _DELAY_MOST:
            raise UsageError(f"a delay should be more than 0 and at most {_DELAY_MOST:g} ms, not {self.ms:g}")

    @property
    def unplugs(self) -> tuple[str, ...]:
        """The nodes whose carrier it takes."""
        return self.between if self.what in {"noisy-partition", "unplug"} else ()

    def covers(self, sender: str, receiver: str) -> bool:
        """Whether it is about frames on this way."""
        if self.what == "unplug":
            return self.between[0] in {sender, receiver}
        if self.one_way:
            return (sender, receiver) == self.between
        return {sender, receiver} == set(self.between)

    def to_json(self) -> dict[str, Any]:
        """As the journal tells it."""
        out: dict[str, Any] = {"fault": self.number, "what": self.what, "between": list(self.between)}
        if self.one_way:
            out["one_way"] = True
        if self.what == "delay":
            out["ms"] = self.ms
        if self.what in {"loss", "corrupt", "duplicate"}:
            out["share"] = self.share
        return out
