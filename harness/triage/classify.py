"""What kind of death or standstill it was, from the first cause, the recognised text and the post mortem's sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.judge.crash_rules import Rules
from harness.triage.backtrace import Frame
from harness.triage.text import TextCrash

_WRITES = re.compile(r"write|put|print|log|emit|console|uart|serial|tty|fmt", re.I)
_SPIN = {"spin-interrupts-off"}
_WINDOW = 128  # bytes of code that a small loop has; see harness.judge.hang


class Classification(NamedTuple):
    """`kind` is a stable word, `what` a sentence about the machine."""

    kind: str
    title: str
    what: str


def classify(
    cause: str, crash: TextCrash | None, sample: Mapping[str, Any], *, said: str, received: int
) -> Classification:
    """Kind, title and sentence.

    :param cause: the verdict's first cause, as its stable word.
    :param crash: what the console's text was recognised as.
    :param sample: the post mortem, empty if there was none.
    :param said: what the verdict says; the title of a crash text that no rule knows.
    :param received: console bytes in all.
    """
    state = cpu_state(sample)
    if cause == "host-starved":
        return Classification(
            "host-stall", "the host stalled", "the guest was not given time; nothing is said about it"
        )
    if cause == "triple-fault":
        return Classification("triple-fault", "triple fault", "an exception's handler could not be entered, twice")
    if crash is not None and not crash.minor:
        halted = sample.get("halted") is True and sample.get("interrupts_enabled") is False
        what = "the handler then halted the CPU with interrupts off" if halted and crash.kind == "exception" else state
        return Classification(crash.kind, crash.title, what)
    known = _BY_CAUSE.get(cause)
    if known is not None:
        kind, title = known
        if received == 0 and kind in {"deadlock", "livelock", "no-progress"}:
            return Classification("no-output", "no output at all", state)
        if kind == "livelock" and sample.get("halted") is not False:
            kind, title = "no-progress", "no progress"  # nothing could be seen of the machine
        return Classification(kind, title, state)
    return Classification("panic" if cause == "crash-text" else cause, said or cause, state)


_BY_CAUSE = {
    "spin-interrupts-off": ("spin-interrupts-off", "spin with interrupts off"),
    "halt-interrupts-off": ("halt-interrupts-off", "halt with interrupts off"),
    "silent-idle": ("deadlock", "deadlock with interrupts on: everybody waits"),
    "silent": ("livelock", "livelock: busy with interrupts on, no output"),
    "output-flood": ("output-flood", "output without end"),
    "expectation": ("no-progress", "no progress towards what was expected"),
    "forbidden": ("forbidden", "a forbidden text"),
    "guest-reset": ("reset", "unexpected reset"),
    "guest-panicked": ("panic", "panic told through pvpanic"),
    "guest-shutdown": ("shutdown", "unexpected power-off"),
}


def cpu_state(sample: Mapping[str, Any]) -> str:
    """What the CPU did when it was looked at, as a sentence; empty if nobody looked."""
    halted, enabled = sample.get("halted"), sample.get("interrupts_enabled")
    if enabled is None and halted is None:
        return ""
    doing = "is halted" if halted else "is busy" if halted is False else "stands or runs"
    if halted is False and _small(sample.get("rip_samples") or []):
        doing = "spins in a small loop"
    if sample.get("qmp_status") not in {None, "running"}:
        doing = "was stopped where the machine died"
    return f"the CPU {doing}, interrupts are {'on' if enabled else 'off'}"


def _small(samples: Sequence[Any]) -> bool:
    try:
        addresses = [int(str(sample), 16) for sample in samples]
    except ValueError:
        return False
    return len(addresses) >= 3 and max(addresses) - min(addresses) < _WINDOW


def culprit(kind: str, frames: Sequence[Frame], rules: Rules) -> Frame | None:
    """The frame where it went wrong: of an exception the interrupted code, of a panic the first function that does not
    just carry it out, of a spin the innermost one.
    """
    if not frames:
        return None
    candidates = list(frames)
    interrupted = next((number for number, frame in enumerate(frames) if frame.interrupted), None)
    if kind not in _SPIN and interrupted is not None:
        # Also of a loop with interrupts on: the interrupt that came just now is none of its doing.
        candidates = list(frames[interrupted:])
    sure = [frame for frame in candidates if frame.function and not frame.guess]
    telling = [frame for frame in sure if not rules.causes_nothing(frame.function)]
    if kind == "output-flood":  # it is seen in what writes; whose words they are stands above
        telling = [frame for frame in telling if not _WRITES.search(frame.function)]
    return (telling or sure or candidates)[0]
