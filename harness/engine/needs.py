"""What a scenario asks of its target, found out before anything is powered on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.scenario.model import Scenario
from harness.targets.base import Capability, Target

if TYPE_CHECKING:
    from harness.scenario.steps import Step

_NEEDS: dict[str, tuple[Capability, ...]] = {
    "command": (Capability.CONTROL,),
    "frames": (Capability.CONTROL,),
    "send": (Capability.CONSOLE_INPUT,),
    "dialogue": (Capability.CONSOLE_INPUT,),
    "type": (Capability.INPUT, Capability.QMP),
    "key": (Capability.INPUT, Capability.QMP),
    "pointer": (Capability.INPUT, Capability.QMP, Capability.SCREEN),
    "find-click": (Capability.INPUT, Capability.QMP, Capability.SCREEN),
    "check-frame": (Capability.SCREEN,),
    "remember-frame": (Capability.SCREEN,),
    "reset": (Capability.POWER,),
    "relaunch": (Capability.RELAUNCH,),
    "recover": (Capability.CONTROL,),
    "stop": (Capability.QMP,),
    "cont": (Capability.QMP,),
}


def refuse_what_cannot_be_done(scenario: Scenario, target: Target) -> None:
    """:raises UsageError: naming every step that *target* cannot do, and what it lacks."""
    if scenario.proof is not None and Capability.PROOF not in target.capabilities:
        raise UsageError(
            f"the frames of {target.name} cannot be proved one by one, as the scenario {scenario.name} asks",
            "it takes the virtual clock, and a guest with an identity strip and the proof rendezvous: identity and"
            " prove_words in its profile (docs/frames.md)",
        )
    if all(capability in target.capabilities for step in scenario.steps for capability in _needs(step)):
        return
    from harness.scenario.steps import describe

    lacking = [
        f"step {index}, {describe(step)}, needs {', '.join(missing)}"
        for index, step in enumerate(scenario.steps, 1)
        if (missing := [str(c) for c in _needs(step) if c not in target.capabilities])
    ]
    raise UsageError(
        f"{target.name} cannot do what the scenario {scenario.name} asks: {'; '.join(lacking)}",
        f"it offers {', '.join(sorted(target.capabilities)) or 'a console to read, and nothing else'}",
    )


def _needs(step: Step) -> tuple[Capability, ...]:
    if step.do == "shutdown":
        return (Capability.CONTROL,) if getattr(step, "how", "command") == "command" else (Capability.QMP,)
    return _NEEDS.get(step.do, ())
