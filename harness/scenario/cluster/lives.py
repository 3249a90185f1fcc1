"""From the steps of a cluster to those of its guests: a scenario for each life of a node, from power-on to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from harness.scenario.cluster.model import Cluster, ClusterStep, Kill, LinkStep, Node, Replace
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot, ExpectExit, Mark, Shutdown, Step

_OF_THE_HEAD = ("crash", "ignore_crash", "forbid", "rules", "timeout", "folder")


@dataclass(slots=True)
class Life:
    """One node from power-on to its end. `folder` is where its evidence lies in that of the cluster."""

    node: str
    number: int
    image: str
    set: Mapping[str, Any]
    seed: int
    steps: list[Step] = field(default_factory=list)
    ended: bool = False  # by a step; else it goes on to the cluster's end

    @property
    def folder(self) -> str:
        return f"nodes/{self.node}" if self.number == 1 else f"nodes/{self.node}.{self.number}"

    @property
    def name(self) -> str:
        """For people: the node, and which of its lives where it is not the first."""
        return self.node if self.number == 1 else f"{self.node} (life {self.number})"


@dataclass(frozen=True, slots=True)
class Turn:
    """Part of a cluster's step: step *index* of *life*. Index 0 powers it on; with *ends* it is over afterwards."""

    life: Life
    index: int
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """What is done for one step of a cluster: *turns* for each node, one node beside the other; a kill follows them."""

    step: ClusterStep
    turns: Mapping[str, tuple[Turn, ...]]


class ImpossibleError(Exception):
    """A step asks of a node what it cannot do then: `index` is the step's."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


def moves(cluster: Cluster) -> tuple[list[Moves], list[Life]]:
    """What is to be done, step by step, and the lives that it takes.

    A step that is not a node's own (the link, a kill) is a `mark` in every life that goes on then, so that expectations
    after it search from it; so is the end of the run, up to which each guest is watched.

    :raises ImpossibleError: if a node is asked for something while it is down, or to boot while it is up.
    """
    lives: list[Life] = []
    up: dict[str, Life] = {}
    counts: dict[str, int] = {}
    out = []

    def begin(node: Node, image: str, settings: Mapping[str, Any], step: Boot) -> Turn:
        number = counts[node.name] = counts.get(node.name, 0) + 1
        place = cluster.nodes.index(node)
        life = Life(node.name, number, image, settings, (cluster.seed + 1000 * place) % 2**32, [step])
        lives.append(life)
        up[node.name] = life
        return Turn(life, 0)

    def turn(life: Life, step: Step) -> Turn:
        life.steps.append(step)
        life.ended = isinstance(step, (Shutdown, ExpectExit))
        if life.ended:
            del up[life.node]
        return Turn(life, len(life.steps) - 1, ends=life.ended)

    last: dict[str, tuple[str, Mapping[str, Any]]] = {
        node.name: (node.image or cluster.image, {**cluster.set, **node.set}) for node in cluster.nodes
    }
    for index, item in enumerate(cluster.plan):
        step = item.step
        turns: dict[str, tuple[Turn, ...]] = {}
        for node in cluster.nodes:
            life = up.get(node.name)
            if isinstance(step, (LinkStep, Kill)):
                if life is None:
                    if isinstance(step, Kill) and node.name in item.on:
                        raise ImpossibleError(index, f"{node.name} cannot be killed: it is down")
                    continue
                turns[node.name] = (turn(life, Mark(name=item.what)),)
                if isinstance(step, Kill) and node.name in item.on:
                    life.ended = True
                    turns[node.name] = (replace(turns[node.name][0], ends=True),)
                    del up[node.name]
            elif node.name not in item.on:
                continue
            elif isinstance(step, Replace):
                image, settings = last[node.name]
                last[node.name] = step.image or image, {**settings, **step.set}
                ending = [turn(life, Shutdown(how=step.how, timeout=step.timeout))] if life is not None else []
                boot = Boot(until=step.until, timeout=step.timeout)
                turns[node.name] = (*ending, begin(node, *last[node.name], boot))
            elif isinstance(step, Boot):
                if life is not None:
                    raise ImpossibleError(index, f"{node.name} cannot be booted: it is up")
                turns[node.name] = (begin(node, *last[node.name], step),)
            elif life is None:
                raise ImpossibleError(index, f"{node.name} is down: boot it before")
            else:
                turns[node.name] = (turn(life, _filled(step, node)),)
        out.append(Moves(item, turns))
    for life in up.values():
        life.steps.append(Mark(name="the end of the run"))
    return out, lives


def scenario_of(cluster: Cluster, life: Life) -> Scenario:
    """What this life of a node is played and judged by."""
    head = {name: getattr(cluster, name) for name in _OF_THE_HEAD}
    return Scenario(
        name=f"{cluster.name}: {life.name}",
        image=life.image,
        set=life.set,
        seed=life.seed,
        clock="wall",
        steps=tuple(life.steps),
        **head,
    )


def _filled(step: Step, node: Node) -> Step:
    """*step* with the words that differ from node to node put in."""
    words = {"${node}": node.name, "${peer}": node.peer}
    return replace(step, **dict(_changes(step, words)))


def _changes(item: Any, words: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for one in fields(item):
        value = getattr(item, one.name)
        changed = _put(value, words)
        if changed != value:
            yield one.name, changed


def _put(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
        return value
    if isinstance(value, tuple):
        return tuple(_put(v, words) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **dict(_changes(value, words)))
    return value
