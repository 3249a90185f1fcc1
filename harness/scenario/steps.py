"""The steps of a scenario, as plain data: one frozen dataclass a kind, told apart by `do`.

Patterns are strings (see `harness.markers.match`): a marker with `*` for a token, plain text, `text:…` or `re:…`.
`timeout` is host seconds, `within` guest seconds.
"""

from __future__ import annotations

from harness.scenario.acting import (
    Button,
    Command,
    Cont,
    Dialogue,
    Exchange,
    FindClick,
    Frames,
    Key,
    Mark,
    Pointer,
    Recover,
    Relaunch,
    Reset,
    Send,
    Shutdown,
    Stop,
    Type,
)
from harness.scenario.looking import Boot, CheckFrame, Count, Expect, ExpectExit, RememberFrame
from harness.scenario.measuring import Measure

__all__ = [
    "PASSIVE",
    "STEP_TYPES",
    "Boot",
    "Button",
    "CheckFrame",
    "Command",
    "Cont",
    "Count",
    "Dialogue",
    "Exchange",
    "Expect",
    "ExpectExit",
    "FindClick",
    "Frames",
    "Key",
    "Mark",
    "Measure",
    "Pointer",
    "Recover",
    "Relaunch",
    "RememberFrame",
    "Reset",
    "Send",
    "Shutdown",
    "Step",
    "Stop",
    "Type",
    "describe",
]

Step = (
    Boot
    | Command
    | Frames
    | Send
    | Type
    | Key
    | Pointer
    | Expect
    | Dialogue
    | CheckFrame
    | RememberFrame
    | Measure
    | FindClick
    | Reset
    | Relaunch
    | Recover
    | Stop
    | Cont
    | Mark
    | Shutdown
    | ExpectExit
)

STEP_TYPES: dict[str, type[Step]] = {
    "boot": Boot,
    "command": Command,
    "frames": Frames,
    "send": Send,
    "type": Type,
    "key": Key,
    "pointer": Pointer,
    "expect": Expect,
    "dialogue": Dialogue,
    "check-frame": CheckFrame,
    "remember-frame": RememberFrame,
    "measure": Measure,
    "find-click": FindClick,
    "reset": Reset,
    "relaunch": Relaunch,
    "recover": Recover,
    "stop": Stop,
    "cont": Cont,
    "mark": Mark,
    "shutdown": Shutdown,
    "expect-exit": ExpectExit,
}

PASSIVE = (Expect, CheckFrame, RememberFrame, Measure, ExpectExit)
"""Steps that only look. Every other kind is an action: expectations that follow it search from its beginning."""


def describe(step: Step) -> str:
    """One short line for progress displays and verdicts."""
    match step:
        case Command(send=str() as text) | Send(text=text):
            return f"{step.do} {text}"
        case Command(send=texts):
            return f"command {texts[0]} (and {len(texts) - 1} more)" if len(texts) > 1 else f"command {texts[0]}"
        case Type(text=text):
            return f"type {text!r}"
        case Key(keys=keys):
            return f"key {' '.join(keys)}"
        case Pointer(x=x, y=y, action=action):
            return f"pointer {action} ({x}, {y})"
        case Frames(ticks=ticks):
            return f"frames {ticks}"
        case CheckFrame(name=name, against="remembered", like=like):
            return f"check-frame {name} against {like}, remembered"
        case RememberFrame(name=name):
            return f"remember-frame {name}"
        case CheckFrame(name=name, against=against):
            return f"check-frame {name} against {against}"
        case Measure(name=name, statistic=statistic, of=of, field=field):
            return f"measure {name}: {statistic} of {of} {field}".rstrip()
        case FindClick(picture=picture):
            return f"find-click {picture.name}"
        case Expect():
            words = [
                *step.all,
                *step.any,
                *step.order,
                *(c.pattern for c in step.count),
                *(f"no {p}" for p in step.none),
            ]
            return "expect " + ", ".join(words[:3]) + (" …" if len(words) > 3 else "")
        case Dialogue(exchange=exchange):
            return f"dialogue of {len(exchange)}"
        case Boot():
            return str(step)
        case Mark(name=name):
            return f"mark {name}"
        case Reset(until=until) | Relaunch(until=until):
            return f"{step.do} until {until}" if until else step.do
        case ExpectExit(reason=reason, code=code):
            return f"expect-exit {reason if code is None else code}"
        case _:
            return step.do
