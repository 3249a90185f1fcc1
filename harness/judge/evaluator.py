"""The evaluator: folds the journal, event by event, into checks, findings and a verdict.

It is the only place where anything is decided. The engine feeds it live and waits on what it says; the offline judge
feeds it a finished bundle.
Same events, same verdict: it reads no clock, no file and no network (pictures come through the `FrameJudge` it was
given).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness.console.safe import safe
from harness.console.types import Chunk, Line
from harness.evidence.fingerprint import Fingerprint
from harness.evidence.journal import Event
from harness.judge.bad_line import BadLine
from harness.judge.checklist import Checklist
from harness.judge.conclude import conclude, final
from harness.judge.console_watch import ConsoleWatch
from harness.judge.departure import Departure
from harness.judge.expired import expired
from harness.judge.facts import GuestFacts
from harness.judge.findings import Findings
from harness.judge.frame_judge import FrameJudge
from harness.judge.frame_watch import FrameWatch
from harness.judge.guest_clock import GuestClock
from harness.judge.line_trust import TRUST_EVENTS
from harness.judge.step_watch import StepWatch
from harness.judge.verdict import Finding, RunVerdict
from harness.markers.match import Pattern
from harness.markers.schema import Schema
from harness.scenario.model import Scenario
from harness.scenario.steps import describe
from harness.targets.base import RECORDING_ENDED
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.judge.fault_watch import FaultWatch
    from harness.markers.types import Marker
    from harness.scenario.faulting import Fault


class Evaluator:
    """State of the judgement of one run. Feed it every journal event and every console chunk, in journal order."""

    def __init__(
        self,
        scenario: Scenario,
        facts: GuestFacts,
        schema: Schema,
        frames: FrameJudge | None = None,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        self.scenario = scenario
        self.facts = facts
        self.checks = Checklist(scenario, facts)
        self.clock = GuestClock()
        self.findings = Findings()
        self._bad_line = BadLine()
        self.notes: list[str] = []
        self.epoch = 0
        self.on_change: list[Callable[[], None]] = []
        self.frames = frames
        self._fingerprint = fingerprint or Fingerprint()
        self.faults = _fault_watch(scenario, self.clock, self.findings)
        if self.faults is not None:
            self.checks.others += self.faults.checks.values()
        self._pictures = FrameWatch(
            scenario, frames, self.checks, self.clock, self.findings, self._fingerprint, self.faults
        )
        self._steps = StepWatch(scenario, self.checks, self.clock, self.findings)
        self._console = ConsoleWatch(
            scenario,
            facts,
            schema,
            self.checks,
            self.clock,
            self.findings,
            self._fingerprint,
            self._steps.settled,
        )
        self.on_line, self.on_marker = self._console.on_line, self._console.on_marker
        if frames is not None:
            self.on_marker.append(frames.observe_marker)
        if self.faults is not None:
            self.on_marker.append(self._failure_marker)
        self.departure = Departure(scenario, facts, self.checks)
        self.over = False  # a recording was played to its end: nothing more can come
        self.waiting = False  # for the next step, of a run whose steps are given while it goes on
        self._held: list[Event] = []  # how the guest left meanwhile: the next step may be that it should
        self._interrupted = False
        self._ended = False
        self._full_at: int | None = None

    # ---- feeding -------------------------------------------------------------------------------------------------

    def on_chunk(self, chunk: Chunk) -> None:
        """Take console bytes; their `serial` event was fed just before."""
        self._console.feed(chunk)
        self._changed()

    def on_event(self, event: Event) -> None:
        """Take one journal event."""
        self.findings.seq, self.findings.host_ns = event.seq, event.host_ns
        if self.frames is not None:
            self.frames.observe(event)
        if self.faults is not None:
            self._fault_event(self.faults, event)
        if event.kind in TRUST_EVENTS:
            self._console.trust.event(event)
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            handler(self, event)
            self._changed()

    def given(self, steps: range) -> None:
        """*steps* were given while the run goes on (`harness.engine.live`); none: there will be no more.

        :raises UsageError: if one looks back further than is remembered.
        """
        for index in steps:
            if self.checks.give(index):
                self._steps.settled(index)
        self.waiting = False
        held, self._held = self._held, []
        for event in held:
            _HANDLERS[event.kind](self, event)
        self._changed()

    def given_fault(self, fault: Fault) -> None:
        """A fault of the plan was given while the run goes on."""
        if self.faults is not None:
            self.checks.others.append(self.faults.add(fault))

    # ---- what the engine asks ------------------------------------------------------------------------------------

    @property
    def left(self) -> bool:
        """Whether the guest or QEMU is gone."""
        return self.departure.over

    @property
    def timed_out(self) -> bool:
        """Whether a step's deadline passed and its post mortem is still to come."""
        return self._steps.timeout is not None

    @property
    def fatal(self) -> Finding | None:
        """The first finding, after which waiting is pointless."""
        return self.findings.first

    @property
    def doubted(self) -> bool:
        """Whether it would take a proof of the serial line to hold the first finding against the guest."""
        first = self.findings.first
        return first is not None and self._console.trust.doubts(first)

    def is_settled(self, index: int) -> bool:
        """Whether the check of step *index* is decided."""
        return self.checks.is_settled(index)

    @property
    def step(self) -> int | None:
        """The step under way, or the last one."""
        return self.findings.step

    @property
    def received(self) -> int:
        """Console bytes so far."""
        return self._console.received

    @property
    def frames_checked(self) -> int:
        """Pictures judged so far."""
        return self._pictures.checked

    @property
    def markers(self) -> int:
        """Markers so far."""
        return self._console.markers

    @property
    def last_marker(self) -> str:
        """The last marker, safe for display."""
        return self._console.last_marker

    @property
    def partial(self) -> Line | None:
        """The line that has not ended yet: a prompt."""
        return self._console.stream.partial

    def partial_matches(self, pattern: Pattern) -> bool:
        """Whether the text of the line that has not ended yet matches."""
        return self._console.partial_matches(pattern)

    def result(self) -> RunVerdict:
        """The verdict on what was fed so far."""
        checks = final(self.checks)
        trust, lost = self._console.trust, self._console.lost
        found = trust.reconsidered(self.findings.all, lost, self.partial)
        verdict, findings = conclude(found, checks, ended=self._ended, seq=self.findings.seq)
        told = trust.told(lost)
        return RunVerdict(
            verdict=verdict,
            first_cause=findings[0] if findings else None,
            findings=findings,
            checks=checks,
            fingerprint=self._fingerprint.value if self.facts.reproducible else None,
            frames_checked=self.frames_checked,
            markers=self.markers,
            markers_lost=lost,
            epochs=self.epoch + 1,
            guest_s=None if self.clock.total_us is None else round(self.clock.total_us / 1e6, 6),
            host_s=round(self.findings.host_ns / 1e9, 3),
            interrupted=self._interrupted,
            notes=[*self.notes, *([told] if told else [])],
            faults=self.faults.rows() if self.faults is not None else [],
            recovery=self.faults.recovery() if self.faults is not None else None,
        )

    # ---- events --------------------------------------------------------------------------------------------------

    def _step_begin(self, event: Event) -> None:
        self._console.activity.step()
        self._steps.begin(event)

    def _step_end(self, event: Event) -> None:
        self._steps.end(event)

    def _frame(self, event: Event) -> None:
        self._pictures.frame(event)

    def _proof(self, event: Event) -> None:
        self._pictures.proof(event)

    def _fault_event(self, faults: FaultWatch, event: Event) -> None:
        faults.on_event(event)
        if event.kind == "fault.injected":
            self._fingerprint.fault(f"{event.data['name']}#{event.data['n']}", json.dumps(event.data["done"]))
        elif self.clock.now_us is None:
            faults.instant(event.host_ns)

    def _failure_marker(self, marker: Marker) -> None:
        if self.faults is None:
            return
        self.faults.marker(marker)
        if marker.family == "CONTROL":
            self.faults.instant(self.findings.host_ns)

    def _epoch(self, event: Event) -> None:
        self.epoch = int(event.data["number"])
        self._console.new_boot(self.epoch)

    def _console_send(self, event: Event) -> None:
        self._console.stream.sent(str(event.data["text"]))

    def _qmp_event(self, event: Event) -> None:
        self.departure.announce(event)

    def _drained(self, event: Event) -> None:
        """The guest left and its last words were read: only now is it known whether it was to leave."""
        if self.waiting:
            self._held.append(event)
            return
        self._gone(self.departure.after_last_words(self._steps.where(), self._steps.now()))

    def _target_exit(self, event: Event) -> None:
        self._console.finish()
        if self.waiting:
            self._held.append(event)
            return
        self._drained(event)
        self.over = event.data.get("shutdown_reason") == RECORDING_ENDED
        self._gone(self.departure.of_the_process(event, self._steps.where(), self._steps.now()))

    def _gone(self, judged: tuple[Finding | None] | None) -> None:
        if judged is None:
            return
        if judged[0] is None:
            self._fingerprint.cut()
        else:
            self.findings.add(judged[0])

    def _postmortem(self, event: Event) -> None:
        if self._steps.timeout is not None:
            self._expired(event.data)
        else:
            self.findings.explain_reset(dict(event.data))

    def _expired(self, sample: Mapping[str, Any] | None) -> None:
        """The deadline that passed is explained, if there is one."""
        timeout, self._steps.timeout = self._steps.timeout, None
        if timeout is None:
            return
        index = int(timeout.data["index"])
        check = self.checks.of(index)
        why = f" ({check.reason})" if check is not None and check.reason else ""
        waited_for = f"step {index + 1}, {describe(self.scenario.steps[index])}{why}"
        self.findings.add(expired(timeout, waited_for, sample, self._console, self._full_at))

    def _serial_cap(self, event: Event) -> None:
        self._full_at = int(event.data["kept"])

    def _interrupt(self, event: Event) -> None:
        self._interrupted = True
        by = event.data.get("signal", "the user")
        self.findings.find(Verdict.INCONCLUSIVE, "interrupted", f"interrupted by {by}")

    def _line(self, event: Event) -> None:
        self._bad_line.take(event)
        self.findings.bad_line = self._bad_line.said

    def _lab_error(self, event: Event) -> None:
        self.findings.find(
            Verdict.INCONCLUSIVE, str(event.data.get("cause", "lab")), safe(str(event.data.get("what", "")), 500)
        )

    def _test_failed(self, event: Event) -> None:
        """A test written in Python says so: by what it saw, or because it broke itself."""
        product = event.data.get("blame") == "product"
        verdict, cause = (Verdict.FAIL, "test") if product else (Verdict.INCONCLUSIVE, "test-broken")
        self.findings.find(verdict, cause, safe(str(event.data.get("what", "")), 500))

    def _dialogue(self, event: Event) -> None:
        check = self.checks.of(int(event.data["step"]))
        if check is not None:
            check.reason = f"exchange {event.data['exchange']} waited for {safe(str(event.data['expect']), 200)}"

    def _approved(self, event: Event) -> None:
        self.checks.gauges[int(event.data["step"])].approve(float(event.data["figure"]))

    def _note(self, event: Event) -> None:
        self.notes.append(safe(str(event.data.get("text", "")), 500))

    def _run_end(self, event: Event) -> None:
        self._expired(None)
        self._console.finish_rules()
        if self.faults is not None:
            self.faults.finish(event.host_ns)
        self._ended = True

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()


def _fault_watch(scenario: Scenario, clock: GuestClock, findings: Findings) -> FaultWatch | None:
    if scenario.faults is None:
        return None
    from harness.judge.fault_watch import FaultWatch

    return FaultWatch(scenario.faults, clock, findings)


_HANDLERS: dict[str, Callable[[Evaluator, Event], None]] = {
    "step.begin": Evaluator._step_begin,
    "step.end": Evaluator._step_end,
    "frame": Evaluator._frame,
    "proof": Evaluator._proof,
    "proof.bad": Evaluator._proof,
    "proof.garbage": Evaluator._proof,
    "epoch": Evaluator._epoch,
    "console.send": Evaluator._console_send,
    "serial.cap": Evaluator._serial_cap,
    "typed": Evaluator._console_send,
    "qmp.event": Evaluator._qmp_event,
    "console.drained": Evaluator._drained,
    "target.exit": Evaluator._target_exit,
    "postmortem": Evaluator._postmortem,
    "run.interrupted": Evaluator._interrupt,
    "lab.error": Evaluator._lab_error,
    "line.bad": Evaluator._line,
    "line.damage": Evaluator._line,
    "line.good": Evaluator._line,
    "test.failed": Evaluator._test_failed,
    "dialogue": Evaluator._dialogue,
    "value": Evaluator._approved,
    "note": Evaluator._note,
    "run.end": Evaluator._run_end,
}
