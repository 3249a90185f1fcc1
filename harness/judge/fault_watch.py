"""The faults of a plan and what followed each: noticed, recovered from, by what evidence and how long it took.

The guest's own `FAILURE:DETECTED` markers are held against what was really done to it: one that no fault explains is a
finding, whatever else went well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.evidence.journal import Event
from harness.judge.findings import Findings
from harness.judge.guest_clock import GuestClock
from harness.judge.verdict import Check, CheckStatus
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario.faulting import Fault, Plan, Recovery
from harness.verdicts import Verdict

KIND = "fault"
_HELD = 10_000  # markers that may come while one fault is injected
_COLUMNS = ("n", "at", "frame", "phase", "undone", "detected", "recovered", "evidence")
_SHOWN = 200  # firings listed one by one in a verdict
_OWN_ENDS = ("destroy", "soak", "stress", "perf")  # control commands whose purpose is, among others, that clients go


@dataclass(slots=True)
class Firing:
    """One injection. Times are guest microseconds where the guest tells them, else host ones since the run began."""

    fault: Fault
    n: int
    ids: tuple[int, ...]
    at: int
    frame: int | None
    phase: str  # of life: the last milestone, `boot` before the first
    to_detect: list[Pattern] = field(default_factory=list)
    to_recover: list[Pattern] = field(default_factory=list)
    undone: int | None = None
    detected: int | None = None
    recovered: int | None = None
    evidence: list[str] = field(default_factory=list)
    needs_frame: bool = False
    needs_disk: bool = False

    @property
    def over(self) -> bool:
        """Whether it is gone: at once, or because it was taken back."""
        return self.undone is not None or not self.fault.do.lasting

    @property
    def settled(self) -> bool:
        """Whether nothing more has to be seen."""
        return self.over and not (self.to_detect or self.to_recover or self.needs_frame or self.needs_disk)

    @property
    def base(self) -> int:
        return self.undone if self.undone is not None and self.fault.do.lasting else self.at

    def missing(self) -> str:
        left = [p.source for p in (*self.to_detect, *self.to_recover)]
        left += ["a right frame"] if self.needs_frame else []
        left += ["the disk's contents"] if self.needs_disk else []
        left += [] if self.over else ["its end"]
        return ", ".join(left)

    def to_json(self) -> dict[str, Any]:
        shown = {key: getattr(self, key) for key in _COLUMNS}
        return {"name": self.fault.name, "kind": self.fault.do.kind, "ids": list(self.ids), **shown}


class FaultWatch:
    """State of the judgement of a plan's faults; one check for each fault."""

    def __init__(self, plan: Plan, clock: GuestClock, findings: Findings) -> None:
        self._faults = {fault.name: fault for fault in plan.fault}
        self.checks = {name: Check(None, KIND, _claim(fault)) for name, fault in self._faults.items()}
        self.firings: list[Firing] = []
        self._open: list[Firing] = []
        self._ended: list[Firing] = []  # settled, and
        self._noticed: list[Firing] = []  # noticed since the last instant that is known
        self._begun: list[Fault] = []  # a second one, where the machine stands still while the first waits for it
        self._meanwhile: list[Marker] = []  # since a fault was begun: whose they are is not known yet
        self._explained: dict[str, Pattern] = {}  # what the faults so far may make the guest say
        self._began_us: int | None = None  # guest time at which the last fault was begun
        self._last_command = ""
        self._by_guest_time = False  # so far
        self._phase = "boot"
        self._clock = clock
        self._findings = findings

    def add(self, fault: Fault) -> Check:
        """One more fault of the plan, while the run goes on; its check."""
        self._faults[fault.name] = fault
        check = self.checks[fault.name] = Check(None, KIND, _claim(fault))
        return check

    @property
    def awaits(self) -> bool:
        """Whether there is a fault that is over, and whose recovery is still to be seen."""
        return any(firing.over for firing in self._open)

    @property
    def recovered(self) -> bool:
        """Whether every fault that was injected so far has been recovered from."""
        return not self._open and not self._begun

    @property
    def awaits_disk(self) -> bool:
        """Whether the disk is to be looked at, after a fault that is over."""
        return any(firing.over and firing.needs_disk for firing in self._open)

    def missing(self) -> str:
        """What is still to be seen of the faults that were injected."""
        return "; ".join(f"{f.fault.name}: {f.missing()}" for f in self._open[:3])

    # ---- feeding -------------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take a `fault.*`, `control.send` or `disk.log` event."""
        match event.kind:
            case "fault.begin":
                self._begun.append(self._faults[str(event.data["name"])])
                self._began_us = event.guest_us
            case "fault.injected":
                self._injected(event)
            case "fault.failed":
                self._done(str(event.data["name"]))
                self._impossible(event, "fault-impossible", "could not be injected")
            case "fault.stuck":
                self._impossible(event, "fault-stuck", "could not be taken back")
            case "fault.undone":
                for firing in self._open:
                    if firing.fault.name == event.data["name"] and firing.n == event.data["n"]:
                        firing.undone = self._now(event)
                self._settle()
            case "control.send":
                self._last_command = str(event.data["payload"]).partition(" ")[0]
            case "disk.log":
                self._disk(event)
            case _:
                pass

    def marker(self, marker: Marker) -> None:
        """Take a marker."""
        if not marker.trusted:
            return
        if marker.family == "INTEGRATION" and marker.event == "MILESTONE" and marker.args:
            self._phase = marker.args[0][:80]
        if self._begun:
            if len(self._meanwhile) < _HELD:
                self._meanwhile.append(marker)
        elif marker.family == "FAILURE" and marker.event == "DETECTED" and not self._is_explained(marker):
            self._unprovoked(marker)
        elif marker.family == "SOAK" and marker.event == "CLIENT_DESTROYED":
            self._destroyed(marker)
        if not self._open:
            return
        took: set[str] = set()  # of several firings of one fault the last is the one that is noticed
        for firing in reversed(self._open):
            if self._see(firing, marker, firing.fault.name not in took):
                took.add(firing.fault.name)
        self._settle()

    def frame(self, text: str) -> None:
        """A frame was checked and is right."""
        for firing in self._open:
            if firing.needs_frame and firing.over and not firing.to_recover:
                firing.needs_frame = False
                firing.evidence.append(text)
        self._settle()

    def instant(self, host_ns: int, guest_us: int | None = None) -> None:
        """The time is known anew: what was settled was settled by now, and what is late is late.

        :param guest_us: of this boot, where it is another than that of the last rendezvous.
        """
        now = self._clock.total_us if guest_us is None else self._clock.total_at(guest_us)
        if now is None and self._by_guest_time:
            return  # it boots, and has not told its time
        if now is None:
            now = host_ns // 1000
        for firing in self._noticed:
            firing.detected = now
        for firing in self._ended:
            firing.recovered = now
        self._noticed, self._ended = [], []
        for firing in self._open:
            recover = firing.fault.recover
            if firing.over and recover is not None and now - firing.base > recover.within * 1e6:
                self._break(firing, f"{firing.missing()} not seen within {recover.within:g} s")

    def finish(self, host_ns: int) -> None:
        """The run is over."""
        self.instant(host_ns)
        for name, fault in self._faults.items():
            check, fired = self.checks[name], [f for f in self.firings if f.fault.name == name]
            if check.status is not CheckStatus.PENDING:
                continue
            late = next((f for f in fired if not f.settled), None)
            if late is not None:
                self._break(late, f"the run ended before {late.missing()} was seen")
            elif len(fired) < fault.when.times:
                check.reason = f"it fired {len(fired)} of {fault.when.times} times"
                why = check.reason if fired else f"it never fired ({fault.when})"
                self._findings.find(Verdict.INCONCLUSIVE, "fault-never-fired", f"the fault {name}: {why}")
            else:
                self._met(check, fired)

    def rows(self) -> list[dict[str, Any]]:
        """The table of the report: the first firings, one by one."""
        return [firing.to_json() for firing in self.firings[:_SHOWN]]

    def recovery(self) -> dict[str, Any]:
        """Of all firings: how many there were, how many were recovered from, and how long that took (µs).

        Percentiles are nearest-rank, of the time from the injection (of a lasting fault from its end) to the first
        instant at which everything that was asked for had been seen.
        """
        took = sorted(max(0, f.recovered - f.base) for f in self.firings if f.recovered is not None)
        ranks = {f"p{p}_us": took[max(0, -(-len(took) * p // 100) - 1)] if took else None for p in (50, 99)}
        return {
            "injected": len(self.firings),
            "recovered": sum(f.settled for f in self.firings),
            **ranks,
            "most_us": took[-1] if took else None,
        }

    # ---- inside --------------------------------------------------------------------------------------------------

    def _injected(self, event: Event) -> None:
        fault, done = self._faults[str(event.data["name"])], event.data["done"]
        ids = tuple(int(i) for i in done.get("ids", ()))
        frame = event.data.get("frame")
        now = self._now(event)
        at = self._began_us if self._began_us is not None and self._began_us <= now else now
        firing = Firing(fault, int(event.data["n"]), ids, at, int(frame) if frame else None, self._phase)
        recover = fault.recover
        detects = list(_patterns(recover, "detected", fault.do.detects, ids))
        if recover is not None:
            firing.to_detect = list(detects)
            firing.to_recover = list(_patterns(recover, "markers", fault.do.recovers, ids))
            firing.needs_frame, firing.needs_disk = recover.frames, recover.disk
        own = list(_patterns(None, "detected", fault.do.detects, ids))  # may be said also where it need not
        self._explained.update((pattern.source, pattern) for pattern in (*own, *detects))
        self.firings.append(firing)
        self._open.append(firing)
        self._done(fault.name)
        held: list[Marker] = []
        if not self._begun:  # else they are those of a fault that is not done yet
            held, self._meanwhile = self._meanwhile, []
        for marker in held:
            if marker.family == "FAILURE" and marker.event == "DETECTED" and not self._is_explained(marker):
                self._unprovoked(marker)
            elif marker.family == "SOAK" and marker.event == "CLIENT_DESTROYED":
                self._destroyed(marker)
            self._see(firing, marker, True)
        self._settle()
        if self._clock.now_us is None:
            return
        if firing in self._noticed:  # while it was injected, which ends at an instant that is known
            firing.detected = now
        if firing in self._ended:
            firing.recovered = now
        self._noticed = [f for f in self._noticed if f is not firing]
        self._ended = [f for f in self._ended if f is not firing]

    def _done(self, name: str) -> None:
        self._begun = [fault for fault in self._begun if fault.name != name]

    def _now(self, event: Event) -> int:
        self._by_guest_time = self._by_guest_time or event.guest_us is not None
        return event.guest_us if event.guest_us is not None else event.host_ns // 1000

    def _see(self, firing: Firing, marker: Marker, may_detect: bool) -> bool:
        """Check *marker* off where the firing waits for it; whether it is the one by which it was noticed."""
        noticed = False
        for wanted in (firing.to_detect, firing.to_recover):
            found = next((pattern for pattern in wanted if pattern.match_marker(marker)), None)
            if found is None or (wanted is firing.to_detect and not may_detect):
                continue
            wanted.remove(found)
            firing.evidence.append(marker.text[:120])
            if wanted is firing.to_detect:
                noticed = True
                if not wanted:
                    self._noticed.append(firing)
        return noticed

    def _settle(self) -> None:
        """Move what is settled out of the open ones; check off the faults of which nothing more has to come."""
        done = [firing for firing in self._open if firing.settled]
        if not done:
            return
        self._open = [firing for firing in self._open if not firing.settled]
        self._ended += done
        for firing in done:
            fired = [f for f in self.firings if f.fault is firing.fault] if firing.n >= firing.fault.when.times else []
            check = self.checks[firing.fault.name]
            if fired and all(f.settled for f in fired) and check.status is CheckStatus.PENDING:
                self._met(check, fired)

    def _met(self, check: Check, fired: list[Firing]) -> None:
        check.status, check.reason = CheckStatus.MET, ""
        check.evidence = [{"fired": len(fired), "evidence": fired[-1].evidence[-4:]}]

    def _break(self, firing: Firing, why: str) -> None:
        check = self.checks[firing.fault.name]
        if check.status is CheckStatus.BROKEN:
            return
        check.status, check.reason = CheckStatus.BROKEN, why
        what = f"no recovery from the fault {firing.fault.name} (firing {firing.n}, {_victims(firing)}): {why}"
        self._findings.find(Verdict.FAIL, "not-recovered", what, firing.to_json())

    def _is_explained(self, marker: Marker) -> bool:
        return any(pattern.match_marker(marker) for pattern in self._explained.values())

    def _unprovoked(self, marker: Marker) -> None:
        what = f"the guest reports a failure that nothing provoked: {marker.text[:120]}"
        self._findings.find(Verdict.FAIL, "unprovoked-failure", what)

    def _destroyed(self, marker: Marker) -> None:
        """A client went: one of the victims, one that the scenario ends, or a neighbour that should have survived."""
        guarded = [f for f in self._open if f.fault.recover is not None and f.fault.recover.survivors]
        if not guarded or self._last_command in _OWN_ENDS or not marker.args or not marker.args[0].isdecimal():
            return
        lost = int(marker.args[0])
        if not any(lost in firing.ids for firing in self.firings[-_SHOWN:]):
            self._break(guarded[0], f"client {lost}, which is none of its victims, went with it")

    def _disk(self, event: Event) -> None:
        """What stands on the disk, read from outside, against what the guest had acknowledged."""
        lost = list(event.data["lost"])
        for firing in self.firings if lost else self._open:  # also if they went after it had recovered
            if lost and firing.fault.recover is not None and firing.fault.recover.disk:
                self._break(firing, f"acknowledged records are not on the disk: {', '.join(map(str, lost[:5]))}")
            elif firing.needs_disk and firing.over:
                firing.needs_disk = False
                firing.evidence.append(f"{event.data['acknowledged']} acknowledged records are on the disk")
        self._settle()

    def _impossible(self, event: Event, cause: str, what: str) -> None:
        name = str(event.data["name"])
        check = self.checks[name]
        check.status, check.reason = CheckStatus.BROKEN, str(event.data["what"])[:500]
        self._findings.find(Verdict.INCONCLUSIVE, cause, f"the fault {name} {what}: {check.reason}")


def _claim(fault: Fault) -> str:
    again = f" {fault.when.times} times" if fault.when.times > 1 else ""
    return f"{fault.name}: {fault.do.kind}{again}, and {'recovery' if fault.recover is not None else 'its end'}"


def _patterns(recover: Recovery | None, key: str, default: tuple[str, ...], ids: tuple[int, ...]) -> Iterator[Pattern]:
    """The patterns of *key*, one for each victim where they name it."""
    given = getattr(recover, key) if recover is not None else None
    for source in default if given is None else given:
        for text in [source.replace("{id}", str(i)) for i in ids] if "{id}" in source else [source]:
            yield Pattern.parse(text)


def _victims(firing: Firing) -> str:
    return f"clients {', '.join(map(str, firing.ids))}" if firing.ids else firing.fault.do.kind
