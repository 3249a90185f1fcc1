"""Steps that boot and look, as plain data: all that `harness boot` needs. See `harness.scenario.steps`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid"}  # read by the validation library; the classes stay plain dataclasses


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Let the machine run until it is ready. Without `until` the profile's `guest.ready` decides."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["boot"] = "boot"
    until: str = ""
    timeout: float | None = None

    def __str__(self) -> str:
        return f"{self.do} until {self.until}" if self.until else self.do


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often a pattern may match."""

    __pydantic_config__: ClassVar = _STRICT
    pattern: str
    exactly: int | None = None
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Wait until all conditions hold. `none` patterns must not match meanwhile; with nothing else to wait for they
    are watched for `during` seconds.

    `since` says where the search begins: at the last step that acted (default), at the last boot or reset, or at the
    start of the run.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["expect"] = "expect"
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    count: tuple[Count, ...] = ()
    since: Literal["action", "boot", "start"] = "action"
    within: float | None = None
    during: float | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFrame:
    """Take a picture and judge it.

    `against` is `scene` (the computed oracle, exact; on a guest of which only the clients are known it is `clients`),
    `golden` (approved pictures `goldens/<name>.png` and `goldens/<name>.<variant>.png` in the scenario's folder, masks
    `goldens/<name>.mask.toml`), `identity` (strip and tile checksums only), `not-blank` (anything but one colour),
    `remembered` (a picture that `remember-frame` took earlier in the run) or `clients` (the window of each living
    client, found by its strip: docs/weston.md).
    Where the guest has an identity strip it is always checked as well.

    With `remembered`: `like` names that picture; `crop` is the part of it to compare, x, y, w, h (all of the desktop),
    and `shifted` how far to the right and down that part should be found now. `changed` turns it round: so many pixels,
    or more, have to be unlike it.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["check-frame"] = "check-frame"
    name: str
    against: Literal["scene", "golden", "identity", "not-blank", "remembered", "clients"] = "scene"
    like: str = ""
    crop: tuple[int, int, int, int] | None = None
    shifted: tuple[int, int] = (0, 0)
    changed: int = 0
    tolerance: int = 0
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberFrame:
    """Take a picture for later: `check-frame` with `against = "remembered"` compares the screen with it."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["remember-frame"] = "remember-frame"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectExit:
    """Wait until the guest leaves by itself: `reason` of QMP SHUTDOWN, or the exit `code` written to the
    isa-debug-exit device.
    """

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["expect-exit"] = "expect-exit"
    reason: str = "guest-shutdown"
    code: int | None = None
    timeout: float | None = None
