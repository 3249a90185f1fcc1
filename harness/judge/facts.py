"""What the judge has to know of the image, taken from its profile and kept in the bundle's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from harness.targets.profile import Profile


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
        """
        return cls(
            clock=clock,
            reproducible=not by_host and clock == "virtual" and (profile.clock.rendezvous or profile.clock.plan),
            identity=profile.guest.identity,
            oracle=profile.guest.oracle,
            exit_device=profile.guest.exit_device,
            inline_control=profile.guest.control == "inline",
            ready=profile.guest.ready,
            crash_texts=profile.guest.crash_texts,
            schema=schema,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "crash_texts": tuple(data.get("crash_texts", ()))})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def schema_path(self, bundle: Path) -> Path | None:
        return bundle / self.schema if self.schema else None
