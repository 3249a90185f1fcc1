"""The evaluator: folds the journal, event by event, into checks, findings and a verdict.

It is the only place where anything is decided. The engine feeds it live and waits on what it says; the offline judge
feeds it a finished bundle.
Same events, same verdict: it reads no clock, no file and no network (pictures come through the `FrameJudge` it was
given).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness.console.safe import safe
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, Line
from harness.errors import LabError
from harness.evidence.fingerprint import Fingerprint
from harness.evidence.journal import Event
from harness.judge.activity import Activity
from harness.judge.checklist import Checklist
from harness.judge.conclude import conclude, final
from harness.judge.departure import Departure
from harness.judge.facts import GuestFacts
from harness.judge.findings import Findings
from harness.judge.frame_judge import FrameJudge
from harness.judge.guest_clock import GuestClock
from harness.judge.hang import classify
from harness.judge.sight import find_text
from harness.judge.texts import TextWatch
from harness.judge.verdict import Check, CheckStatus, Finding, RunVerdict
from harness.markers.match import Pattern
from harness.markers.parser import MarkerParser
from harness.markers.schema import Schema
from harness.markers.types import Marker
from harness.scenario.measuring import Measure
from harness.scenario.model import Scenario
from harness.scenario.steps import PASSIVE, CheckFrame, Expect, describe
from harness.targets.base import RECORDING_ENDED
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.judge.rule_watch import RuleWatch
    from harness.markers.rules import Violation


class Evaluator:
    """State of the judgement of one run. Feed it every journal event and every console chunk, in journal order."""

    def __init__(self, scenario: Scenario, facts: GuestFacts, schema: Schema, frames: FrameJudge | None = None) -> None:
        self.scenario = scenario
        self.facts = facts
        self.checks = Checklist(scenario, facts)
        self.clock = GuestClock()
        self.findings = Findings()
        self.notes: list[str] = []
        self.step: int | None = None
        self.epoch = 0
        self.received = 0  # console bytes so far
        self.markers = 0
        self.frames_checked = 0
        self.last_marker = ""
        self.last_frame: int | None = None
        self.on_marker: list[Callable[[Marker], None]] = []
        self.on_line: list[Callable[[Line], None]] = []
        self.on_change: list[Callable[[], None]] = []
        self.frames = frames
        self._stream = ConsoleStream()
        self._parser = MarkerParser(schema)
        self._rules = _rule_watch(schema, scenario, self.checks.rules) if self.checks.rules is not None else None
        self._fingerprint = Fingerprint()
        self._texts = TextWatch(scenario, facts)
        self._seq = 0
        self._host_ns = 0
        self._step_guest_us: int | None = None
        self._activity = Activity()
        self.departure = Departure(scenario, facts, self.checks)
        self._timeout: Event | None = None
        self._interrupted = False
        self._ended = False
        self.over = False  # a recording was played to its end: nothing more can come
        self._full_at: int | None = None

    # ---- feeding -------------------------------------------------------------------------------------------------

    def on_chunk(self, chunk: Chunk) -> None:
        """Take console bytes; their `serial` event was fed just before."""
        self.received += len(chunk.data)
        self._activity.took(len(chunk.data))
        for line in self._stream.feed(chunk):
            self._line(line)
        partial = self._stream.partial
        if partial is not None:
            for index in self.checks.feed_partial(partial):
                self._settled(index)
        self._changed()

    def on_event(self, event: Event) -> None:
        """Take one journal event."""
        self._seq, self._host_ns = event.seq, event.host_ns
        if self.frames is not None:
            self.frames.observe(event)
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            handler(self, event)
            self._changed()

    # ---- what the engine asks ------------------------------------------------------------------------------------

    @property
    def left(self) -> bool:
        """Whether the guest or QEMU is gone."""
        return self.departure.over

    @property
    def timed_out(self) -> bool:
        """Whether a step's deadline passed and its post mortem is still to come."""
        return self._timeout is not None

    @property
    def fatal(self) -> Finding | None:
        """The first finding, after which waiting is pointless."""
        return self.findings.first

    def is_settled(self, index: int) -> bool:
        """Whether the check of step *index* is decided."""
        return self.checks.is_settled(index)

    @property
    def partial(self) -> Line | None:
        """The line that has not ended yet: a prompt."""
        return self._stream.partial

    def partial_matches(self, pattern: Pattern) -> bool:
        """Whether the text of the line that has not ended yet matches."""
        partial = self._stream.partial
        return partial is not None and find_text(pattern, partial) is not None

    def result(self) -> RunVerdict:
        """The verdict on what was fed so far."""
        checks = final(self.checks)
        verdict, findings = conclude(list(self.findings.all), checks, ended=self._ended, seq=self._seq)
        return RunVerdict(
            verdict=verdict,
            first_cause=findings[0] if findings else None,
            findings=findings,
            checks=checks,
            fingerprint=self._fingerprint.value if self.facts.reproducible else None,
            frames_checked=self.frames_checked,
            markers=self.markers,
            markers_lost=self._parser.lost,
            epochs=self.epoch + 1,
            guest_s=None if self.clock.total_us is None else round(self.clock.total_us / 1e6, 6),
            host_s=round(self._host_ns / 1e9, 3),
            interrupted=self._interrupted,
            notes=list(self.notes),
        )

    # ---- console -------------------------------------------------------------------------------------------------

    def _line(self, line: Line) -> None:
        self._activity.line(line)
        found = self._parser.feed(line)
        for marker in found:
            self._marker(marker)
        self._watch_text(line, found)
        for index in self.checks.feed(line, found):
            self._settled(index)
        for listener in self.on_line:
            listener(line)

    def _watch_text(self, line: Line, found: list[Marker]) -> None:
        for pattern, text in self._texts.forbidden(line, found):
            check = self.checks.forbidden[pattern]
            check.status, check.reason = CheckStatus.BROKEN, f"line {line.number}: {text}"
            self._find(Verdict.FAIL, "forbidden", f"forbidden text came: {text}", {"offset": line.offset})
        crash = self._texts.crash(line, found)
        if crash is not None:
            evidence = {"offset": line.offset, "line": line.number, "pattern": crash[0]}
            self._find(Verdict.CRASH, "crash-text", f"the guest reported its death: {crash[1]}", evidence)

    def _marker(self, marker: Marker) -> None:
        self.markers += 1
        self.last_marker = safe(marker.text, 120)
        self._fingerprint.marker(marker.epoch, marker.text)
        if self.frames is not None:
            self.frames.observe_marker(marker)
        if self.clock.take(marker):
            self._fingerprint.cut()
        if self._rules is not None:
            self._broken(self._rules.feed(marker))
        for listener in self.on_marker:
            listener(marker)

    def _broken(self, violation: Violation | None) -> None:
        if violation is not None:
            self._find(Verdict.FAIL, f"rule-{violation.rule}", f"marker rule broken: {violation.what}")

    # ---- steps ---------------------------------------------------------------------------------------------------

    def _step_begin(self, event: Event) -> None:
        index = int(event.data["index"])
        self.step = index
        self._activity.step()
        if not isinstance(self.scenario.steps[index], PASSIVE):
            self._step_guest_us = self.clock.now_us
        self.checks.begin(index)

    def _step_end(self, event: Event) -> None:
        index, status = int(event.data["index"]), str(event.data["status"])
        step, check = self.scenario.steps[index], self.checks.of(index)
        if isinstance(step, Expect):
            if self.checks.finish(index, elapsed=status == "elapsed"):
                self._settled(index)
        elif isinstance(step, Measure) and check is not None and status == "done":
            reason = self.checks.gauges[index].judge(check)
            if reason:
                self._find(Verdict.FAIL, "measure", f"{check.what}: {reason}")
        elif check is not None and check.kind != "frame" and check.status is CheckStatus.PENDING and status == "done":
            check.status, check.reason = CheckStatus.MET, ""
            check.evidence.append(self._now())
        if status == "timeout" and self.findings.first is None:
            if check is not None and check.status is CheckStatus.PENDING:
                check.status, check.reason = CheckStatus.BROKEN, check.reason or "its deadline passed"
            self._timeout = event
        elif status == "failed":
            reason = str(event.data.get("reason", ""))
            if check is not None:
                check.status, check.reason = CheckStatus.BROKEN, reason
            self._find(Verdict.FAIL, str(event.data.get("cause", "step")), f"{describe(step)}: {reason}")
        within = getattr(step, "within", None)
        if within is not None and check is not None and check.status is CheckStatus.MET:
            self._guest_limit(check, float(within))
        if status in {"done", "elapsed"}:
            self._maybe_complete(index)

    def _maybe_complete(self, index: int) -> None:
        """After the last step, with everything met, the decision to stop has fallen."""
        if index == len(self.scenario.steps) - 1 and self.findings.first is None:
            self.findings.closed = self.checks.all_met

    def _guest_limit(self, check: Check, within: float) -> None:
        if self.clock.now_us is None or self._step_guest_us is None:
            check.status, check.reason = (
                CheckStatus.BROKEN,
                "guest time is not known here: `within` needs a guest with a rendezvous",
            )
            self._find(Verdict.INCONCLUSIVE, "no-guest-time", f"{check.what}: {check.reason}")
        elif self.clock.now_us - self._step_guest_us > within * 1e6:
            took = (self.clock.now_us - self._step_guest_us) / 1e6
            check.status, check.reason = CheckStatus.BROKEN, f"took {took:.6f} s of guest time, limit {within:g} s"
            self._find(Verdict.FAIL, "too-late", f"{check.what}: {check.reason}")

    def _settled(self, index: int) -> None:
        """The expectation of step *index* was decided. Something missing is explained by the deadline that follows."""
        check, step = self.checks.of(index), self.scenario.steps[index]
        if check is None or not isinstance(step, Expect):
            return
        if step.within is None and index == self.step:
            self._maybe_complete(index)
        if check.by_sight:
            self._find(Verdict.FAIL, "expectation", f"{check.what}: {check.reason}", step=index)

    # ---- the world -----------------------------------------------------------------------------------------------

    def _frame(self, event: Event) -> None:
        index = int(event.data["step"])
        step = self.scenario.steps[index]
        check = self.checks.of(index)
        self._fingerprint.frame(str(event.data["name"]), str(event.data["digest"]))
        if self.clock.ready_seq is not None:
            self._fingerprint.cut()  # the guest stands at its rendezvous: this is what its screen shows there
        if self.frames is None or check is None or not isinstance(step, CheckFrame):
            return
        try:
            verdict, reason, details = self.frames.judge(step, event)
        except LabError as error:
            check.status, check.reason = CheckStatus.BROKEN, error.what
            self._find(Verdict.INCONCLUSIVE, "no-picture", f"{check.what}: {error.what}", step=index)
            return
        self.frames_checked += 1
        if isinstance(details.get("number"), int):
            self.last_frame = details["number"]
        check.evidence.append({"verdict": verdict, "file": event.data.get("file"), **details})
        if verdict == "MATCH":
            check.status = CheckStatus.MET
        else:
            check.status, check.reason = CheckStatus.BROKEN, reason
            self._find(
                Verdict.FAIL,
                f"frame-{verdict.lower()}",
                f"{check.what}: {verdict}: {reason}",
                {"file": event.data.get("file")},
                step=index,
            )

    def _epoch(self, event: Event) -> None:
        self.epoch = int(event.data["number"])
        for line in self._stream.new_epoch(self.epoch):
            self._line(line)
        self.clock.new_boot()
        self.checks.new_boot()
        if self._rules is not None:
            self._broken(self._rules.new_boot())

    def _console_send(self, event: Event) -> None:
        self._stream.sent(str(event.data["text"]))

    def _qmp_event(self, event: Event) -> None:
        self.departure.announce(event)

    def _drained(self, _: Event) -> None:
        """The guest left and its last words were read: only now is it known whether it was to leave."""
        self._gone(self.departure.after_last_words(self._where(), self._now()))

    def _target_exit(self, event: Event) -> None:
        for line in self._stream.finish():
            self._line(line)
        for marker in self._parser.finish():
            self._marker(marker)
        self._drained(event)
        self.over = event.data.get("shutdown_reason") == RECORDING_ENDED
        self._gone(self.departure.of_the_process(event, self._where(), self._now()))

    def _gone(self, judged: tuple[Finding | None] | None) -> None:
        if judged is None:
            return
        if judged[0] is None:
            self._fingerprint.cut()
        else:
            self.findings.add(judged[0])

    def _now(self) -> dict[str, int | None]:
        return {"host_ns": self._host_ns, "guest_us": self.clock.now_us}

    def _postmortem(self, event: Event) -> None:
        sample: Mapping[str, Any] = event.data
        if self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            self._expired(timeout, sample)
        else:
            self.findings.explain_reset(dict(sample))

    def _expired(self, timeout: Event, sample: Mapping[str, Any] | None) -> None:
        index = int(timeout.data["index"])
        check = self.checks.of(index)
        why = f" ({check.reason})" if check is not None and check.reason else ""
        waited_for = f"step {index + 1}, {describe(self.scenario.steps[index])}{why}"
        expiry = self._activity.expiry(waited_for, timeout, self._stream)
        verdict, cause, what = classify(expiry, sample)
        if self._parser.lost and verdict in {Verdict.FAIL, Verdict.HANG}:
            verdict, cause, what = (
                Verdict.INCONCLUSIVE,
                "line-loss",
                f"{what}; the line lost {self._parser.lost} sealed markers",
            )
        if self._full_at is not None and cause in {"expectation", "silent", "silent-idle"}:
            what = (
                f"{what}; the serial log was full at {self._full_at} bytes, and what came after that was not looked at"
            )
            verdict, cause = Verdict.INCONCLUSIVE, "serial-cap"
        self.findings.add(Finding(verdict, cause, what, timeout.seq, index, dict(sample or {})))

    def _serial_cap(self, event: Event) -> None:
        self._full_at = int(event.data["kept"])

    def _interrupt(self, event: Event) -> None:
        self._interrupted = True
        self._find(Verdict.INCONCLUSIVE, "interrupted", f"interrupted by {event.data.get('signal', 'the user')}")

    def _lab_error(self, event: Event) -> None:
        self._find(
            Verdict.INCONCLUSIVE, str(event.data.get("cause", "lab")), safe(str(event.data.get("what", "")), 500)
        )

    def _dialogue(self, event: Event) -> None:
        check = self.checks.of(int(event.data["step"]))
        if check is not None:
            check.reason = f"exchange {event.data['exchange']} waited for {safe(str(event.data['expect']), 200)}"

    def _approved(self, event: Event) -> None:
        self.checks.gauges[int(event.data["step"])].approve(float(event.data["figure"]))

    def _note(self, event: Event) -> None:
        self.notes.append(safe(str(event.data.get("text", "")), 500))

    def _run_end(self, event: Event) -> None:
        if self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            self._expired(timeout, None)
        if self._rules is not None and self.findings.first is None:
            self.findings.closed = False  # what is still open at the end belongs to the run
            self._broken(self._rules.finish())
        self._ended = True

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _where(self) -> str:
        if self.step is None:
            return "before the first step"
        return f"during step {self.step + 1}, {describe(self.scenario.steps[self.step])}"

    def _find(
        self, verdict: Verdict, cause: str, what: str, evidence: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        self.findings.add(Finding(verdict, cause, what, self._seq, self.step if step is None else step, evidence or {}))

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()


def _rule_watch(schema: Schema, scenario: Scenario, check: Check) -> RuleWatch:
    from harness.judge.rule_watch import RuleWatch  # most runs name no families, and a quick boot should stay quick

    return RuleWatch(schema, scenario.rules.families, check)


_HANDLERS: dict[str, Callable[[Evaluator, Event], None]] = {
    "step.begin": Evaluator._step_begin,
    "step.end": Evaluator._step_end,
    "frame": Evaluator._frame,
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
    "dialogue": Evaluator._dialogue,
    "value": Evaluator._approved,
    "note": Evaluator._note,
    "run.end": Evaluator._run_end,
}
