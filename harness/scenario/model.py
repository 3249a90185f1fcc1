"""The scenario: what to boot, what to do to it, what must be true. Plain data; the loader and the builder make it,
engine and judge read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from harness.scenario.faulting import Plan
    from harness.scenario.steps import Step


_STRICT = {"extra": "forbid"}

ClockMode = Literal["virtual", "wall", "record"]
Lackable = Literal["control", "screen", "input", "qmp", "power", "relaunch", "proof"]
"""What a target may lack for a scenario that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Whenever `when` matches (at most `times`; 0 is without limit): send a line, press keys, or run a program on the
    host.

    The program gets the matched text in the environment variable `HARNESS_MATCH` and is ended with the run.
    """

    __pydantic_config__: ClassVar = _STRICT
    when: str
    send: str | None = None
    keys: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Stream rules to hold the guest to: those of the named marker families; none by default."""

    __pydantic_config__: ClassVar = _STRICT
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Have every presented frame looked at, in the virtual clock, while the guest stands still after it.

    `against` is `identity` (numbers without a gap, whole strips, pixels that have their checksums) or `scene` (pixels
    equal to the computed oracle as well). With `damage` no pixel may change that the scene gives no reason to change;
    that is said only of frames whose scene is known. `not_on` names the image profiles on which frames are not proved:
    there `check-frame` alone looks at the screen.
    """

    __pydantic_config__: ClassVar = _STRICT
    against: Literal["identity", "scene"] = "identity"
    damage: bool = True
    not_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario after expansion: no parameters left, a flat list of steps."""

    __pydantic_config__: ClassVar = _STRICT
    several: ClassVar[bool] = False  # whether it is one of several guests (`harness.fleet`)
    name: str
    image: str = ""
    summary: str = ""
    version: Literal[1] = 1
    seed: int = 1
    clock: ClockMode | None = None  # None: the image profile's default
    timeout: float | None = None  # host seconds for the whole run
    skip: str = ""  # a reason: the scenario is not run and says so
    not_on: Mapping[str, str] = field(default_factory=dict)  # image profiles on which it is not run: name to reason
    needs: tuple[str, ...] = ()  # words that a board has to offer: it runs on such a board of the hardware map
    optional: tuple[Lackable, ...] = ()  # what needs one of these is left out, by name, where the target lacks it
    left_out: tuple[int, ...] = ()  # the steps of `steps` that are: found out by the engine, never said in a file
    set: Mapping[str, Any] = field(
        default_factory=dict
    )  # overrides of profile keys, dotted: {"machine.memory_mb": 128}
    forbid: tuple[str, ...] = ()  # patterns that must never match, in any epoch
    crash: tuple[str, ...] = ()  # further patterns that mean the guest died
    ignore_crash: tuple[str, ...] = ()  # built-in crash patterns' matches that this scenario provokes on purpose
    rules: Rules = field(default_factory=Rules)
    respond: tuple[Responder, ...] = ()
    proof: Proof | None = None  # every presented frame is checked
    faults: Plan | None = None  # what is done to the guest on purpose
    steps: tuple[Step, ...] = ()
    folder: Path = Path()  # where the scenario file lies: goldens and pictures are relative to it
    file: Path | None = None
