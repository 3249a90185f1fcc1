"""The expanded scenario as JSON in a bundle, so that a run can be judged again without the file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.scenario.model import Proof, Responder, Rules, Scenario

if TYPE_CHECKING:
    from harness.scenario.faulting import Plan
    from harness.scenario.steps import Step


_BUILT = frozenset({"steps", "rules", "respond", "proof", "faults", "folder", "file"})


def to_json(scenario: Scenario) -> dict[str, Any]:
    """Plain data; paths become strings."""
    data = asdict(scenario)
    data["folder"], data["file"] = str(scenario.folder), str(scenario.file) if scenario.file else None
    for step in data["steps"]:
        if "picture" in step:
            step["picture"] = str(step["picture"])
    return data


def from_json(data: Mapping[str, Any]) -> Scenario:
    """What `to_json` wrote. For data of the harness's own making: nothing is validated."""
    steps = tuple(step_from_json(step) for step in data["steps"])
    scenario = Scenario(**{k: _tuples(v) for k, v in data.items() if k not in _BUILT})
    return replace(
        scenario,
        steps=steps,
        rules=Rules(families=tuple(data["rules"]["families"])),
        proof=Proof(**{k: _tuples(v) for k, v in data["proof"].items()}) if data.get("proof") else None,
        faults=_plan(data["faults"]) if data.get("faults") else None,
        respond=tuple(Responder(**{k: _tuples(v) for k, v in r.items()}) for r in data["respond"]),
        folder=Path(data["folder"]),
        file=Path(data["file"]) if data["file"] else None,
    )


def _plan(data: Mapping[str, Any]) -> Plan:
    from harness.scenario.plans import plan_from_json

    return plan_from_json(data)


def step_from_json(data: Mapping[str, Any]) -> Step:
    """One step as `to_json` wrote it."""
    from harness.scenario import steps as s  # writing needs none of them, and a quick boot should stay quick

    values = {k: _tuples(v) for k, v in data.items()}
    match data["do"]:
        case "expect":
            values["count"] = tuple(s.Count(**c) for c in data["count"])
        case "dialogue":
            values["exchange"] = tuple(s.Exchange(**e) for e in data["exchange"])
        case "find-click":
            values["picture"] = Path(data["picture"])
        case _:
            pass
    return s.STEP_TYPES[data["do"]](**values)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
