"""What a scenario asks of its target, found out before anything is powered on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.scenario.model import Scenario
from harness.targets.base import Capability, Target

if TYPE_CHECKING:
    import datetime

    from harness.scenario.faulting import Fault
    from harness.scenario.steps import Step
    from harness.targets.profile import Profile

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
    "expect-exit": (Capability.QMP,),
}


_FAULT_NEEDS: dict[str, tuple[Capability, ...]] = {
    **dict.fromkeys(("client-crash", "client-hang", "client-kill", "buffer-exhaustion"), (Capability.CONTROL,)),
    **dict.fromkeys(("queue-overflow", "malformed-request", "guest-command"), (Capability.CONTROL,)),
    **dict.fromkeys(("serial-noise", "serial-loss", "serial-stall", "kill-harness"), ()),
    "reset": (Capability.POWER,),
}
"""Of the kinds of faults; all others are done through QMP."""


def refuse_what_cannot_be_done(scenario: Scenario, target: Target) -> None:
    """:raises UsageError: naming every step that *target* cannot do, and what it lacks."""
    if scenario.proof is not None and Capability.PROOF not in target.capabilities:
        raise UsageError(
            f"the frames of {target.name} cannot be proved one by one, as the scenario {scenario.name} asks",
            "it takes the virtual clock, and a guest with an identity strip and the proof rendezvous: identity and"
            " prove_words in its profile (docs/frames.md)",
        )
    faults = scenario.faults.fault if scenario.faults is not None else ()
    steps = [(index, step) for index, step in enumerate(scenario.steps) if index not in scenario.left_out]
    asked = [*(needs_of(step) for _, step in steps), *map(needs_of_fault, faults)]
    if target.capabilities.issuperset(capability for needs in asked for capability in needs):
        return
    from harness.scenario.steps import describe

    lacking = [
        f"step {index + 1}, {describe(step)}, needs {', '.join(missing)}"
        for index, step in steps
        if (missing := [str(c) for c in needs_of(step) if c not in target.capabilities])
    ]
    lacking += [
        f"the fault {fault.name} ({fault.do.kind}) needs {', '.join(missing)}"
        for fault in faults
        if (missing := [str(c) for c in needs_of_fault(fault) if c not in target.capabilities])
    ]
    raise UsageError(
        f"{target.name} cannot do what the scenario {scenario.name} asks: {'; '.join(lacking)}",
        f"it offers {', '.join(sorted(target.capabilities)) or 'a console to read, and nothing else'}",
    )


def needs_of(step: Step) -> tuple[Capability, ...]:
    """What *step* asks of a target."""
    if step.do == "shutdown":
        # That the machine went is seen by QMP alone: a board's port says nothing of it.
        by_command = getattr(step, "how", "command") == "command"
        return (Capability.CONTROL, Capability.QMP) if by_command else (Capability.QMP,)
    return _NEEDS.get(step.do, ())


def needs_of_fault(fault: Fault) -> tuple[Capability, ...]:
    """What *fault* asks of a target: its trigger, and what it does."""
    if fault.do.by_gdbstub or fault.when.symbol or fault.when.block:
        return (Capability.QMP,)
    return _FAULT_NEEDS.get(fault.do.kind, (Capability.QMP,))


def check_masks(scenario: Scenario, profile: Profile, today: datetime.date) -> None:
    """:raises UsageError: for a mask that has expired, hides too much, or cannot be read."""
    names = [s.name for s in scenario.steps if s.do == "check-frame" and s.against == "golden"]
    if not names:
        return
    from harness.frames.goldens import Goldens

    goldens = Goldens(scenario.folder / "goldens")
    for name in names:
        goldens.check_mask(name, today, identity=profile.guest.identity)
