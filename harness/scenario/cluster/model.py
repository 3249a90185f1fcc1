"""A cluster: guests on one link, what is done to them and to it, and what must hold of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.scenario.model import Scenario

if TYPE_CHECKING:
    from harness.scenario.steps import Step

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One guest. `peer` is the name under which the others speak of it in their markers; default: its place, from 1."""

    __pydantic_config__: ClassVar = _STRICT
    name: str
    image: str = ""  # default: the cluster's
    peer: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)  # overrides of profile keys, over the cluster's


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds of the cluster from when all nodes are up until they are shut down at the end."""

    __pydantic_config__: ClassVar = _STRICT
    nodes_down_at_most: int | None = None
    peers_at_least: int | None = None  # seen by every node that is up, once it saw so many
    peer_back_within: float | None = None  # seconds after a lost peer could be heard again
    healed: bool = False  # every fault of the link was lifted by a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The markers by which a node says whom it hears; the token after them is the peer."""

    __pydantic_config__: ClassVar = _STRICT
    up: str = "RAYOS_NET:PEER_UP"
    lost: str = "RAYOS_NET:PEER_LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStep:
    """Something happens to the link. `heal` undoes it: all between the nodes named, or all there is."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["link"] = "link"
    what: Literal["partition", "noisy-partition", "unplug", "delay", "loss", "corrupt", "duplicate", "heal"]
    between: tuple[str, ...] = ()
    one_way: bool = False  # only frames from the first to the second
    ms: float = 0.0
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """SIGKILL to the QEMU of a node: the guest is gone without a word."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["kill"] = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Power a node off, as `shutdown` does, and start it with another image; one that is down is only started."""

    __pydantic_config__: ClassVar = _STRICT
    do: Literal["replace"] = "replace"
    image: str = ""  # default: the one it had
    set: Mapping[str, Any] = field(default_factory=dict)
    how: Literal["command", "acpi"] = "command"
    until: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class ClusterStep:
    """One step of a cluster, and the nodes that it is for. For a `link` step these are all that are up."""

    step: Step | LinkStep | Kill | Replace
    on: tuple[str, ...]

    @property
    def what(self) -> str:
        """One line for people."""
        step = self.step
        if isinstance(step, LinkStep):
            figure = f" {step.ms:g} ms" if step.what == "delay" else f" {step.share:.0%}" if step.share < 1 else ""
            arrow = " > " if step.one_way else " - "
            return f"link {step.what}{figure} {arrow.join(step.between)}".rstrip()
        where = ", ".join(self.on)
        if isinstance(step, Kill):
            return f"kill {where}"
        if isinstance(step, Replace):
            return f"replace {where}" + (f" by {step.image}" if step.image else "")
        from harness.scenario.steps import describe

        return f"{describe(step)} on {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster(Scenario):
    """A scenario of several guests. What it has of a scenario's head holds for each of them; `steps` is empty."""

    several: ClassVar[bool] = True
    nodes: tuple[Node, ...] = ()
    limits: Limits = field(default_factory=Limits)
    peers: Peers = field(default_factory=Peers)
    plan: tuple[ClusterStep, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes)
