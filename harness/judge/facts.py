"""What the judge has to know of the image, taken from its profile and kept in the bundle's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from harness.scenario.model import Scenario
    from harness.targets.profile import Profile

_ONLY_LOOK = frozenset(
    {"boot", "expect", "check-frame", "remember-frame", "measure", "mark", "stop", "cont", "expect-exit"}
)


def by_host(scenario: Scenario, profile: Profile) -> bool:
    """Whether *scenario* does something to the guest at an instant of the host's: no such run is reproducible.

    That is what some faults do, and on a guest without a rendezvous every step that does more than to look.
    """
    if scenario.faults is not None and scenario.faults.by_host:
        return True
    if scenario.several or profile.clock.rendezvous:
        return False
    return bool(scenario.respond) or any(step.do not in _ONLY_LOOK for step in scenario.steps)


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """Plain data; `schema` is the path of the marker schema's copy inside the bundle, relative to it."""

    clock: str = "wall"
    reproducible: bool = False
    identity: bool = False
    oracle: str = "none"
    exit_device: bool = False
    inline_control: bool = False
    ready: str = ""
    crash_texts: tuple[str, ...] = ()
    schema: str | None = None

    @classmethod
    def of(cls, profile: Profile, clock: str, schema: str | None, *, by_host: bool = False) -> Self:
        """The facts of *profile* when run on *clock*: reproducible only where the guest has a rendezvous or a plan.

        :param by_host: something of the host's own time is done to the guest: no such run is reproducible.
        :raises UsageError: if the profile's triage rules cannot be read.
        """
        rules: tuple[str, ...] = ()
        if profile.guest.triage_rules is not None:
            from harness.judge.crash_rules import deaths  # not before a guest runs that has none

            rules = deaths(profile.guest.triage_rules)
        return cls(
            clock=clock,
            reproducible=not by_host and clock == "virtual" and profile.self_paced,
            identity=profile.guest.identity,
            oracle=profile.guest.oracle,
            exit_device=profile.guest.exit_device,
            inline_control=profile.guest.control == "inline",
            ready=profile.guest.ready,
            crash_texts=(*profile.guest.crash_texts, *rules),
            schema=schema,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "crash_texts": tuple(data.get("crash_texts", ()))})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def schema_path(self, bundle: Path) -> Path | None:
        return bundle / self.schema if self.schema else None
