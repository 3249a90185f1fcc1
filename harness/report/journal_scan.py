"""One pass over a journal of any length, keeping what the report shows of it: bounded in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.evidence.journal import Event, read_events
from harness.report.words import clip, plural

KEPT = 150  # items at either end of a lane that are drawn one by one; a screen's width cannot tell more apart
BINS = 290  # columns of a lane's density, 4 px each at the page's full width
_STEPS = 5000  # step times that are kept
_CHUNKS = 4096  # console chunks whose time is known, at the end and around the first cause
_POSTMORTEMS = 4
_EPOCHS = 1000
_LABEL = 160
_LANES = ("steps", "control", "input", "faults", "frames", "markers", "serial", "QMP", "other")
_OPEN = 1000  # faults that last, at once


class Item(NamedTuple):
    """An instant on the time axis, or a span if `end_ns` is later.

    `mood` is `good`, `bad`, `warn`, `fault` or empty.
    """

    start_ns: int
    end_ns: int
    label: str
    mood: str = ""
    href: str = ""  # where on the page it is shown


class Lane:
    """The items of one kind: the first and the last ones whole, all of them counted along the axis."""

    def __init__(self, name: str, span_ns: int) -> None:
        self.name = name
        self.total = 0
        self.density = [0] * BINS
        self._span_ns = max(span_ns, 1)
        self._first: list[Item] = []
        self._last: deque[Item] = deque(maxlen=KEPT)

    @property
    def items(self) -> list[Item]:
        return [*self._first, *self._last]

    @property
    def left_out(self) -> int:
        """Items that are only counted."""
        return self.total - len(self._first) - len(self._last)

    def weigh(self, host_ns: int, weight: int) -> None:
        """Count *weight* at an instant."""
        place = host_ns * BINS // self._span_ns
        self.density[min(max(place, 0), BINS - 1)] += weight

    def add(self, start_ns: int, label: str, mood: str = "", end_ns: int | None = None, href: str = "") -> None:
        self.total += 1
        self.weigh(start_ns, 1)
        item = Item(start_ns, start_ns if end_ns is None else end_ns, label, mood, href)
        if len(self._first) < KEPT:
            self._first.append(item)
        else:
            self._last.append(item)


class StepTime(NamedTuple):
    """When a step ran, and what it was; `end_ns` is None if it did not end."""

    what: str
    begin_ns: int
    end_ns: int | None
    status: str


class Spoken(NamedTuple):
    """A marker: its offset in the console stream, the number of its line, its text, whether it is to be trusted."""

    offset: int
    line: int
    text: str
    trusted: bool


class Arrival(NamedTuple):
    """A console chunk: stream offsets of its first byte and after its last, and when it came."""

    start: int
    end: int
    host_ns: int


@dataclass(slots=True)
class Scan:
    """What the report needs of a journal."""

    lanes: dict[str, Lane]
    events: int = 0
    received: int = 0  # console bytes that were kept
    dropped: int = 0  # console bytes over the raw log's cap
    start: Mapping[str, Any] = field(default_factory=dict)  # the first `target.start`
    starts: int = 0
    exit: Mapping[str, Any] = field(default_factory=dict)  # the last `target.exit`
    steps: dict[int, StepTime] = field(default_factory=dict)
    frames: dict[int, Event] = field(default_factory=dict)  # by step
    postmortems: list[Event] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)  # stream offsets at which the guest booted again
    times: dict[int, int] = field(default_factory=dict)  # host_ns of the events that were asked for, by seq
    places: dict[int, int] = field(default_factory=dict)  # console bytes received until then
    arrivals: list[Arrival] = field(default_factory=list)


def scan(
    journal: Path,
    span_ns: int,
    *,
    wanted: Collection[int] = (),
    near: int | None = None,
    broken: Collection[int] = (),
    spoken: Iterable[Spoken] = (),
) -> Scan:
    """Read *journal* once.

    :param span_ns: length of the run, for the density along the time axis.
    :param wanted: `seq` of events whose time and place in the console stream are to be known.
    :param near: a stream offset around which the times of console chunks are to be known.
    :param broken: steps whose frame check failed.
    :param spoken: markers of the console, ascending by offset.
    :raises OSError: if it cannot be read.
    """
    found = Scan({name: Lane(name, span_ns) for name in _LANES})
    reader = _Reader(found, near, broken, iter(spoken))
    for event in read_events(journal):
        found.events += 1
        reader.take(event)
        if event.seq in wanted:
            found.times[event.seq], found.places[event.seq] = event.host_ns, found.received
    reader.finish()
    return found


class _Reader:
    """Folds events into a `Scan`."""

    def __init__(self, found: Scan, near: int | None, broken: Collection[int], spoken: Iterator[Spoken]) -> None:
        self._found = found
        self._spoken = spoken
        self._next = next(spoken, None)
        self._faults: dict[tuple[str, str], tuple[int, str]] = {}  # by name and number: injected when, label
        self._broken = broken
        self._near = near
        self._around: list[Arrival] = []
        self._latest: deque[Arrival] = deque(maxlen=_CHUNKS)
        self._step: tuple[int, int, str] | None = None  # index, begin, what
        self._command: tuple[int, str] | None = None  # begin, payload
        self._host_ns = 0

    def take(self, event: Event) -> None:
        self._host_ns = event.host_ns
        match event.kind:
            case "serial":
                self._serial(event)
            case "step.begin":
                index = int(event.data["index"])
                self._step = index, event.host_ns, clip(event.data.get("what"), _LABEL)
            case "step.end":
                self._end_step(event.host_ns, str(event.data.get("status", "")))
            case "control.send":
                self._command = event.host_ns, clip(event.data.get("payload"), _LABEL)
            case "control.reply" | "control.timeout":
                self._answer(event)
            case kind if kind.startswith("control."):
                self._add("control", event, _described(event), "warn")
            case "input":
                self._add("input", event, _input(event.data))
            case "console.send":
                self._add("input", event, f"console: {clip(event.data.get('text'), _LABEL)}")
            case "frame":
                self._frame(event)
            case "proof":
                self._proved(event)
            case "proof.bad":
                self._add("frames", event, f"frame {clip(event.data.get('number'), 12)} refused", "bad")
            case "fault.injected" | "fault.undone" | "fault.failed" | "fault.stuck" | "link.fault" | "link.undone":
                self._fault(event)
            case "qmp.event":
                reason = (event.data.get("data") or {}).get("reason")
                self._add(
                    "QMP", event, clip(event.data.get("name"), _LABEL) + (f" ({clip(reason, 60)})" if reason else "")
                )
            case _:
                self._other(event)

    def finish(self) -> None:
        self._end_step(self._host_ns, "", ended=False)
        if self._command is not None:
            begin, payload = self._command
            self._found.lanes["control"].add(begin, f"{payload} → no answer", "bad", self._host_ns)
        for begin, name in self._faults.values():
            self._found.lanes["faults"].add(begin, name, "fault")
        self._found.arrivals = sorted({*self._around, *self._latest})

    def _add(self, lane: str, event: Event, label: str, mood: str = "", href: str = "") -> None:
        self._found.lanes[lane].add(event.host_ns, label, mood, href=href)

    def _serial(self, event: Event) -> None:
        found, length = self._found, int(event.data["len"])
        found.received = int(event.data["offset"]) + length
        lane = found.lanes["serial"]
        lane.total += length
        lane.weigh(event.host_ns, length)
        arrival = Arrival(found.received - length, found.received, event.host_ns)
        self._latest.append(arrival)
        if self._near is not None and abs(found.received - self._near) < 2 * _CHUNKS and len(self._around) < _CHUNKS:
            self._around.append(arrival)
        while self._next is not None and self._next.offset < found.received:
            self._add(
                "markers", event, self._next.text, "" if self._next.trusted else "warn", href=f"#L{self._next.line}"
            )
            self._next = next(self._spoken, None)

    def _fault(self, event: Event) -> None:
        """A fault lasts until it is undone, or, of those that are not undone, an instant."""
        data = event.data
        if event.kind.startswith("link."):
            key = "link", clip(data.get("fault"), 12)
            between = data.get("between")
            ends = " and ".join(map(str, between)) if isinstance(between, list) else ""
            name = clip(f"{data.get('what', 'link')} between {ends}", _LABEL)
        else:
            key = clip(data.get("name"), 80), clip(data.get("n", 0), 12)
            name = f"{key[0]} #{key[1]}"
        lane = self._found.lanes["faults"]
        if event.kind in {"fault.failed", "fault.stuck"}:
            lane.add(event.host_ns, f"{name} {event.kind[6:]}: {clip(data.get('what'), _LABEL)}", "bad")
        elif event.kind in {"fault.injected", "link.fault"}:
            if len(self._faults) < _OPEN:
                self._faults[key] = event.host_ns, name
        else:
            begin, name = self._faults.pop(key, (event.host_ns, name))
            lane.add(begin, f"{name} until {clip(data.get('why', 'undone'), 60)}", "fault", event.host_ns)

    def _end_step(self, host_ns: int, status: str, *, ended: bool = True) -> None:
        if self._step is None:
            return
        (index, begin, what), self._step = self._step, None
        mood = {"done": "good", "elapsed": "good", "": "warn"}.get(status, "bad")
        self._found.lanes["steps"].add(begin, f"{index + 1} {what}", mood, host_ns)
        if len(self._found.steps) < _STEPS:
            self._found.steps[index] = StepTime(what, begin, host_ns if ended else None, status)

    def _answer(self, event: Event) -> None:
        begin, payload = self._command or (event.host_ns, "")
        self._command = None
        if event.kind == "control.timeout":
            answer, mood = "no answer", "bad"
        else:
            answer, mood = clip(event.data.get("payload"), _LABEL), "" if event.data.get("ok") else "warn"
        self._found.lanes["control"].add(begin, f"{payload} → {answer}", mood, event.host_ns)

    def _frame(self, event: Event) -> None:
        step = int(event.data["step"])
        mood = "bad" if step in self._broken else "good"
        label = f"step {step + 1}: {clip(event.data.get('name'), _LABEL)}"
        self._add("frames", event, label, mood, href=f"#frame-{step + 1}")
        if len(self._found.frames) < _STEPS:
            self._found.frames[step] = event

    def _proved(self, event: Event) -> None:
        count, first = len(event.data.get("us", ())), int(event.data.get("first", 0))
        if count:
            last = first + count - 1
            self._add("frames", event, f"frame {first} proved" if count == 1 else f"frames {first} to {last} proved")

    def _other(self, event: Event) -> None:
        found = self._found
        match event.kind:
            case "run.start" | "run.end" | "serial.end" | "console.drained":
                found.dropped = int(event.data.get("dropped", found.dropped))
                return
            case "target.start":
                found.starts += 1
                if found.starts == 1:
                    found.start = event.data
                self._add("other", event, "machine started")
            case "target.exit":
                found.exit = event.data
                self._add("other", event, f"machine gone, exit status {clip(event.data.get('returncode'))}")
            case "epoch":
                if len(found.epochs) < _EPOCHS:
                    found.epochs.append(found.received)
                self._add(
                    "other", event, f"boot epoch {clip(event.data.get('number'))} ({clip(event.data.get('why'))})"
                )
            case "postmortem":
                if event.data and len(found.postmortems) < _POSTMORTEMS:
                    found.postmortems.append(event)
                self._add("other", event, "post mortem sample")
            case "lab.error" | "run.interrupted":
                self._add("other", event, _described(event), "bad")
            case "serial.cap":
                self._add(
                    "other", event, f"serial.bin is full after {plural(int(event.data.get('kept', 0)), 'byte')}", "warn"
                )
            case _:
                self._add("other", event, _described(event))


def _described(event: Event) -> str:
    """An event without a form of its own: its kind and its values."""
    values = ", ".join(f"{clip(key, 30)} {clip(value, 60)}" for key, value in list(event.data.items())[:6])
    return clip(f"{event.kind}: {values}" if values else event.kind, _LABEL)


def _input(data: Mapping[str, Any]) -> str:
    match data:
        case {"device": "pointer", "x": x, "y": y}:
            return f"pointer to ({clip(x, 12)}, {clip(y, 12)})"
        case {"device": "key" | "button" as device, "down": down}:
            return f"{device} {clip(data.get(str(device)), 40)} {'down' if down else 'up'}"
        case _:
            return clip(dict(data), _LABEL)
