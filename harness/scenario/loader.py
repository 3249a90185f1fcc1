"""Scenario files: TOML in, validated scenarios out. Every problem names file, line and the nearest word that would
have been right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from harness.console.regex import compile_regex
from harness.errors import UsageError
from harness.markers.match import Pattern
from harness.measure.stored import read_values, values_file
from harness.scenario import expand
from harness.scenario.faulting import Fault, Plan
from harness.scenario.filled import typed
from harness.scenario.measuring import Measure
from harness.scenario.model import ClockMode, Lackable, Proof, Responder, Rules, Scenario
from harness.scenario.pictures import picture_problems
from harness.scenario.plans import load_plan, plan_problems
from harness.scenario.steps import (
    STEP_TYPES,
    Boot,
    CheckFrame,
    Count,
    Dialogue,
    Expect,
    Pointer,
    Recover,
    Relaunch,
    Reset,
    Step,
)
from harness.toml import Problem, TomlFile, load_toml, refuse, validate
from harness.toml_positions import Loc


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """A scenario as it stands in a file; `matrix` and `repeat` are already taken apart."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    version: Literal[1]
    name: str
    image: str = ""
    summary: str = ""
    seed: int = 1
    clock: ClockMode | None = None
    timeout: float | None = None
    skip: str = ""
    not_on: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    optional: tuple[Lackable, ...] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    forbid: tuple[str, ...] = ()
    crash: tuple[str, ...] = ()
    ignore_crash: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    respond: tuple[Responder, ...] = ()
    proof: Proof | None = None
    faults: Path | None = None  # a plan in a file of its own, instead of [[fault]] tables
    fault: tuple[Fault, ...] = ()
    step: tuple[Annotated[Step, Field(discriminator="do")], ...] = ()


_ADAPTER = TypeAdapter(ScenarioFile)
_BUILT = frozenset({"name", "step", "fault", "faults"})  # of which a scenario holds something else


def load_scenarios(path: Path, seed: int | None = None, words: Mapping[str, Any] | None = None) -> list[Scenario]:
    """The scenarios of one file: one, or one for each combination of its `[matrix]`.

    :param seed: instead of the file's; `${seed}` in a text stands for it.
    :param words: instead of the values of the same names in its `[words]`.
    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    document = load_toml(path)
    if "node" in document.data:
        from harness.scenario.cluster.loader import load_clusters

        return [*load_clusters(path, document, seed, words)]
    return list(_load(path, document, seed, words or {}))


def _load(path: Path, document: TomlFile, seed: int | None, given: Mapping[str, Any]) -> Iterator[Scenario]:
    for label, chosen in expand.cases(path, document.data, document.locate):
        data, words = expand.apply_case(document.data, chosen)
        words = {**expand.take_words(path, data, given, document.locate), **words}
        if seed is not None:
            data["seed"] = seed
        words.setdefault("seed", str(data.get("seed", 1)))
        head = {k: expand.substitute(path, v, words, (k,), document.locate) for k, v in data.items() if k != "step"}
        placed = expand.expand_steps(path, data.get("step", []), words, document.locate)

        def locate(loc: Loc, placed: list[tuple[dict[str, Any], Loc]] = placed) -> int:
            if len(loc) > 1 and loc[0] == "step" and isinstance(loc[1], int) and loc[1] < len(placed):
                loc = (*placed[loc[1]][1], *loc[2:])
            return document.locate(loc)

        head = typed(head, ScenarioFile)
        steps = [typed(step, _step_type(step)) for step, _ in placed]
        parsed = validate(_ADAPTER, path, TomlFile({**head, "step": steps}, locate))
        problems = list(_problems(parsed))
        if problems:
            raise refuse(path, locate, problems)
        name = f"{parsed.name}[{label}]" if label else parsed.name
        yield Scenario(
            **{f.name: getattr(parsed, f.name) for f in fields(parsed) if f.name not in _BUILT},
            name=name,
            faults=_plan(parsed, path.parent),
            steps=_with_stored_values(parsed.step, values_file(path.parent, name)),
            folder=path.parent.absolute(),
            file=path.absolute(),
        )


def _plan(parsed: ScenarioFile, folder: Path) -> Plan | None:
    if parsed.faults is not None:
        return load_plan(folder / parsed.faults)
    return Plan(fault=parsed.fault) if parsed.fault else None


def _with_stored_values(steps: tuple[Step, ...], path: Path) -> tuple[Step, ...]:
    """The steps, each `measure` with the figure that is approved for it."""
    if not any(isinstance(step, Measure) and step.stored for step in steps):
        return steps
    values = read_values(path)
    return tuple(
        replace(step, approved=values.get(step.name)) if isinstance(step, Measure) and step.stored else step
        for step in steps
    )


def _step_type(step: Any) -> Any:
    """The class of a step as it stands in a file; `Any` if it names none, which the validation tells."""
    do = step.get("do") if isinstance(step, dict) else None
    return STEP_TYPES.get(do, Any) if isinstance(do, str) else Any


def _problems(scenario: ScenarioFile) -> Iterator[Problem]:
    """What the types cannot say."""
    if not scenario.step and not scenario.skip:
        yield Problem((), "no steps: a scenario needs at least a boot and something that is checked")
    if scenario.timeout is not None and scenario.timeout <= 0:
        yield Problem(("timeout",), "timeout: should be more than 0 seconds")
    for key in ("forbid", "crash", "ignore_crash"):
        for index, source in enumerate(getattr(scenario, key)):
            yield from _pattern((key, index), source)
    for index, responder in enumerate(scenario.respond):
        yield from _pattern(("respond", index, "when"), responder.when)
        if responder.send is None and not responder.keys and not responder.run:
            yield Problem(("respond", index), "a responder needs one of send, keys, run")
    names: dict[str, int] = {}
    for index, step in enumerate(scenario.step):
        place: Loc = ("step", index)
        if (index == 0) != isinstance(step, Boot):
            yield Problem(place, 'the first step, and no other, has to be do = "boot"')
        for key in ("timeout", "within", "during"):
            seconds = getattr(step, key, None)
            if seconds is not None and not 0 < seconds <= 1e7:
                yield Problem((*place, key), f"{key}: should be more than 0 seconds")
        if isinstance(step, (CheckFrame, Measure)):
            if names.setdefault(step.name, index) != index:
                yield Problem(
                    (*place, "name"), f"two checks are called {step.name!r}; goldens and reports need them apart"
                )
            if isinstance(step, CheckFrame) and not 0 <= step.tolerance <= 255:
                yield Problem((*place, "tolerance"), "tolerance: should be 0 to 255")
        yield from step_problems(place, step)
    yield from picture_problems(scenario.step)
    if scenario.faults is not None and scenario.fault:
        yield Problem(("faults",), "faults: a plan file or [[fault]] tables, not both")
    yield from plan_problems(scenario.fault, ("fault",))


def step_problems(place: Loc, step: Step) -> Iterator[Problem]:
    if isinstance(step, (Boot, Reset, Relaunch)) and step.until:
        yield from _pattern((*place, "until"), step.until)
    if isinstance(step, Dialogue):
        for index, exchange in enumerate(step.exchange):
            try:
                compile_regex(exchange.expect, bounded=True)
            except UsageError as error:
                yield Problem((*place, "exchange", index, "expect"), error.what)
    if isinstance(step, Measure):
        yield from _pattern((*place, "of"), step.of)
        if step.at_least is None and step.at_most is None and not step.stored:
            yield Problem(place, "a measure needs at_least, at_most, or stored = true")
        if step.approved is not None:
            yield Problem((*place, "approved"), "approved figures stand in values/, not in the scenario")
        if step.field == "" and step.statistic != "count":
            yield Problem(place, f"{step.statistic} of what? Give the field of the marker")
        if not 0 <= step.tolerance <= 100:
            yield Problem((*place, "tolerance"), "tolerance: should be 0 to 100 percent")
    if isinstance(step, Recover) and not 1 <= step.ticks <= 1_000_000:
        yield Problem((*place, "ticks"), "ticks: should be 1 to 1000000")
    if isinstance(step, Pointer) and (step.action == "drag") != (step.to_x is not None and step.to_y is not None):
        yield Problem(place, "a drag, and nothing else, needs to_x and to_y")
    if isinstance(step, Expect):
        if not (step.all or step.any or step.order or step.none or step.count):
            yield Problem(place, "nothing to expect: give all, any, order, none or count")
        only_none = step.none and not (step.all or step.any or step.order or step.count)
        if only_none and step.during is None:
            yield Problem(place, "with only `none`, say how long to watch: during = SECONDS")
        for key in ("all", "any", "order", "none"):
            for index, source in enumerate(getattr(step, key)):
                yield from _pattern((*place, key, index), source)
        for index, count in enumerate(step.count):
            yield from _count((*place, "count", index), count)


def _count(place: Loc, count: Count) -> Iterator[Problem]:
    yield from _pattern((*place, "pattern"), count.pattern)
    if count.exactly is None and count.at_least is None and count.at_most is None:
        yield Problem(place, "a count needs exactly, at_least or at_most")
    if count.exactly is not None and (count.at_least is not None or count.at_most is not None):
        yield Problem(place, "exactly excludes at_least and at_most")


def _pattern(place: Loc, source: str) -> Iterator[Problem]:
    try:
        Pattern.parse(source)
    except UsageError as error:
        yield Problem(place, error.what)


def json_schema() -> dict[str, Any]:
    """JSON schema of a scenario file, for editors: of one for a single guest, or for several (`[[node]]` tables)."""
    from harness.scenario.cluster.schema import json_schema as of_clusters

    single, several = with_what_is_expanded(_ADAPTER.json_schema()), of_clusters()
    return {
        "title": "rayos-harness scenario",
        "$defs": {**single.pop("$defs"), **several.pop("$defs")},
        "if": {"required": ["node"]},
        "then": several,
        "else": single,
    }


def _or_word(schema: dict[str, Any]) -> dict[str, Any]:
    """A number may be a `${word}` too."""
    kinds = [schema, *schema.get("anyOf", ())]
    if not any(kind.get("type") in {"number", "integer"} for kind in kinds):
        return schema
    return {"anyOf": [schema, {"type": "string", "pattern": r"^\$\{\w+\}$"}]}


def with_what_is_expanded(schema: dict[str, Any]) -> dict[str, Any]:
    """*schema* with words, `matrix` and `repeat`, which are taken apart before a file is validated."""
    for table in schema["$defs"].values():
        if "properties" in table:
            table["properties"] = {key: _or_word(value) for key, value in table["properties"].items()}
    schema["properties"]["matrix"] = {
        "type": "object",
        "description": "Arrays of values; the scenario runs over their product. "
        "image, seed, clock and dotted profile keys are set; other words fill ${word}.",
    }
    schema["properties"]["words"] = {"type": "object", "description": "Values of ${word}."}
    schema["$defs"]["Repeat"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["do", "step"],
        "properties": {
            "do": {"const": "repeat"},
            "times": {"type": "integer", "minimum": 1},
            "over": {"type": "object", "additionalProperties": {"type": "array"}},
            "step": schema["properties"]["step"],
        },
    }
    items = schema["properties"]["step"]["items"]
    items.pop("discriminator", None)
    items["oneOf"].append({"$ref": "#/$defs/Repeat"})
    return schema
