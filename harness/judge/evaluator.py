"""The evaluator: folds the journal, event by event, into checks, findings and a verdict.

It is the only place where anything is decided. The engine feeds it live and waits on what it says; the offline judge feeds it a finished bundle.
Same events, same verdict: it reads no clock, no file and no network (pictures come through the `FrameSource` it was given).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harness.console.safe import safe
from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, Line
from harness.errors import LabError
from harness.evidence.fingerprint import Fingerprint
from harness.evidence.journal import Event
from harness.judge.crash_rules import BUILT_IN
from harness.judge.exits import exit_finding, leaves, shutdown_finding
from harness.judge.expectation import Expectation
from harness.judge.facts import GuestFacts
from harness.judge.hang import Expiry, classify
from harness.judge.sight import find_text, sees
from harness.judge.verdict import Check, CheckStatus, Finding, RunVerdict
from harness.markers.match import Pattern
from harness.markers.parser import MarkerParser
from harness.markers.rules import RuleSet, Violation
from harness.markers.schema import Schema
from harness.markers.types import Marker
from harness.scenario.model import Scenario
from harness.scenario.steps import PASSIVE, Boot, CheckFrame, Command, Expect, ExpectExit, Relaunch, Reset, Shutdown, describe
from harness.verdicts import Verdict

_MAX_VIOLATIONS = 50  # a guest that breaks a rule on every line must not fill the verdict
_READY = "CONTROL"  # family of the rendezvous marker, see docs/protocol.md


class FrameJudge(Protocol):
    """Judges one captured frame. Kept behind a protocol so that a run without frames imports no numerics."""

    def observe(self, event: Event) -> None:
        """See every journal event that shapes the scene (commands, replies)."""
        ...

    def observe_marker(self, marker: Marker) -> None:
        """See every marker (confirmed input)."""
        ...

    def judge(self, step: CheckFrame, event: Event) -> tuple[str, str, dict[str, Any]]:
        """Frame verdict word, reason sentence, details, for the `frame` event of *step*.

        :raises harness.errors.LabError: if nothing can be said.
        """
        ...


class Evaluator:
    """State of the judgement of one run. Feed it every journal event and every console chunk, in journal order."""

    def __init__(self, scenario: Scenario, facts: GuestFacts, schema: Schema, frames: FrameJudge | None = None) -> None:
        self.scenario = scenario
        self.facts = facts
        self.checks: list[Check] = []
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.step: int | None = None
        self.epoch = 0
        self.ready_seq: int | None = None
        self.guest_us: int | None = None
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
        self._rules = RuleSet(schema, scenario.rules.families) if scenario.rules.families else None
        self._fingerprint = Fingerprint()
        self._forbid = [Pattern.parse(p) for p in scenario.forbid]
        self._crash = [Pattern.parse(p) for p in (*BUILT_IN, *facts.crash_texts, *scenario.crash)]
        self._ignore = [Pattern.parse(p) for p in scenario.ignore_crash]
        self._expectations: dict[int, Expectation] = {}
        self._exit_armed: int | None = None
        self._by_step: dict[int, Check] = {}
        self._seq = 0
        self._host_ns = 0
        self._step_guest_us: int | None = None
        self._lines_since = 0
        self._bytes_since = 0
        self._last_line = ""
        self._timeout: Event | None = None
        self._first_guest_us: int | None = None
        self._guest_total_us = 0
        self._interrupted = False
        self._complete = False
        self._ended = False
        self.leaving: Event | None = None  # QMP said that the guest left; decided once the console is drained
        self._exited = False
        self._violations = 0
        self._plan_checks()
        self._arm(since={"start", "boot"}, upto=len(scenario.steps))

    # ---- feeding -------------------------------------------------------------------------------------------------

    def on_chunk(self, chunk: Chunk) -> None:
        """Take console bytes; their `serial` event was fed just before."""
        self.received += len(chunk.data)
        self._bytes_since += len(chunk.data)
        for line in self._stream.feed(chunk):
            self._line(line)
        partial = self._stream.partial
        if partial is not None:
            for index, expectation in self._expectations.items():
                expectation.feed_partial(partial)
                self._check_expectation(index)
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
        return self._exited

    @property
    def timed_out(self) -> bool:
        """Whether a step's deadline passed and its post mortem is still to come."""
        return self._timeout is not None

    @property
    def fatal(self) -> Finding | None:
        """The first finding, after which waiting is pointless."""
        return self.findings[0] if self.findings else None

    def is_settled(self, index: int) -> bool:
        """Whether the check of step *index* is decided."""
        return self._by_step[index].status is not CheckStatus.PENDING

    def partial_matches(self, pattern: Pattern) -> bool:
        """Whether the text of the line that has not ended yet matches."""
        partial = self._stream.partial
        return partial is not None and find_text(pattern, partial) is not None

    def result(self) -> RunVerdict:
        """The verdict on what was fed so far."""
        checks = [self._final(c) for c in self.checks]
        findings = list(self.findings)
        if not self._ended and not findings:
            findings.append(
                Finding(Verdict.INCONCLUSIVE, "harness-died", "the journal ends before the run does: the harness was killed", self._seq)
            )
        unreached = [c for c in checks if c.status is not CheckStatus.MET]
        if not findings and unreached:
            first = unreached[0]
            findings.append(Finding(Verdict.INCONCLUSIVE, "not-reached", f"never reached: {first.what}", self._seq, first.step))
        if findings:
            verdict = findings[0].verdict
        elif not checks:
            verdict = Verdict.NOTHING_CHECKED
            findings.append(Finding(verdict, "nothing-checked", "no expectation and no frame check was made", self._seq))
        else:
            verdict = Verdict.PASS
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
            guest_s=None if self._first_guest_us is None else round(self._guest_total_us / 1e6, 6),
            host_s=round(self._host_ns / 1e9, 3),
            interrupted=self._interrupted,
            notes=list(self.notes),
        )

    # ---- console -------------------------------------------------------------------------------------------------

    def _line(self, line: Line) -> None:
        self._lines_since += 1
        found = self._parser.feed(line)
        for marker in found:
            self._marker(marker)
        if line.text:
            self._last_line = safe(line.text, 120)
        self._watch_text(line, found)
        for index, expectation in self._expectations.items():
            expectation.feed(line, found)
            self._check_expectation(index)
        for listener in self.on_line:
            listener(line)

    def _watch_text(self, line: Line, found: list[Marker]) -> None:
        for pattern in self._forbid:
            if sees(pattern, line, found):
                check = next(c for c in self.checks if c.kind == "forbid" and c.what.endswith(pattern.source))
                check.status, check.reason = CheckStatus.BROKEN, f"line {line.number}: {safe(line.text, 200)}"
                self._find(Verdict.FAIL, "forbidden", f"forbidden text came: {safe(line.text, 200)}", {"offset": line.offset})
        for pattern in self._crash:
            if sees(pattern, line, found) and not any(sees(p, line, found) for p in self._ignore):
                self._find(
                    Verdict.CRASH,
                    "crash-text",
                    f"the guest reported its death: {safe(line.text, 200)}",
                    {"offset": line.offset, "line": line.number, "pattern": pattern.source},
                )
                return

    def _marker(self, marker: Marker) -> None:
        self.markers += 1
        self.last_marker = safe(marker.text, 120)
        self._fingerprint.marker(marker.epoch, marker.text)
        if self.frames is not None:
            self.frames.observe_marker(marker)
        if marker.family == _READY and marker.event == "READY" and marker.trusted and len(marker.args) == 2:
            self._rendezvous(marker)
        if self._rules is not None:
            for violation in self._rules.feed(marker):
                self._violation(violation)
        for listener in self.on_marker:
            listener(marker)

    def _rendezvous(self, marker: Marker) -> None:
        if not all(a.isdecimal() and len(a) < 20 for a in marker.args):  # noqa: PLR2004 - more digits than 64 bits hold
            return
        self.ready_seq, now = int(marker.args[0]), int(marker.args[1])
        if self._first_guest_us is None:
            self._first_guest_us = now
        if self.guest_us is None or now < self.guest_us:
            self._guest_total_us += now  # a new boot epoch counts from zero
        else:
            self._guest_total_us += now - self.guest_us
        self.guest_us = now
        self._fingerprint.cut()

    def _violation(self, violation: Violation) -> None:
        self._violations += 1
        check = next((c for c in self.checks if c.kind == "rule"), None)
        if check is not None:
            check.status, check.reason = CheckStatus.BROKEN, check.reason or violation.what
            if self._violations <= _MAX_VIOLATIONS:
                check.evidence.append({"rule": violation.rule, "what": violation.what, "text": safe(violation.marker.text, 200) if violation.marker else ""})
        if self._violations == 1:
            self._find(Verdict.FAIL, f"rule-{violation.rule}", f"marker rule broken: {violation.what}")

    # ---- steps ---------------------------------------------------------------------------------------------------

    def _plan_checks(self) -> None:
        for index, step in enumerate(self.scenario.steps):
            kind = _CHECK_KINDS.get(step.do)
            if isinstance(step, Command) and step.refused:
                kind = "refusal"
            if isinstance(step, (Boot, Reset, Relaunch)) and (step.until or self.facts.ready):
                kind = "ready"
            if kind is not None:
                check = Check(index, kind, describe(step))
                self.checks.append(check)
                self._by_step[index] = check
        self.checks.extend(Check(None, "forbid", f"never: {p}", CheckStatus.MET) for p in self.scenario.forbid)
        if self.scenario.rules.families:
            self.checks.append(Check(None, "rule", f"rules of {', '.join(self.scenario.rules.families)}", CheckStatus.MET))

    def _arm(self, since: set[str], upto: int, start: int = 0) -> None:
        for index in range(start, upto):
            step = self.scenario.steps[index]
            if isinstance(step, Expect) and step.since in since and index not in self._expectations and not self.is_settled(index):
                self._expectations[index] = Expectation(step)

    def _step_begin(self, event: Event) -> None:
        index = int(event.data["index"])
        self.step = index
        self._lines_since = self._bytes_since = 0
        self._last_line = ""
        step = self.scenario.steps[index]
        if not isinstance(step, PASSIVE) or index == 0:
            self._step_guest_us = self.guest_us
            self._exit_armed = index if isinstance(step, Shutdown) else None
            after = index if isinstance(step, PASSIVE) else index + 1
            while after < len(self.scenario.steps) and isinstance(self.scenario.steps[after], PASSIVE):
                if isinstance(self.scenario.steps[after], ExpectExit):
                    self._exit_armed = after
                after += 1
            self._arm(since={"action"}, start=index, upto=after)

    def _step_end(self, event: Event) -> None:
        index, status = int(event.data["index"]), str(event.data["status"])
        expectation = self._expectations.pop(index, None)
        step = self.scenario.steps[index]
        check = self._by_step.get(index)
        if expectation is not None and check is not None:
            expectation.finish(elapsed=status == "elapsed")
            self._settle(index, expectation)
        elif check is not None and check.kind != "frame" and check.status is CheckStatus.PENDING and status == "done":
            check.status, check.reason = CheckStatus.MET, ""
            check.evidence.append({"host_ns": event.host_ns, "guest_us": self.guest_us})
        if status == "timeout" and not self.findings:
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
        if index == len(self.scenario.steps) - 1 and not self.findings:
            self._complete = all(c.status is CheckStatus.MET for c in self.checks)

    def _guest_limit(self, check: Check, within: float) -> None:
        if self.guest_us is None or self._step_guest_us is None:
            check.status, check.reason = CheckStatus.BROKEN, "guest time is not known here: `within` needs a guest with a rendezvous"
            self._find(Verdict.INCONCLUSIVE, "no-guest-time", f"{check.what}: {check.reason}")
        elif self.guest_us - self._step_guest_us > within * 1e6:
            took = (self.guest_us - self._step_guest_us) / 1e6
            check.status, check.reason = CheckStatus.BROKEN, f"took {took:.6f} s of guest time, limit {within:g} s"
            self._find(Verdict.FAIL, "too-late", f"{check.what}: {check.reason}")

    def _check_expectation(self, index: int) -> None:
        expectation = self._expectations[index]
        if expectation.status is not CheckStatus.PENDING and self._by_step[index].status is CheckStatus.PENDING:
            self._settle(index, expectation)

    def _settle(self, index: int, expectation: Expectation) -> None:
        check = self._by_step[index]
        if check.status is not CheckStatus.PENDING:
            return
        check.status, check.reason, check.evidence = expectation.status, expectation.reason, expectation.evidence()
        if expectation.step.within is None and index == self.step:
            self._maybe_complete(index)
        if expectation.status is CheckStatus.BROKEN and self._broken_by_sight(expectation):
            self._find(Verdict.FAIL, "expectation", f"{check.what}: {expectation.reason}", step=index)

    @staticmethod
    def _broken_by_sight(expectation: Expectation) -> bool:
        """Whether something was seen that must not be (as opposed to something missing, which the deadline explains)."""
        return expectation.reason.startswith("came ")

    # ---- the world -----------------------------------------------------------------------------------------------

    def _frame(self, event: Event) -> None:
        index = int(event.data["step"])
        step = self.scenario.steps[index]
        check = self._by_step[index]
        self._fingerprint.frame(str(event.data["name"]), str(event.data["digest"]))
        if self.ready_seq is not None:
            self._fingerprint.cut()  # the guest stands at its rendezvous: this is what its screen shows there
        if self.frames is None or not isinstance(step, CheckFrame):
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
            self._find(Verdict.FAIL, f"frame-{verdict.lower()}", f"{check.what}: {verdict}: {reason}", {"file": event.data.get("file")}, step=index)

    def _epoch(self, event: Event) -> None:
        self.epoch = int(event.data["number"])
        for line in self._stream.new_epoch(self.epoch):
            self._line(line)
        self.guest_us = self.ready_seq = None
        for index, step in enumerate(self.scenario.steps):
            if isinstance(step, Expect) and step.since == "boot" and not self.is_settled(index):
                self._expectations[index] = Expectation(step)
        if self._rules is not None:
            for violation in self._rules.new_epoch():
                self._violation(violation)

    def _console_send(self, event: Event) -> None:
        self._stream.sent(str(event.data["text"]))

    def _qmp_event(self, event: Event) -> None:
        if self.leaving is None and not self._exited and leaves(event):
            self.leaving = event

    def _drained(self, _: Event) -> None:
        """The guest left and its last words were read: only now is it known whether it was to leave."""
        if self.leaving is not None and not self._exited:
            self._exited = True
            self._exit(shutdown_finding(self.leaving, self._exit_step(), self._where()))

    def _target_exit(self, event: Event) -> None:
        for line in self._stream.finish():
            self._line(line)
        self._drained(event)
        if self._exited or event.data.get("asked"):
            return
        self._exited = True
        self._exit(exit_finding(event, self.facts, self._exit_step(), self._where()))

    def _exit(self, finding: Finding | None) -> None:
        """The guest or QEMU left: as the scenario wanted (no finding), or not."""
        index = self._exit_armed
        check = self._by_step.get(index) if index is not None else None
        if finding is None:
            self._fingerprint.cut()
            if check is not None and check.status is CheckStatus.PENDING:
                check.status = CheckStatus.MET
                check.evidence.append({"host_ns": self._host_ns, "guest_us": self.guest_us})
        else:
            if check is not None and check.status is CheckStatus.PENDING:
                check.status, check.reason = CheckStatus.BROKEN, finding.what
            self._add(finding)

    def _exit_step(self) -> ExpectExit | Shutdown | None:
        step = self.scenario.steps[self._exit_armed] if self._exit_armed is not None else None
        return step if isinstance(step, (ExpectExit, Shutdown)) else None

    def _postmortem(self, event: Event) -> None:
        sample: Mapping[str, Any] = event.data
        if self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            self._expired(timeout, sample)
        elif self.findings and self.findings[0].cause == "guest-reset" and sample.get("triple_fault"):
            first = self.findings[0]
            self.findings[0] = Finding(
                Verdict.CRASH, "triple-fault", first.what.replace("reset itself", "died of a triple fault"), first.seq, first.step, dict(sample)
            )

    def _expired(self, timeout: Event, sample: Mapping[str, Any] | None) -> None:
        index = int(timeout.data["index"])
        check = self._by_step.get(index)
        expectation_reason = f" ({check.reason})" if check is not None and check.reason else ""
        partial = self._stream.partial
        expiry = Expiry(
            waited_for=f"step {index + 1}, {describe(self.scenario.steps[index])}{expectation_reason}",
            limit=str(timeout.data.get("limit", "host")),
            seconds=float(timeout.data.get("seconds", 0.0)),
            lines_since=self._lines_since,
            bytes_since=self._bytes_since,
            unfinished=self._stream.pending,
            last_line=self._last_line or (safe(partial.text, 120) if partial else ""),
        )
        verdict, cause, what = classify(expiry, sample)
        if self._parser.lost and verdict in {Verdict.FAIL, Verdict.HANG}:
            verdict, cause, what = Verdict.INCONCLUSIVE, "line-loss", f"{what}; the line lost {self._parser.lost} sealed markers"
        self._add(Finding(verdict, cause, what, timeout.seq, index, dict(sample or {})))

    def _interrupt(self, event: Event) -> None:
        self._interrupted = True
        self._find(Verdict.INCONCLUSIVE, "interrupted", f"interrupted by {event.data.get('signal', 'the user')}")

    def _lab_error(self, event: Event) -> None:
        self._find(Verdict.INCONCLUSIVE, str(event.data.get("cause", "lab")), safe(str(event.data.get("what", "")), 500))

    def _dialogue(self, event: Event) -> None:
        check = self._by_step[int(event.data["step"])]
        check.reason = f"exchange {event.data['exchange']} waited for {safe(str(event.data['expect']), 200)}"

    def _note(self, event: Event) -> None:
        self.notes.append(safe(str(event.data.get("text", "")), 500))

    def _run_end(self, event: Event) -> None:
        if self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            self._expired(timeout, None)
        if self._rules is not None and not self.findings:
            self._complete = False  # what is still open at the end belongs to the run
            for violation in self._rules.finish():
                self._violation(violation)
        self._ended = True

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _final(self, check: Check) -> Check:
        if check.status is CheckStatus.PENDING:
            return Check(check.step, check.kind, check.what, CheckStatus.NOT_REACHED, check.reason or "the run ended before it", check.evidence)
        return check

    def _where(self) -> str:
        if self.step is None:
            return "before the first step"
        return f"during step {self.step + 1}, {describe(self.scenario.steps[self.step])}"

    def _find(self, verdict: Verdict, cause: str, what: str, evidence: dict[str, Any] | None = None, step: int | None = None) -> None:
        self._add(Finding(verdict, cause, what, self._seq, self.step if step is None else step, evidence or {}))

    def _add(self, finding: Finding) -> None:
        if self._complete:
            return  # everything asked had come: what follows the decision to stop does not count
        if len(self.findings) < _MAX_VIOLATIONS:
            self.findings.append(finding)

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()


_CHECK_KINDS = {
    "check-frame": "frame",
    "expect": "expect",
    "expect-exit": "exit",
    "shutdown": "exit",
    "dialogue": "dialogue",
    "find-click": "picture",
}
"""Steps that are checks, with the kind of their check. A refused command and a boot with a readiness pattern are checks too."""

_HANDLERS: dict[str, Callable[[Evaluator, Event], None]] = {
    "step.begin": Evaluator._step_begin,
    "step.end": Evaluator._step_end,
    "frame": Evaluator._frame,
    "epoch": Evaluator._epoch,
    "console.send": Evaluator._console_send,
    "typed": Evaluator._console_send,
    "qmp.event": Evaluator._qmp_event,
    "console.drained": Evaluator._drained,
    "target.exit": Evaluator._target_exit,
    "postmortem": Evaluator._postmortem,
    "run.interrupted": Evaluator._interrupt,
    "lab.error": Evaluator._lab_error,
    "dialogue": Evaluator._dialogue,
    "note": Evaluator._note,
    "run.end": Evaluator._run_end,
}

