"""What the judge needs of a cluster, as JSON in its bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.scenario.cluster.model import Cluster, ClusterStep, Kill, Limits, LinkStep, Node, Peers, Replace
from harness.scenario.model import Rules
from harness.scenario.stored import step_from_json

_OF_CLUSTERS: dict[str, Any] = {"link": LinkStep, "kill": Kill, "replace": Replace}
_PLAIN = ("name", "image", "summary", "version", "seed", "clock", "timeout", "skip", "set")
_LISTS = ("forbid", "crash", "ignore_crash")


def to_json(cluster: Cluster) -> dict[str, Any]:
    """Plain data."""
    return {
        **{key: getattr(cluster, key) for key in _PLAIN},
        **{key: list(getattr(cluster, key)) for key in _LISTS},
        "rules": asdict(cluster.rules),
        "nodes": [asdict(node) for node in cluster.nodes],
        "limits": asdict(cluster.limits),
        "peers": asdict(cluster.peers),
        "plan": [{"on": list(item.on), "step": _step_to_json(item.step)} for item in cluster.plan],
        "folder": str(cluster.folder),
        "file": str(cluster.file) if cluster.file else None,
    }


def from_json(data: Mapping[str, Any]) -> Cluster:
    """What `to_json` wrote. For data of the harness's own making: nothing is validated."""
    head: dict[str, Any] = {key: data[key] for key in _PLAIN}
    return Cluster(
        **head,
        forbid=tuple(data["forbid"]),
        crash=tuple(data["crash"]),
        ignore_crash=tuple(data["ignore_crash"]),
        rules=Rules(families=tuple(data["rules"]["families"])),
        nodes=tuple(Node(**node) for node in data["nodes"]),
        limits=Limits(**data["limits"]),
        peers=Peers(**data["peers"]),
        plan=tuple(ClusterStep(_step(item["step"]), tuple(item["on"])) for item in data["plan"]),
        folder=Path(data["folder"]),
        file=Path(data["file"]) if data["file"] else None,
    )


def _step_to_json(step: Any) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(step).items()}


def _step(data: Mapping[str, Any]) -> Any:
    kind = _OF_CLUSTERS.get(data["do"])
    if kind is None:
        return step_from_json(data)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
