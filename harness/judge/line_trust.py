"""What may be held against a guest whose console comes over a serial line that can lose bytes (docs/boards.md).

Sealed markers prove a part of the stream: sequence numbers without a gap, and every CRC right. What is missing from
such a part was never sent. CRC-8 lets one damaged marker in 256 through, so a part counts only if several in a row came
whole: at any rate of loss that leaves less than one false proof in 5,000.
Everything else that is missing or odd may be the line's doing, and is nobody's fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum, auto

from harness.clients.codec import Garbage, pick
from harness.console.types import Line, LineFlag
from harness.evidence.journal import Event
from harness.judge.checklist import Checklist
from harness.judge.facts import GuestFacts
from harness.judge.verdict import CheckStatus, Finding
from harness.markers.match import Pattern
from harness.markers.types import Marker, MarkerFlag
from harness.scenario.model import Scenario
from harness.scenario.steps import PASSIVE, Boot, Dialogue, Expect, Relaunch, Reset
from harness.verdicts import PRODUCT, Verdict

PROOF = 8  # sealed markers in a row without a blemish; false proofs at loss x a marker: x e^(-8x) / 256, at most 2e-4
_HARMED = MarkerFlag.DAMAGED | MarkerFlag.TORN | MarkerFlag.REJOINED
_ABSENT = frozenset({"expectation", "silent", "silent-idle", "not-recovered"})
_ODD = frozenset({"measure", "too-late"})
_SEEN = frozenset({"expectation", "forbidden"})
_CONFIRMED = frozenset({"boot", "reset", "relaunch", "command", "frames", "recover"})  # what was sent before is over
TRUST_EVENTS = frozenset({"target.start", "step.begin", "console.send", "epoch", "port.lost"})
_REFUSED = frozenset((reason,) for reason in ("verb", "argument", "id", "limit", "state"))
_PREFIX = "RAYOS_"
# A marker whose prefix lost or changed one byte, a seal at the end of a line without a marker, a reply without its
# first bytes: what a bad line leaves of something whole.
_RESIDUE = re.compile(
    "|".join(
        [re.escape(_PREFIX[:at] + _PREFIX[at + 1 :]) + "[A-Z]" for at in range(len(_PREFIX))]
        + [re.escape(_PREFIX[:at]) + "." + re.escape(_PREFIX[at + 1 :]) for at in range(len(_PREFIX))]
        + [r"\*[0-9A-F]{4,7}\s*\Z", r"\A[~RE0-9a-f]{7,10} .*[0-9a-f]{6,8}\s*\Z"]
    )
)


class _Ground(Enum):
    """What a finding rests on."""

    ABSENCE = auto()  # something did not come since a certain place
    VALUES = auto()  # what the markers of this boot say, all of them
    UNSEALED = auto()  # something that came without a seal, and has a digit in it that may be one of several
    FIRM = auto()  # what no lost byte explains


class LineTrust:
    """Fed with the events, lines and markers of a run. On a line that loses nothing it changes nothing."""

    def __init__(self, scenario: Scenario, checks: Checklist, facts: GuestFacts) -> None:
        self.lossy = False
        self.absences = 0  # times that the port went away
        self.damaged = 0  # lines and markers that did not come whole
        self._steps = scenario.steps
        self._checks = checks
        self._ready = facts.ready
        self._sealed = 0  # markers that came whole with a seal
        self._streak = 0  # the last of them, without a blemish in between
        self._blemishes = 0  # gaps and damaged pieces
        self._next = 0  # sequence number to come
        self._last_sealed = False  # whether the last marker had a seal
        self._at_action = self._at_boot = 0  # blemishes before
        self._bare_input = False  # something was sent that no checksum protects and no later step confirmed
        self._grounds: list[tuple[_Ground, int]] = []  # of each finding, and the blemishes before what it rests on
        self._lost = 0
        self._tail: Line | None = None

    # ---- feeding -----------------------------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        """Take one of TRUST_EVENTS."""
        match event.kind:
            case "target.start":
                self.lossy = event.data.get("target") == "serial" and not event.data.get("lossless", False)
            case "step.begin":
                step = self._steps[int(event.data["index"])]
                if not isinstance(step, PASSIVE):
                    self._at_action = self._blemishes
                self._bare_input = self._bare_input and step.do not in _CONFIRMED
            case "console.send":
                self._bare_input = self._bare_input or not str(event.data["text"]).lstrip("\n").startswith("~C")
            case (
                "port.lost"
            ):  # what was said meanwhile went nowhere, also on a line that loses nothing while it is there
                self.lossy = True
                self.absences += 1
                self._blemish()
            case "epoch":
                self._next = 0
                self._at_boot = self._blemishes

    def marker(self, marker: Marker) -> None:
        """Take a marker, before anybody judges by it."""
        if not self.lossy or marker.flags & MarkerFlag.ECHO:
            return
        self._last_sealed = marker.seq is not None and marker.trusted
        if marker.flags & _HARMED:
            self.damaged += 1
            self._blemish()
        elif marker.seq is not None and marker.trusted:
            if marker.seq == 0:
                self._at_boot = self._blemishes  # noise while the board was switched on is not of this boot
            elif marker.seq != self._next:
                self._blemish()
            self._next = (marker.seq + 1) & 0xFFFF
            self._sealed += 1
            self._streak += 1

    def line(self, line: Line, found: Sequence[Marker]) -> None:
        """Take a line with its markers, after them and before anybody judges by it."""
        if self.lossy and _is_harmed(line, found):
            self.damaged += 1
            self._blemish()

    def believable(self, markers: Sequence[Marker]) -> Sequence[Marker]:
        """Without those in which the guest complains of a command that the line garbled: it was sent again."""
        if not self.lossy:
            return markers
        return [m for m in markers if m.family != "CONTROL" or m.event != "ERROR" or not _of_the_line(m)]

    def noted(self, finding: Finding) -> None:
        """A finding was added, now."""
        self._grounds.append(self._ground(finding) if self.lossy else (_Ground.FIRM, 0))

    # ---- the last word -----------------------------------------------------------------------------------------------

    def doubts(self, finding: Finding) -> bool:
        """Whether it would take a proof of the line to hold *finding*, the first one, against the guest."""
        return self.lossy and finding.verdict in PRODUCT and self._grounds[0][0] in {_Ground.ABSENCE, _Ground.VALUES}

    def reconsidered(self, findings: Iterable[Finding], lost: int, tail: Line | None) -> list[Finding]:
        """The findings as they stand now: those that the line may explain are INCONCLUSIVE.

        :param lost: sealed markers that never came.
        :param tail: the line that has not ended.
        """
        self._lost, self._tail = lost, tail
        return [
            self._judged(found, *ground) if found.verdict in PRODUCT else found
            for found, ground in zip(findings, self._grounds, strict=True)
        ]

    def told(self, lost: int) -> str:
        """What the line did to the run, empty for nothing that was seen."""
        if not self.lossy or not (lost or self.damaged or self.absences):
            return ""
        parts = [f"lost {lost} sealed marker{'' if lost == 1 else 's'}"] if lost else []
        if self.damaged:
            parts.append(f"damaged {self.damaged} line{'' if self.damaged == 1 else 's'}")
        if self.absences:
            parts.append(f"went away {'once' if self.absences == 1 else f'{self.absences} times'}")
        return f"the serial line {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}"

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _blemish(self) -> None:
        self._blemishes += 1
        self._streak = 0

    def _ground(self, finding: Finding) -> tuple[_Ground, int]:
        cause = finding.cause
        check = self._checks.of(finding.step) if finding.step is not None else None
        if cause in _SEEN and (cause == "forbidden" or (check is not None and check.by_sight)):
            return (_Ground.FIRM if self._last_sealed or not self._has_digit(finding) else _Ground.UNSEALED), 0
        if cause.startswith("rule-") or cause in _ODD:
            return (_Ground.VALUES if self._last_sealed else _Ground.UNSEALED), self._at_boot
        if cause not in _ABSENT:
            return _Ground.FIRM, 0
        if self._bare_input or finding.step is None or self._awaits_text(finding.step):
            return _Ground.UNSEALED, 0
        step = self._steps[finding.step]
        since = step.since if isinstance(step, Expect) else "action"
        return _Ground.ABSENCE, {"action": self._at_action, "boot": self._at_boot, "start": 0}[since]

    def _has_digit(self, finding: Finding) -> bool:
        """Whether what must not come has a digit: a lost byte makes another number of a number, but no other word."""
        if finding.cause == "forbidden":
            broken = [p for p, c in self._checks.forbidden.items() if c.status is CheckStatus.BROKEN]
        else:
            step = self._steps[finding.step or 0]
            broken = [*step.none, *(c.pattern for c in step.count)] if isinstance(step, Expect) else []
        return any(any(map(str.isdigit, pattern)) for pattern in broken)

    def _awaits_text(self, index: int) -> bool:
        """Whether the step waits for text, which carries no seal."""
        step = self._steps[index]
        if isinstance(step, Dialogue):
            return True
        if isinstance(step, (Boot, Reset, Relaunch)):
            until = step.until or self._ready
            return not until or not Pattern.parse(until).is_marker
        if not isinstance(step, Expect):
            return False
        wanted = (*step.all, *step.any, *step.order, *(c.pattern for c in step.count))
        return not all(Pattern.parse(source).is_marker for source in wanted)

    def _judged(self, found: Finding, ground: _Ground, before: int) -> Finding:
        if ground is _Ground.FIRM:
            return found
        if self._blemishes > before or self._is_torn():
            cause, why = "line-loss", self.told(self._lost) or "the serial line cut the last marker"
        elif not self._sealed or ground is _Ground.UNSEALED:
            cause, why = "line-unprotected", "no seal protects this on the serial line, so the line may be to blame"
        elif self._streak < PROOF:
            many = f"only {self._streak} sealed markers in a row came whole"
            cause, why = "line-unproven", f"{many}, too few to know that the serial line lost nothing"
        else:
            return found
        return replace(found, verdict=Verdict.INCONCLUSIVE, cause=cause, what=f"{found.what}; {why}")

    def _is_torn(self) -> bool:
        """Whether what has not ended may be a marker that lost its line end."""
        text = self._tail.text if self._tail is not None else ""
        return _PREFIX in text or _RESIDUE.search(text) is not None


def _of_the_line(error: Marker) -> bool:
    """Whether a refusal is one of a frame that could not be read. Without a seal it may have lost its numbers itself;
    a command that was refused for what it asks is told by its reply too.
    """
    if error.seq is not None:
        return error.args[:1] == ("0",)
    return not error.args[:1] > ("0",) or not error.args[0].isdecimal() or error.args[1:2] not in _REFUSED


def _is_harmed(line: Line, found: Sequence[Marker]) -> bool:
    """Whether a line that held no damaged marker was damaged all the same: one that a lost line end glued, a piece."""
    if line.flags & LineFlag.INVALID:
        return True
    text = line.text
    reply = pick(text) if "~" in text else None
    if found:
        whole = sum(m.seq is not None for m in found)
        unsealed = found[-1].seq is None and "*" in found[-1].text
        return unsealed or (bool(whole) and (whole > 1 or reply is not None))
    if isinstance(reply, Garbage):
        return reply.why != "type"
    return reply is None and not line.echo and _RESIDUE.search(text) is not None
