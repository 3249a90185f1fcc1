"""Cluster files: a scenario file with `[[node]]` tables, `on` in its steps, and steps for the link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from harness.errors import UsageError
from harness.markers.match import Pattern
from harness.scenario import expand
from harness.scenario.cluster.impairment import Impairment
from harness.scenario.cluster.lives import ImpossibleError, moves
from harness.scenario.cluster.model import Cluster, ClusterStep, Kill, Limits, LinkStep, Node, Peers, Replace
from harness.scenario.filled import typed
from harness.scenario.loader import step_problems
from harness.scenario.model import Rules
from harness.scenario.steps import STEP_TYPES, Boot, ExpectExit, Shutdown, Step
from harness.toml import Locate, Problem, TomlFile, refuse, validate
from harness.toml_positions import Loc

_OF_CLUSTERS = {"link": LinkStep, "kill": Kill, "replace": Replace}
_OF_NODES = {"node": "${node}", "peer": "${peer}"}  # words that differ from node to node: filled in later


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """A cluster as it stands in a file; `on` is taken off its steps before."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    version: Literal[1]
    name: str
    image: str = ""
    summary: str = ""
    seed: int = 1
    clock: Literal["wall"] = "wall"
    timeout: float | None = None
    skip: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    forbid: tuple[str, ...] = ()
    crash: tuple[str, ...] = ()
    ignore_crash: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    peers: Peers = field(default_factory=Peers)
    node: tuple[Node, ...]
    step: tuple[Annotated[Step | LinkStep | Kill | Replace, Field(discriminator="do")], ...] = ()


_ADAPTER = TypeAdapter(ClusterFile)


def cluster_adapter() -> TypeAdapter[ClusterFile]:
    """What cluster files are validated by."""
    return _ADAPTER


def load_clusters(
    path: Path, document: TomlFile, seed: int | None = None, words: Mapping[str, Any] | None = None
) -> list[Cluster]:
    """The clusters of one file: one, or one for each combination of its `[matrix]`.

    :param seed: instead of the file's.
    :param words: instead of the values of the same names in its `[words]`.
    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    return list(_load(path, document, seed, words or {}))


def _load(path: Path, document: TomlFile, seed: int | None, given: Mapping[str, Any]) -> Iterator[Cluster]:
    for label, chosen in expand.cases(path, document.data, document.locate):
        data, words = expand.apply_case(document.data, chosen)
        defaults = expand.take_words(path, data, given, document.locate)
        if seed is not None:
            data["seed"] = seed
        words = {"seed": str(data.get("seed", 1)), **defaults, **words}
        words |= _OF_NODES
        head = {k: expand.substitute(path, v, words, (k,), document.locate) for k, v in data.items() if k != "step"}
        placed = expand.expand_steps(path, data.get("step", []), words, document.locate)

        def locate(loc: Loc, placed: list[tuple[dict[str, Any], Loc]] = placed) -> int:
            if len(loc) > 1 and loc[0] == "step" and isinstance(loc[1], int) and loc[1] < len(placed):
                loc = (*placed[loc[1]][1], *loc[2:])
            return document.locate(loc)

        asked: list[Any] = []
        steps: list[Any] = []
        step: Any
        for step, _ in placed:
            bare: Any = {k: v for k, v in step.items() if k != "on"} if isinstance(step, dict) else step
            asked.append(step.get("on") if isinstance(step, dict) else None)
            steps.append(typed(bare, _step_type(bare)))
        parsed = validate(_ADAPTER, path, TomlFile({**typed(head, ClusterFile), "step": steps}, locate))
        yield _built(path, parsed, asked, locate, f"{parsed.name}[{label}]" if label else parsed.name)


def _built(path: Path, parsed: ClusterFile, asked: list[Any], locate: Locate, name: str) -> Cluster:
    wrong = list(_problems(parsed))
    if wrong:
        raise refuse(path, locate, wrong)
    nodes = tuple(replace(n, peer=n.peer or str(place)) for place, n in enumerate(parsed.node, 1))
    of_head = {f.name: getattr(parsed, f.name) for f in fields(parsed) if f.name not in {"node", "step", "name"}}
    cluster = Cluster(**of_head, name=name, nodes=nodes, folder=path.parent.absolute(), file=path.absolute())
    wrong = [problem for index, on in enumerate(asked) for problem in _on_problems(index, on, parsed, cluster.names)]
    if wrong:
        raise refuse(path, locate, wrong)
    up: set[str] = set()
    plan = []
    for step, on in zip(parsed.step, asked, strict=True):
        everybody = [n for n in cluster.names if (n in up) != isinstance(step, Boot)]
        chosen = tuple(everybody if on is None else [on] if isinstance(on, str) else on)
        plan.append(ClusterStep(step, chosen))
        if isinstance(step, (Boot, Replace)):
            up |= set(chosen)
        elif isinstance(step, (Kill, Shutdown, ExpectExit)):
            up -= set(chosen)
    cluster = replace(cluster, plan=tuple(plan))
    try:
        moves(cluster)
    except ImpossibleError as error:
        raise refuse(path, locate, [Problem(("step", error.index), str(error))]) from error
    return cluster


def _step_type(step: Any) -> Any:
    do = step.get("do") if isinstance(step, dict) else None
    return {**STEP_TYPES, **_OF_CLUSTERS}.get(do, Any) if isinstance(do, str) else Any


def _problems(file: ClusterFile) -> Iterator[Problem]:
    """What the types cannot say."""
    names = [node.name for node in file.node]
    if len(names) < 2:
        yield Problem(("node",), "a cluster has two nodes or more; for one guest leave the [[node]] tables out")
    if len(names) > 250:
        yield Problem(("node",), "more than 250 nodes")
    for index, node in enumerate(file.node):
        if not node.name.replace("-", "").replace("_", "").isalnum() or not node.name.isascii():
            yield Problem(("node", index, "name"), f"{node.name!r}: a node's name is of letters, digits, - and _")
        if names.index(node.name) != index:
            yield Problem(("node", index, "name"), f"two nodes are called {node.name!r}")
        if not node.image and not file.image:
            yield Problem(("node", index), f"no image for {node.name}: give one here or at the top")
    limits = file.limits
    for key in ("nodes_down_at_most", "peers_at_least", "peer_back_within"):
        value = getattr(limits, key)
        if value is not None and value < 0:
            yield Problem(("limits", key), f"{key}: should not be negative")
    for key in ("up", "lost"):
        if not Pattern.parse(getattr(file.peers, key)).is_marker:
            yield Problem(("peers", key), f"{key}: should be a marker, the token after which is the peer")
    for key in ("forbid", "crash", "ignore_crash"):
        for index, source in enumerate(getattr(file, key)):
            try:
                Pattern.parse(source)
            except UsageError as error:
                yield Problem((key, index), error.what)
    if not file.step and not file.skip:
        yield Problem((), "no steps: a cluster needs at least a boot and something that is checked")
    for index, step in enumerate(file.step):
        if index == 0 and not isinstance(step, Boot):
            yield Problem(("step", 0), 'the first step has to be do = "boot"')
        if isinstance(step, LinkStep):
            yield from _link_problems(("step", index), step, names)
        elif not isinstance(step, (Kill, Replace)):
            yield from step_problems(("step", index), step)


def _link_problems(place: Loc, step: LinkStep, names: list[str]) -> Iterator[Problem]:
    for node in step.between:
        if node not in names:
            yield Problem((*place, "between"), f"there is no node {node!r}", node, tuple(names))
    if step.what == "heal":
        return
    wanted = 1 if step.what == "unplug" else 2
    if len(step.between) != wanted or len(set(step.between)) != wanted:
        many = "one node" if wanted == 1 else "two different nodes"
        yield Problem((*place, "between"), f"{step.what} is about {many}")
        return
    if step.what == "noisy-partition" and (len(names) > 2 or step.one_way):
        what = "a noisy partition takes the carrier of both cards, so it is for clusters of two, in both directions"
        yield Problem((*place, "what"), f'{what}; use "unplug" of one node, or "partition"')
    try:
        Impairment(0, step.what, step.between, ms=step.ms, share=step.share)
    except UsageError as error:
        yield Problem(place, error.what)


def _on_problems(index: int, on: Any, file: ClusterFile, names: tuple[str, ...]) -> Iterator[Problem]:
    place: Loc = ("step", index, "on")
    step = file.step[index]
    if on is None:
        if step.do in {"kill", "replace"}:
            yield Problem(("step", index), f"{step.do} which node? Give on")
        return
    if isinstance(step, LinkStep):
        yield Problem(place, "a link step is on no node: name the nodes in between")
        return
    listed = [on] if isinstance(on, str) else on
    if not isinstance(listed, list) or not listed or any(not isinstance(n, str) for n in listed):
        yield Problem(place, "on: should be a node's name, or an array of them")
        return
    for node in listed:
        if node not in names:
            yield Problem(place, f"there is no node {node!r}", node, names)
