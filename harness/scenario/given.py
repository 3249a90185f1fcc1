"""Scenarios that nobody wrote down before: a program gives step after step (`harness.engine.live`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame, Mark, Measure, Step

if TYPE_CHECKING:
    from harness.evidence.journal import Event
    from harness.scenario.faulting import Fault
    from harness.targets.base import Target
    from harness.toml import Problem

END = Mark(name="the end")
"""The last step of each: the decision to stop falls there."""


def as_given(scenario: Scenario, events: Iterable[Event]) -> Scenario:
    """*scenario* with what the journal says was given and the file does not hold: the program was killed before it
    could write it down.
    """
    from harness.scenario.stored import from_json, step_from_json, to_json

    steps: list[Step] = list(scenario.steps[:-1])
    faults: list[Any] = []
    for event in events:
        if event.kind == "step.given" and int(event.data["index"]) >= len(steps):
            steps.append(step_from_json(event.data["step"]))
        elif event.kind == "fault.given":
            faults.append(event.data["fault"])
    found = replace(scenario, steps=(*steps, END))
    known = {fault.name for fault in scenario.faults.fault} if scenario.faults is not None else set()
    missing = [fault for fault in faults if fault["name"] not in known]
    if not missing:
        return found
    data = to_json(found)
    data["faults"]["fault"] = [*data["faults"]["fault"], *missing]
    return from_json(data)


def refuse_wrong_steps(before: Sequence[Step], steps: Sequence[Step]) -> None:
    """What is refused in a scenario file too; *before* are the steps that were given by now.

    :raises UsageError: naming everything wrong with *steps*.
    """
    from harness.scenario.loader import step_problems
    from harness.scenario.pictures import picture_problems

    problems: list[Problem] = []
    names = {step.name for step in before if isinstance(step, (CheckFrame, Measure))}
    for number, step in enumerate(steps, len(before)):
        if step.do == "boot" and number > 0:
            raise UsageError("the guest has been booted already", "reset() and relaunch() begin a new boot")
        problems += step_problems(("step", number), step)
        for key in ("timeout", "within", "during"):
            seconds = getattr(step, key, None)
            if seconds is not None and not 0 < seconds <= 1e7:
                raise UsageError(f"{key}={seconds}: should be more than 0 seconds")
        if isinstance(step, (CheckFrame, Measure)):
            if step.name in names:
                raise UsageError(f"two checks are called {step.name!r}", "reports need them apart: give another name")
            names.add(step.name)
    if any(step.do in {"check-frame", "remember-frame"} for step in steps):
        problems += picture_problems([*before, *steps])
    if problems:
        raise UsageError("; ".join(problem.message for problem in problems))


def refuse_wrong_fault(before: Sequence[Fault], fault: Fault, target: Target) -> None:
    """:raises UsageError: naming what is wrong with *fault*, or would have to be there before the boot."""
    from harness.scenario.plans import plan_problems

    problems = [problem.message for problem in plan_problems((*before, fault), ("fault",))]
    if problems:
        raise UsageError("; ".join(problems))
    if (fault.do.by_gdbstub or fault.when.symbol) and getattr(target, "debugger", None) is None:
        raise _too_late(fault, "needs a debugger's port")
    if (hasattr(fault.do, "disk") or fault.do.kind == "power-cut") and not getattr(
        getattr(target, "launch", None), "served", ()
    ):
        raise _too_late(fault, "needs disks that the harness serves itself")


def _too_late(fault: Fault, why: str) -> UsageError:
    return UsageError(
        f"{fault.do.kind} {why}, which has to be there when the machine starts",
        "say it before the boot: faults.plan(NAME, KIND, when={...}, ...)",
    )
